"""The attacker's console, used in the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from eventkit.lab.lesson11.attacks import ATTACKS

from .conftest import Pages
from .notebook import Notebook
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
        self.rows = self.panel.locator("tbody tr")

    def attack(self, name: str, guarded: bool = True) -> None:
        tries = self.rows.count()
        self.what.select_option(name)
        expect(self.panel.get_by_role("checkbox", name=ATTACKS[name].guard)).to_be_visible()
        self.guard.set_checked(guarded)
        self.notebook.wait_idle()
        self.panel.get_by_role("button", name="Attack", exact=True).click()
        expect(self.rows).to_have_count(tries + 1)

    def says(self, text: str) -> None:
        expect(self.status).to_contain_text(text)

    def last(self) -> list[str]:
        return self.rows.last.locator("td").all_text_contents()


@pytest.fixture
def console(pages: Pages) -> Console:
    return Console(pages.cells("console = lab.AttackersConsole(); console"))


def test_a_guard_stops_an_attack_and_without_it_the_attack_gets_through(console: Console) -> None:
    console.says("Ready.")

    console.attack("Made-up token")
    console.says("The defence: HTTP status 401. It did not get through. Audit events so far: 1.")
    assert console.last() == ["1", "Made-up token", "on", "no", "1"]

    console.attack("Made-up token", guarded=False)
    console.says("The defence: HTTP status 202. It got through. Audit events so far: 1.")
    assert console.last() == ["2", "Made-up token", "off", "yes", "0"]
    console.notebook.do("lab.assert_clean(console)")


def test_every_attack_can_be_chosen_and_tried(console: Console) -> None:
    for name in ATTACKS:
        console.attack(name)
        console.says(f"{name}, guard on.")
        assert console.last()[1:4] == [name, "on", "no"]
    assert console.notebook.ask("len(console.tries)") == len(ATTACKS)
    console.notebook.do("lab.assert_clean(console)")


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
    assert console.last() == ["1", "Wait in the queue", "off", "yes", "0"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(console: Console, theme: str) -> None:
    console.notebook.theme(f"JupyterLab {theme}")
    console.attack("Certificate of another host", guarded=False)
    console.attack("Topic that Ann may not use")
    console.attack("Flip a bit")

    SCREENS.mkdir(parents=True, exist_ok=True)
    console.panel.screenshot(path=SCREENS / f"Attackers-console-{theme}.png")

    assert [found for found in console.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
