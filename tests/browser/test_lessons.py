"""Every lesson in the page: run from top to bottom, its controls used with the mouse and with the
keyboard, and its outputs checked by axe-core in both themes.
"""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
from playwright.sync_api import ElementHandle, TimeoutError, expect

from .axe import grave_faults
from .conftest import Pages
from .monkey import ACTIONS, SHORT, Monkey
from .notebook import Notebook
from .server import LESSONS

TABS = 400


class OfALesson:
    """What holds for every lesson. Each has a class of its own, so that all its tests go to one
    process and share one page.
    """

    path: ClassVar[str]

    @pytest.fixture
    def lesson(self, pages: Pages) -> Notebook:
        """The lesson, which has been run from top to bottom."""
        return pages.lesson(self.path)

    def test_every_button_of_a_lesson_can_be_clicked_and_nothing_fails(
        self, lesson: Notebook
    ) -> None:
        buttons = lesson.page.locator(".jp-OutputArea-output :is(button, summary)")
        clicked, dead = 0, []
        for handle in buttons.element_handles():
            if handle.is_enabled() and handle.is_visible():
                before = lesson.reactions()
                handle.click()
                clicked += 1
                if not lesson.has_reacted(before):
                    dead.append(handle.inner_text())
                stop_what_can_be_stopped(lesson)

        assert clicked
        assert dead == []
        lesson.run_last()  # asserts that nothing failed in the background

    def test_every_control_of_a_lesson_works_with_the_keyboard_alone(
        self, lesson: Notebook
    ) -> None:
        page = lesson.page
        names = [one.aria_snapshot().splitlines()[0] for one in lesson.usable()]
        for name in names:
            assert re.match(r"""- '?[\w ]+ (['"/]).+|- text: .+""", name), f"has no name: {name}"

        lesson.to_the_top()
        keys = iter(["Enter", "Space"] * TABS)
        reached: set[str] = set()
        for _ in range(TABS):
            page.keyboard.press("Tab")
            number = page.evaluate("() => document.activeElement?.dataset.number")
            focused = lesson.focused() if number and number not in reached else None
            if focused:
                reached.add(number)
                operate(lesson, focused, next(keys))
            if len(reached) == len(names):
                break

        assert [name for at, name in enumerate(names) if str(at) not in reached] == []
        lesson.run_last()

    @pytest.mark.parametrize("theme", [pytest.param("Dark", marks=pytest.mark.long), "Light"])
    def test_axe_finds_no_grave_fault_in_the_outputs_of_a_lesson(
        self, lesson: Notebook, theme: str
    ) -> None:
        lesson.theme(f"JupyterLab {theme}")
        found = grave_faults(lesson)
        lesson.theme("JupyterLab Light")
        assert found == []

    @pytest.mark.long
    @pytest.mark.timeout(3_600)
    def test_a_lesson_survives_random_actions(self, lesson: Notebook) -> None:
        monkey = Monkey(lesson)
        try:
            for _ in range(ACTIONS):
                monkey.act()
            stop_what_can_be_stopped(lesson)
            assert lesson.errors() == []
            lesson.run_last()
        except BaseException:
            print("\n".join(monkey.done))
            raise


class LiveCounter(OfALesson):
    def test_each_click_is_counted(self, lesson: Notebook) -> None:
        lesson.run_cell("lab.CounterPanel(threshold=10)")
        panel = lesson.panel("Live counter").first
        for _ in range(3):
            panel.get_by_role("button", name="+1", exact=True).click()
        expect(panel.locator(".ek-number").first).to_have_text("3")

    def test_the_coalesced_flood_ends_on_the_right_number(self, lesson: Notebook) -> None:
        lesson.run_cell("lab.Flood()")
        panel = lesson.panel("Flood: 10,000 updates")
        panel.get_by_role("button", name="Flood coalesced").click()
        expect(panel.locator(".ek-number")).to_have_text(["0", "10,000"])
        expect(panel.get_by_text("1 message sent for 10,000 changes")).to_be_visible()
        expect(panel.get_by_text("0 messages sent for 0 changes")).to_be_visible()


MORE: dict[str, type[OfALesson]] = {"02_live_counter": LiveCounter}

# The longest first, so that no process is left with one at the end.
LONGEST = ("04", "02", "03", "10", "01")

for _path in sorted(LESSONS.glob("*.ipynb"), key=lambda path: path.name[:2] not in LONGEST):
    _name = "Test" + _path.stem.title().replace("_", "")  # Test02LiveCounter
    _base = MORE.get(_path.stem, OfALesson)
    globals()[_name] = type(_name, (_base,), {"path": f"notebooks/{_path.name}"})


def operate(notebook: Notebook, control: ElementHandle, key: str) -> None:
    """Use the focused control with the keys that belong to its kind, and see that it reacts."""
    press = notebook.page.keyboard.press
    tag = control.evaluate("(control) => control.tagName")
    if control.get_attribute("type") == "checkbox":
        was_checked = control.is_checked()
        press("Space")
        assert control.is_checked() != was_checked, "Space does not change the checkbox"
        press("Space")
        return
    if tag in ("SELECT", "INPUT"):
        notebook.wait_settled()  # the control before may move this one
        before = control.input_value()
        is_at_its_end = control.evaluate("(it) => it.max !== undefined && it.value === it.max")
        there, back = ("ArrowDown", "ArrowUp") if tag == "SELECT" else ("ArrowUp", "ArrowDown")
        if is_at_its_end:
            there, back = back, there
        press(there)
        assert control.input_value() != before, f"{there} does nothing"
        press(back)
        assert control.input_value() == before, f"{back} does not take {there} back"
        return
    control.evaluate(
        "(control) => control.addEventListener('click', () => { control.dataset.clicked = 'yes' })"
    )
    press(key)
    assert control.get_attribute("data-clicked") == "yes", f"{key} does not press the button"
    if notebook.can_stop():
        press("Tab")  # the next one is the Stop button
        focused = notebook.focused()
        if not (focused and focused.inner_text() == "Stop"):
            assert not notebook.can_stop(), "Tab does not go on to the Stop button"
            press("Shift+Tab")  # it has come to its end by itself, and Stop cannot be reached
            return
        press(key)
        wait_until_stopped(notebook)


def stop_what_can_be_stopped(notebook: Notebook) -> None:
    """Nobody wants to wait for a whole race after each click."""
    notebook.wait_idle()
    while notebook.can_stop():
        try:
            notebook.stop_buttons().first.click(timeout=SHORT)
        except TimeoutError:
            continue  # it may have come to its end by itself
        wait_until_stopped(notebook)


def wait_until_stopped(notebook: Notebook) -> None:
    expect(notebook.stop_buttons()).to_have_count(0)
    notebook.wait_idle()
