"""The checker of accessibility itself: it sees what it is there to see."""

from __future__ import annotations

from .axe import grave_faults
from .conftest import Pages

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
