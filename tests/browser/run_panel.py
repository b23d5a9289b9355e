"""What a user sees of a panel that runs something, and can do with it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator

from .notebook import Notebook

ORANGE, BLUE, GREEN = [0xD5, 0x5E, 0x00], [0x00, 0x72, 0xB2], [0x00, 0x9E, 0x73]
GREY = [0x99, 0x99, 0x99]

# Whether more than a few pixels of a canvas are of the given colour, give or take the
# anti-aliasing.
HAS_COLOUR = """([canvas, [red, green, blue]]) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green)
      + Math.abs(data[at + 2] - blue);
    if (data[at + 3] > 200 && off < 12) found += 1;
  }
  return found > 20;
}"""


class RunPanel:
    """A panel of the notebook's, found by its heading."""

    def __init__(self, notebook: Notebook, title: str):
        self.notebook = notebook
        self.panel = notebook.panel(re.compile(f"^{title}"))
        self.status = self.panel.get_by_role("status")
        self.pictures = self.panel.locator("img")
        self.rows = self.panel.locator("tbody tr")

    def press(self, label: str) -> None:
        self.button(label).click()

    def button(self, label: str) -> Locator:
        return self.panel.get_by_role("button", name=label, exact=True)

    def set(self, label: str, value: int) -> None:
        field = self.panel.get_by_role("spinbutton", name=re.compile(rf"^{label} \("))
        field.fill(str(value))
        field.press("Enter")
        self.notebook.wait_idle()  # a click may be quicker than a setting before it

    def canvas(self, name: str) -> Locator:
        return self.panel.get_by_role("img", name=re.compile(f"^{name}"))

    def column(self, number: int) -> list[str]:
        return self.rows.locator(f"td:nth-child({number})").all_text_contents()

    def wait_for_colour(self, canvas: Locator, colour: list[int]) -> None:
        self.notebook.page.wait_for_function(HAS_COLOUR, arg=[canvas.element_handle(), colour])
