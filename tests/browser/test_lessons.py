"""Every lesson in the page: run from top to bottom with the keyboard alone, its controls used with
the mouse and with the keyboard, and its outputs checked by axe-core in both themes.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import ElementHandle, expect

from .axe import grave_faults
from .conftest import Pages
from .notebook import Notebook
from .server import LESSONS

TABS = 400


@pytest.fixture(scope="module", params=sorted(LESSONS.glob("*.ipynb")), ids=lambda p: p.stem)
def path(request: pytest.FixtureRequest) -> str:
    """A lesson's path in the server's root. All tests of one lesson come together."""
    return f"notebooks/{request.param.name}"


@pytest.fixture
def lesson(pages: Pages, path: str) -> Notebook:
    """A lesson that has been run from top to bottom."""
    return pages.lesson(path)


def test_every_button_of_a_lesson_can_be_clicked_and_nothing_fails(lesson: Notebook) -> None:
    buttons = lesson.page.locator(".jp-OutputArea-output :is(button, summary)")
    clicked = 0
    for handle in buttons.element_handles():
        if handle.is_enabled() and handle.is_visible():
            handle.scroll_into_view_if_needed()
            handle.click()
            stop_what_can_be_stopped(lesson)
            clicked += 1

    assert clicked
    lesson.run_last()  # asserts that nothing failed in the background


def test_every_control_of_a_lesson_works_with_the_keyboard_alone(lesson: Notebook) -> None:
    page = lesson.page
    names: dict[str, str] = {}
    for control in lesson.controls().all():
        if control.is_enabled() and control.is_visible():
            name = control.aria_snapshot().splitlines()[0]
            control.evaluate("(control, number) => { control.dataset.number = number }", len(names))
            names[str(len(names))] = name
            assert re.match(r"""- '?[\w ]+ (['"/]).+|- text: .+""", name), f"has no name: {name}"

    lesson.to_the_top()
    keys = iter(["Enter", "Space"] * TABS)
    reached: set[str] = set()
    for _ in range(TABS):
        page.keyboard.press("Tab")
        focused = lesson.focused()
        number = focused and focused.get_attribute("data-number")
        if focused and number and number not in reached:
            reached.add(number)
            operate(lesson, focused, next(keys))
        if len(reached) == len(names):
            break

    assert [name for number, name in names.items() if number not in reached] == []
    lesson.run_last()


def test_axe_finds_no_grave_fault_in_the_outputs_of_a_lesson(lesson: Notebook) -> None:
    for theme in ("Dark", "Light"):  # the light one last: what comes next finds it as it was
        lesson.theme(f"JupyterLab {theme}")
        assert grave_faults(lesson) == [], theme


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
        assert focused and focused.inner_text() == "Stop"
        press(key)
        wait_until_stopped(notebook)


def stop_what_can_be_stopped(notebook: Notebook) -> None:
    """Nobody wants to wait for a whole race after each click."""
    notebook.wait_idle()
    if notebook.can_stop():
        notebook.stop_buttons().first.click()
        wait_until_stopped(notebook)


def wait_until_stopped(notebook: Notebook) -> None:
    expect(notebook.stop_buttons()).to_have_count(0)
    notebook.wait_idle()
