"""The interleaving picker, clicked in the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook

pytestmark = pytest.mark.long

OPPOSITE = "Two locks, taken in opposite order"


class Picker:
    """What a user sees of the picker, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Interleaving picker: who goes next?")
        self.status = self.panel.get_by_role("status")
        self.rows = self.panel.locator("tbody tr")

    def press(self, *labels: str) -> None:
        for label in labels:
            self.panel.get_by_role("button", name=label, exact=True).click()

    def go(self, tasks: str) -> None:
        self.press(*(f"{task} goes" for task in tasks))

    def choose(self, program: str) -> None:
        self.panel.get_by_role("combobox", name="Program").select_option(program)
        expect(self.status).to_have_text("Nothing has run yet. Who goes first?")


@pytest.fixture
def picker(pages: Pages) -> Picker:
    return Picker(pages.cells("picker = lab.InterleavingPicker(); picker"))


def test_a_learner_loses_a_visitor_by_hand(picker: Picker) -> None:
    picker.go("ABBBAA")

    expect(picker.rows).to_have_count(6)
    expect(picker.status).to_contain_text("The end: what must hold does not: count = 1.")
    first, second = picker.rows.nth(0), picker.rows.nth(1)
    expect(first.locator("td")).to_have_text(["1", "before = door.count", "", "count = 0"])
    expect(second.locator("td")).to_have_text(["2", "", "before = door.count", "count = 0"])
    picker.notebook.do("lab.assert_clean(picker)")


def test_the_mark_shows_where_each_task_stands(picker: Picker) -> None:
    picker.go("AAB")

    marks = picker.panel.locator("b")
    expect(marks).to_have_text(["▶     door.count = before + 1", "▶     say_hello()"])


def test_a_learner_walks_into_the_deadlock_and_back_out(picker: Picker) -> None:
    picker.choose(OPPOSITE)
    picker.go("AABBBA")
    expect(picker.status).to_contain_text("deadlock: A waits for right, held by B")

    picker.press(*["Undo"] * 4)
    picker.go("AAAABBBBBB")

    expect(picker.status).to_contain_text("The end: all is well.")


def test_all_orders_and_a_bad_one(picker: Picker) -> None:
    picker.press("Run all orders")
    expect(picker.status).to_have_text("20 orders are possible: 18 go wrong, 2 end well.")

    picker.press("Show me a bad one")
    expect(picker.status).to_contain_text("Bad order 1 of 18.")
    picker.press("Show me a bad one")
    expect(picker.status).to_contain_text("Bad order 2 of 18.")


def test_another_program_begins_at_its_start(picker: Picker) -> None:
    picker.go("AB")
    picker.choose("Threads: the same in a lock")

    picker.press("Show me a bad one")
    expect(picker.status).to_contain_text("There is none: all ")
    expect(picker.panel.get_by_role("cell", name="all is well")).to_be_visible()


def test_it_can_be_driven_with_the_keyboard_alone(picker: Picker) -> None:
    press = picker.notebook.page.keyboard.press
    picker.panel.get_by_role("combobox").focus()
    press("Tab")
    for key in ("Enter", "Space", "Enter"):
        press(key)
    press("Tab")
    for key in ("Space", "Enter", "Space"):
        press(key)

    expect(picker.status).to_contain_text("The end: all is well.")
