"""The partition switch, cut and mended in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

TITLE = "Partition switch: a button here, its counter elsewhere"
HERE, THERE = "the number that is shown", "the number that is true"


class Switch:
    """What a user sees of the partition switch, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel(TITLE)
        self.status = self.panel.get_by_role("status")

    def press(self, *labels: str) -> None:
        for label in labels:
            self.panel.get_by_role("button", name=label, exact=True).click()

    def shows(self, **clicks: int) -> None:
        """The table has these numbers, and the picture says the same in words."""
        words = {"here": HERE, "there": THERE, "refused": "refused", "waiting": "waiting"}
        for name, number in clicks.items():
            line = self.panel.get_by_role("row").filter(has_text=words[name])
            expect(line.get_by_role("cell").last).to_have_text(str(number))
            if name in ("here", "there"):
                said = re.compile(f"{name} the number is {number}")
                expect(self.panel.get_by_role("img")).to_have_attribute("aria-label", said)


@pytest.fixture
def switch(pages: Pages) -> Switch:
    return Switch(pages.cells("switch = lab.PartitionSwitch(); switch"))


def test_clicks_wait_while_the_line_is_cut_and_go_over_when_it_is_mended(switch: Switch) -> None:
    expect(switch.status).to_have_text(re.compile("Nothing runs yet"))
    switch.press("×10")
    switch.shows(here=10, there=10)

    switch.press("Cut", "×10", "×10", "+1")
    switch.shows(here=10, there=10, waiting=20, refused=1)
    expect(switch.status).to_contain_text("every place is taken")

    switch.press("Mend")
    switch.shows(here=30, there=30, waiting=0)
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


def test_it_can_be_driven_with_the_keyboard_alone(switch: Switch) -> None:
    press = switch.notebook.page.keyboard.press
    switch.panel.get_by_role("button", name="+1", exact=True).focus()
    press("Enter")
    switch.shows(here=1, there=1)
    for _ in range(3):
        press("Tab")  # over ×10 and Cut
    press("Space")
    expect(switch.status).to_contain_text("Frozen: neither side is told")
    switch.panel.get_by_role("button", name="+1", exact=True).focus()
    press("Enter")
    switch.shows(waiting=1, there=1)
    for _ in range(4):
        press("Tab")  # over Freeze as well, to Mend
    press("Enter")
    switch.shows(here=2, there=2, waiting=0)
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(switch: Switch, theme: str) -> None:
    switch.notebook.theme(f"JupyterLab {theme}")
    switch.press("×10")
    switch.shows(here=10, there=10)
    switch.press("Cut", "×10")
    switch.shows(waiting=10)

    SCREENS.mkdir(parents=True, exist_ok=True)
    switch.panel.screenshot(path=SCREENS / f"Partition-switch-{theme}.png")

    assert [found for found in switch.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")
