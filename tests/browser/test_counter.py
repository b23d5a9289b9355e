"""The live counter, clicked in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from eventkit.lab.lesson02.counter import EXECUTORS

from .conftest import Pages
from .notebook import Notebook

pytestmark = pytest.mark.long

PANEL = "panel = lab.CounterPanel(threshold=10); panel"


class Counter:
    """What a user sees of the counter, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Live counter")
        self.number = self.panel.locator(".ek-number")
        self.status = self.panel.get_by_role("status")

    def press(self, label: str) -> None:
        self.button(label).click()

    def button(self, label: str) -> Locator:
        return self.panel.get_by_role("button", name=label, exact=True)

    def choose(self, executor: str) -> None:
        self.panel.get_by_role("combobox", name="Processor").select_option(executor)
        self.notebook.wait_idle()

    def set_threshold(self, threshold: int) -> None:
        field = self.panel.get_by_role("spinbutton", name="Notify at")
        field.fill(str(threshold))
        field.press("Enter")
        self.notebook.wait_idle()
        assert self.notebook.ask("panel.counter.threshold") == threshold

    def shows(self, number: int) -> None:
        expect(self.number).to_have_text(str(number))

    def press_many(self, label: str, times: int) -> None:
        """Press with the mouse as fast as a finger could ever do."""
        button = self.button(label)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        for _ in range(times):
            self.notebook.page.mouse.click(
                box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, delay=10
            )

    def is_clean(self) -> None:
        self.notebook.do("lab.assert_clean(panel)")


@pytest.fixture
def counter(pages: Pages) -> Counter:
    return Counter(pages.cells(PANEL))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_click_of_many_in_a_row_is_counted(counter: Counter, executor: str) -> None:
    clicks = 200
    counter.choose(executor)

    counter.press_many("+1", clicks)

    counter.shows(clicks)
    counter.notebook.wait_idle()
    assert counter.notebook.ask("panel.counter.value") == clicks
    counter.shows(clicks)
    counter.is_clean()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_ten_thousand_are_all_counted_and_stay(counter: Counter, executor: str) -> None:
    """How soon they stand there is measured by the benchmark `click`."""
    counter.choose(executor)

    counter.press_many("×100", 100)
    counter.shows(10_000)

    counter.notebook.wait_idle()
    counter.shows(10_000)
    counter.is_clean()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_crossing_is_told_once(counter: Counter, executor: str) -> None:
    counter.choose(executor)
    page = counter.notebook.page
    counter.status.evaluate(
        "(line) => { window.told = []; new MutationObserver(() => told.push(line.textContent))"
        ".observe(line, { childList: true, characterData: true, subtree: true }) }"
    )

    def crosses(label: str, number: int, nth: int | None) -> None:
        """Press and look: the nth notification, or none."""
        before = page.evaluate("() => told.length")
        counter.press(label)
        counter.shows(number)
        if nth is not None:
            expect(counter.status).to_have_text(re.compile(f"^Notification {nth}: "))
        counter.notebook.wait_idle()
        assert page.evaluate("() => told.length") == before + (nth is not None)

    expect(counter.status).to_have_text("No notification yet.")
    for number in range(1, 10):
        crosses("+1", number, None)
    crosses("+1", 10, 1)  # 9 → 10: to the threshold
    crosses("+1", 11, None)
    crosses("×10", 21, None)
    crosses("Reset", 0, None)
    crosses("×10", 10, 2)  # the threshold in one go
    crosses("×100", 110, None)
    counter.set_threshold(150)
    crosses("×100", 210, 3)  # a hundred events: one of them ends on it
    counter.set_threshold(300)
    crosses("×10", 220, None)
    crosses("Reset", 0, None)
    crosses("×100", 100, None)
    counter.set_threshold(50)  # edited to below the count: nothing is crossed
    crosses("+1", 101, None)
    counter.set_threshold(250)
    crosses("+100", 201, None)
    crosses("+100", 301, 4)  # one event, over 250 without a count of 250
    expect(counter.status).to_contain_text("was 301 when it crossed 250")

    assert len(counter.notebook.ask("panel.notifications")) == 4
    counter.is_clean()


def test_the_notification_is_in_a_live_region_that_stays(counter: Counter) -> None:
    expect(counter.status).to_have_attribute("aria-live", "polite")
    counter.status.evaluate("(line) => line.setAttribute('data-mine', 'yes')")

    counter.press("×10")

    expect(counter.status).to_contain_text("was 10 when it crossed 10")
    expect(counter.status).to_have_attribute("data-mine", "yes")


def test_the_processor_can_be_changed_between_clicks(counter: Counter) -> None:
    right = 0
    for executor in [*EXECUTORS, *EXECUTORS]:
        for label, clicks in (("×100", 100), ("+1", 1), ("×10", 10), ("+100", 100)):
            counter.press(label)
            right += clicks
        counter.choose(executor)  # while the last clicks may still be waiting
        counter.press("+1")
        right += 1

    counter.shows(right)
    assert counter.notebook.ask("panel.counter.value") == right
    assert len(counter.notebook.ask("panel.notifications")) == 1
    counter.is_clean()


def test_work_per_click_shows_in_how_the_number_moves(counter: Counter) -> None:
    """Handed over, the clicks are accepted at once and counted one by one; nothing is lost."""
    counter.choose("Threads(4): handed over")
    work = counter.panel.get_by_role("spinbutton", name="Work per click (ms)")
    work.fill("20")
    work.press("Enter")
    counter.notebook.wait_idle()

    counter.press("×10")
    counter.press("×10")

    counter.shows(20)
    counter.is_clean()
