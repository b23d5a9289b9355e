"""Every panel can be read in the light and in the dark theme."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .server import REPOSITORY

SCREENS = REPOSITORY / "build" / "screens"
CELLS = [
    "counter = lab.CounterPanel(); counter",
    "race = lab.RacePanel(); race",
    "tracer = lab.ClickTracer(); tracer",
    "explorer = lab.PartsExplorer(); explorer",
    """prediction = lab.Prediction("What will happen?", {
        "a": ("One waits for the other", "It stands in the queue behind the other one."),
        "b": ("Neither waits. " * 12, "There is one thread only."),
    }, right="a"); prediction.again()""",
]
PANELS = [
    "Live counter",
    "The race",
    "Click tracer",
    "Parts explorer",
    "Asked again: What will happen?",
]

# For each piece of text: its contrast with the background that is behind it (WCAG 2, 1.4.3).
CONTRASTS = """(panel) => {
  const channels = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const { rgb, alpha } = channels(getComputedStyle(one).backgroundColor);
      if (alpha > 0.9) return rgb;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("style, :disabled, details")) continue;
    const [one, other] = [channels(getComputedStyle(element).color).rgb, behind(element)]
      .map(luminance).sort((a, b) => b - a);
    found.push([texts.currentNode.data.trim(), (one + 0.05) / (other + 0.05)]);
  }
  return found;
}"""


@pytest.fixture(scope="module", params=["Light", "Dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.long
def test_all_text_stands_out_from_its_background(pages: Pages, theme: str) -> None:
    notebook = pages.cells(*CELLS)
    notebook.theme(f"JupyterLab {theme}")
    use_every_panel(notebook)

    SCREENS.mkdir(parents=True, exist_ok=True)
    faint = []
    for title in PANELS:
        panel = notebook.panel(re.compile("^" + re.escape(title)))
        panel.screenshot(path=SCREENS / f"{title.rstrip('?').replace(' ', '-')}-{theme}.png")
        faint += [(title, *found) for found in panel.evaluate(CONTRASTS) if found[1] < 4.5]
    assert faint == []


def use_every_panel(notebook: Notebook) -> None:
    counter = notebook.panel("Live counter")
    counter.get_by_role("button", name="×10", exact=True).click()
    expect(counter.get_by_role("status")).to_contain_text("crossed 10")

    notebook.panel("Click tracer").get_by_role("button").click()
    expect(notebook.panel("Click tracer").get_by_role("table")).to_be_visible()

    explorer = notebook.panel("Parts explorer")
    explorer.get_by_role("button", name="Fire button.click").click()
    expect(explorer.get_by_role("listitem")).not_to_have_count(0)

    prediction = notebook.panel("Asked again: What will happen?")
    prediction.get_by_role("button", name=re.compile(r"^b\)")).click()
    expect(prediction.get_by_role("status")).to_contain_text("Not so")

    race = notebook.panel(re.compile("^The race"))
    race.get_by_role("button", name="Run the race").click()
    expect(race.get_by_role("status")).to_contain_text("Done.")
    expect(race.locator("img")).to_have_count(1)
