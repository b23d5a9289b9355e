"""The race of five, run in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from .conftest import Pages
from .notebook import Notebook
from .test_race import PIXELS

ORANGE, BLUE, GREEN = [0xD5, 0x5E, 0x00], [0x00, 0x72, 0xB2], [0x00, 0x9E, 0x73]


class Five:
    """What a user sees of the race of five, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel(re.compile("^The race of five"))
        self.status = self.panel.get_by_role("status")
        self.lines = self.panel.get_by_role("listitem")
        self.rows = self.panel.locator("tbody tr")

    def press(self, label: str) -> None:
        self.panel.get_by_role("button", name=label, exact=True).click()

    def set(self, label: str, value: int) -> None:
        field = self.panel.get_by_role("spinbutton", name=re.compile(rf"^{label} \("))
        field.fill(str(value))
        field.press("Enter")

    def canvas(self) -> Locator:
        return self.panel.get_by_role("img", name=re.compile("^Race of five"))


@pytest.fixture
def five(pages: Pages) -> Five:
    return Five(pages.cells("five = lab.WaysPanel(); five"))


def test_a_race_rises_live_and_ends_in_a_table(five: Five) -> None:
    expect(five.lines).to_have_text([re.compile("not begun")] * 5)
    five.set("Connections", 20)
    five.press("Run the race of five")

    expect(five.status).to_contain_text("Blocking comes last: 2.0 s")
    expect(five.lines.first).to_contain_text(re.compile(r"Blocking: Inline\(\): 1?\d of 20"))
    expect(five.status).to_contain_text("Done.", timeout=60_000)

    expect(five.lines).to_have_text([re.compile("20 of 20 answered after")] * 5)
    expect(five.rows).to_have_count(5)
    expect(five.canvas()).to_have_accessible_name(re.compile(r"Selector\(\): 20 of 20"))
    for colour in (ORANGE, BLUE, GREEN):
        five.notebook.page.wait_for_function(
            f"([canvas, colour]) => ({PIXELS})(canvas, colour) > 20",
            arg=[five.canvas().element_handle(), colour],
        )
    finished = five.rows.locator("td:nth-child(3)").all_text_contents()
    blocking, *others = map(float, finished)
    assert blocking >= 1.98
    assert max(others) < blocking
    assert five.rows.locator("td:nth-child(7)").all_text_contents() == ["1", "20", "1", "1", "1"]


def test_stop_ends_a_race_early_and_the_next_one_works(five: Five) -> None:
    five.set("Connections", 1000)
    five.press("Run the race of five")
    expect(five.lines.nth(1)).to_contain_text("1,000 of 1,000", timeout=60_000)

    five.press("Stop")

    expect(five.status).to_contain_text("Stopped.", timeout=20_000)  # and not after 100 s
    expect(five.rows.first).to_contain_text("Threads(n)")
    expect(five.panel.get_by_role("button", name="Stop")).to_be_disabled()

    five.set("Connections", 2)
    five.press("Run the race of five")
    expect(five.status).to_contain_text("Done.", timeout=60_000)
    expect(five.rows).to_have_count(5)
    five.notebook.do("lab.assert_clean(five)")
