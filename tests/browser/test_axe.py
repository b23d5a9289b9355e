"""The checks of lessons themselves: they see what they are there to see."""

from __future__ import annotations

import pytest

from .axe import grave_faults
from .conftest import Pages
from .test_lessons import OfALesson

pytestmark = pytest.mark.long

SPOILT = """
import ipywidgets as widgets
lab.Panel(
    "Spoilt",
    widgets.HTML("<button></button>"),
    widgets.HTML("<p style='color:#999;background:#fff'>faint</p>"),
    widgets.HTML("<img src='data:,'>"),
)
"""


def test_axe_sees_a_button_without_a_name_faint_text_and_a_picture_without_words(
    pages: Pages,
) -> None:
    found = grave_faults(pages.cells(SPOILT))

    rules = {fault.partition(":")[0] for fault in found}
    assert rules == {"button-name", "color-contrast", "image-alt"}


TRAP = """
keeps_tab = "if (event.key === 'Tab') event.preventDefault()"
trap = widgets.HTML(f'<button onkeydown="{keeps_tab}">trap</button>')
lab.Panel("Spoilt", trap, widgets.Button(description="behind it"))
"""


def test_a_keyboard_trap_is_noticed(pages: Pages) -> None:
    notebook = pages.cells("import ipywidgets as widgets" + TRAP)
    with pytest.raises(AssertionError, match="behind it"):
        OfALesson().test_every_control_of_a_lesson_works_with_the_keyboard_alone(notebook)


DEAD = """
label, alive = widgets.Label("0"), widgets.Button(description="alive")
alive.on_click(lambda _: setattr(label, "value", label.value + "1"))
lab.Panel("Spoilt", alive, widgets.Button(description="dead"), label)
"""


def test_a_button_without_a_handler_is_noticed(pages: Pages) -> None:
    notebook = pages.cells("import ipywidgets as widgets" + DEAD)
    with pytest.raises(AssertionError, match=r"\['dead'\] == \[\]"):
        OfALesson().test_every_button_of_a_lesson_can_be_clicked_and_nothing_fails(notebook)
