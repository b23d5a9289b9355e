"""The attacker's console, used in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from eventkit.lab.lesson11.attacks import ATTACKS

from .conftest import Pages
from .notebook import Notebook
from .run_panel import GREEN, GREY, ORANGE, RunPanel
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long


class Console:
    """What a user sees of the attacker's console, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Attacker's console")
        self.status = self.panel.get_by_role("status")
        self.what = self.panel.get_by_role("combobox", name="Attack")
        self.guard = self.panel.get_by_role("checkbox")
        self.picture = self.panel.get_by_role("img", name=re.compile("^Ann, the line"))
        self.rows = self.panel.locator("tbody tr")
        self.tried = 0

    def choose(self, name: str, guarded: bool = True) -> None:
        self.what.select_option(name)
        expect(self.panel.get_by_role("checkbox", name=ATTACKS[name].guard)).to_be_visible()
        self.guard.set_checked(guarded)
        self.notebook.wait_idle()

    def attack(self, name: str, guarded: bool = True) -> None:
        self.choose(name, guarded)
        self.panel.get_by_role("button", name="Attack", exact=True).click()
        self.tried += 1
        self.cell(name, guarded, re.compile(rf"\(try {self.tried}\b"))

    def says(self, text: str) -> None:
        expect(self.status).to_contain_text(text)

    def cell(self, name: str, guarded: bool, text: str | re.Pattern[str]) -> None:
        """The matrix has this text in the row of the attack, below its guard on or off."""
        row = self.panel.get_by_role("row", name=re.compile(f"^{name} "))
        expect(row.get_by_role("cell").nth(1 if guarded else 2)).to_have_text(text)

    def sums_up(self, line: str) -> None:
        expect(self.panel.get_by_text(line, exact=True)).to_be_visible()

    def shows(self, words: str) -> None:
        """The picture says this to those who do not see it."""
        expect(self.picture).to_have_accessible_name(re.compile(re.escape(words)))


@pytest.fixture
def console(pages: Pages) -> Console:
    return Console(pages.cells("console = lab.AttackersConsole(); console"))


def test_a_guard_stops_an_attack_and_without_it_the_attack_gets_through(console: Console) -> None:
    console.says("Ready.")
    console.sums_up("No attack yet")
    expect(console.rows.get_by_role("cell", name="not tried")).to_have_count(2 * len(ATTACKS))

    console.attack("Made-up token")
    console.says("The defence: HTTP status 401. It did not get through. Audit events so far: 1.")
    console.cell("Made-up token", True, "✓ stopped (try 1, 1 audit event)")
    console.shows("✗ stopped, the server looks the token up.")

    console.attack("Made-up token", guarded=False)
    console.says("The defence: HTTP status 202. It got through. Audit events so far: 1.")
    console.cell("Made-up token", False, "✗ got through (try 2)")
    console.shows("the attacker → the line → the house: ✓ arrived.")
    console.sums_up("2 attacks, 1 guard on: 1 got through")
    expect(console.rows.get_by_role("cell", name="not tried")).to_have_count(2 * len(ATTACKS) - 2)
    console.notebook.do("lab.assert_clean(console)")


def test_every_attack_can_be_chosen_and_tried(console: Console) -> None:
    for name in ATTACKS:
        console.attack(name)
        console.says(f"{name}, guard on.")
        console.cell(name, True, re.compile("^✓ stopped"))
    assert console.notebook.ask("len(console.tries)") == len(ATTACKS)
    console.sums_up(f"{len(ATTACKS)} attacks, {len(ATTACKS)} guards on: none got through")
    console.notebook.do("lab.assert_clean(console)")


def test_a_message_is_grey_before_green_if_it_arrives_and_crossed_if_it_is_stopped(
    console: Console,
) -> None:
    see = RunPanel(console.notebook, "Attacker's console").wait_for_colour
    console.choose("Flip a bit", guarded=False)
    see(console.picture, GREY)
    console.attack("Flip a bit", guarded=False)
    see(console.picture, GREEN)
    console.shows("the house, altered: ✓ arrived.")
    console.attack("Flip a bit")
    see(console.picture, ORANGE)
    console.shows("✗ stopped, the cipher authenticates: GCM, not CTR.")


def test_it_can_be_driven_with_the_keyboard_alone(console: Console) -> None:
    press = console.notebook.page.keyboard.press
    console.what.focus()
    press("End")
    press("Tab")
    expect(console.guard).to_be_focused()
    press("Space")
    expect(console.guard).not_to_be_checked()
    console.notebook.wait_idle()
    press("Tab")
    press("Enter")
    console.says("Wait in the queue, guard off.")
    console.cell("Wait in the queue", False, "✗ got through (try 1)")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(console: Console, theme: str) -> None:
    console.notebook.theme(f"JupyterLab {theme}")
    console.attack("Certificate of another host", guarded=False)
    console.attack("Topic that Ann may not use")
    console.attack("Flip a bit")

    SCREENS.mkdir(parents=True, exist_ok=True)
    console.panel.screenshot(path=SCREENS / f"Attackers-console-{theme}.png")

    assert [found for found in console.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
