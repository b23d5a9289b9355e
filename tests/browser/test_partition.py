"""The partition switch, cut and mended in the page."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

TITLE = "Partition switch: a button here, its counter elsewhere"
HERE, THERE = "the number that is shown", "the number that is true"
BLUE, GREEN, GREY, ORANGE = "#0072b2", "#009e73", "#999999", "#d55e00"
FIGURES = "38px"

# Keeps what is drawn from one clearing of the canvas to the next: the dots by colour, hollow ones
# apart; the large figures; and the numbers of the dots that run, with how far they are.
WATCH = f"""() => {{
  window.drawings = [];
  const ink = CanvasRenderingContext2D.prototype;
  const {{ clearRect, arc, fill, stroke, fillText }} = ink;
  let drawing = {{ dots: {{}}, figures: [], running: [] }}, isDot = false, along = 0, runs = false;
  const count = (colour) => {{
    if (isDot) drawing.dots[colour] = (drawing.dots[colour] ?? 0) + 1;
    isDot = false;
  }};
  ink.clearRect = function (...box) {{
    drawing = {{ dots: {{}}, figures: [], running: [] }};
    drawings.push(drawing);
    clearRect.apply(this, box);
  }};
  ink.arc = function (x, ...circle) {{ [isDot, along] = [true, x]; arc.call(this, x, ...circle); }};
  ink.fill = function () {{
    runs = isDot && this.fillStyle === "{BLUE}";
    count(this.fillStyle);
    fill.apply(this);
  }};
  ink.stroke = function () {{ count(`hollow ${{this.strokeStyle}}`); stroke.apply(this); }};
  ink.fillText = function (text, ...where) {{
    if (runs) drawing.running.push([along, Number(text)]);
    runs = false;
    if (this.font.includes("{FIGURES}") && text !== "") drawing.figures.push(Number(text));
    fillText.apply(this, [text, ...where]);
  }};
  window.unwatch = () => Object.assign(ink, {{ clearRect, arc, fill, stroke, fillText }});
}}"""


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

    @contextmanager
    def watched(self) -> Iterator[list[dict[str, Any]]]:
        """What is drawn meanwhile, with motion: dots by their colour, and the two figures."""
        page, drawings = self.notebook.page, list[dict[str, Any]]()
        page.emulate_media(reduced_motion="no-preference")
        page.evaluate(WATCH)
        try:
            yield drawings
            page.wait_for_timeout(2_500)  # longer than any dot is under way
            drawings += page.evaluate("() => { unwatch(); return drawings }")
        finally:
            page.emulate_media(reduced_motion="reduce")


@pytest.fixture
def switch(pages: Pages) -> Switch:
    return Switch(pages.cells("switch = lab.PartitionSwitch(); switch"))


def clicks_in(drawing: dict[str, Any]) -> int:
    """How many clicks are drawn: waiting, moving, counted, and refused or lost."""
    return sum(drawing["dots"].get(colour, 0) for colour in (BLUE, GREEN, GREY, ORANGE))


def is_answered_after_arrival(drawing: dict[str, Any]) -> bool:
    """Whether no answer runs, or has come back, whose click is still on its way."""
    here, there = drawing["figures"]
    return bool(here + drawing["dots"].get(f"hollow {GREEN}", 0) <= there)


def runs_in_order(drawing: dict[str, Any]) -> bool:
    """Whether no click overtakes another one."""
    from_the_front = [number for _, number in sorted(drawing["running"], reverse=True)]
    return from_the_front == sorted(from_the_front)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_drawing_has_each_click_once_and_the_figures_of_its_dots(
    switch: Switch, seed: int
) -> None:
    presses = random.Random(seed).choices(["+1", "×10", "Cut", "Freeze", "Mend"], k=14)
    switch.press("+1")
    switch.shows(here=1, there=1)
    with switch.watched() as drawings:
        for press in [*presses, "Mend"]:
            switch.press(press)
        switch.notebook.do("switch.settle()")
    counts = switch.notebook.ask("tuple(switch.counts)")
    fired, _, _, refused, _, counted, shown = counts

    assert len(drawings) > len(presses)
    for drawing in drawings:
        here, there = drawing["figures"]
        assert there == drawing["dots"].get(GREEN, 0)
        assert here <= there and is_answered_after_arrival(drawing)
        assert runs_in_order(drawing)
    assert all(clicks_in(one) <= clicks_in(two) for one, two in pairwise(drawings))
    last = drawings[-1]
    assert last["figures"] == [shown, counted]
    assert clicks_in(last) == fired
    assert last["dots"].get(ORANGE, 0) == fired - counted >= refused
    assert BLUE not in last["dots"] and GREY not in last["dots"]
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


def test_clicks_run_when_the_line_is_mended_and_wait_in_grey_while_it_is_frozen(
    switch: Switch,
) -> None:
    switch.press("×10", "×10", "×10")
    switch.shows(here=30, there=30)
    with switch.watched() as drawings:
        switch.press("Freeze", "×10")
        switch.shows(waiting=10, there=30)
        switch.notebook.page.wait_for_timeout(1_000)
        switch.press("Mend")
        switch.shows(here=40, there=40, waiting=0)
        switch.press("+1")
        switch.shows(here=41, there=41, waiting=0)
    held = [one for one in drawings if one["dots"].get(GREY) == 10]
    assert held and held[-1]["figures"] == [30, 30]
    assert any(BLUE in one["dots"] for one in drawings)
    assert any(f"hollow {GREEN}" in one["dots"] for one in drawings)
    assert [one for one in drawings if not is_answered_after_arrival(one)] == []
    assert drawings[-1]["figures"] == [41, 41] and drawings[-1]["dots"] == {GREEN: 41}
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


def test_clicks_do_not_overtake_each_other(switch: Switch) -> None:
    switch.press("+1")
    switch.shows(here=1, there=1)
    with switch.watched() as drawings:
        switch.press("×10", "+1", "+1")
        switch.shows(here=13, there=13)
    assert any(len(drawing["running"]) > 1 for drawing in drawings)
    assert [one for one in drawings if not runs_in_order(one)] == []
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


def test_without_motion_every_dot_is_in_its_place_at_once(switch: Switch) -> None:
    switch.notebook.page.evaluate(WATCH)
    switch.press("×10")
    switch.shows(here=10, there=10)
    switch.press("Cut", "×10", "×10", "+1", "Mend")
    switch.shows(here=30, there=30)
    drawings = switch.notebook.page.evaluate("() => { unwatch(); return drawings }")
    assert not any(BLUE in one["dots"] or f"hollow {GREEN}" in one["dots"] for one in drawings)
    switch.notebook.do("switch.end(); lab.assert_clean(switch)")


def test_the_cell_run_again_begins_afresh_whatever_the_line_was(switch: Switch) -> None:
    switch.press("×10")
    switch.shows(here=10, there=10, waiting=0)
    switch.press("Freeze", "×10")
    switch.shows(there=10, waiting=10)
    switch.notebook.do("before = switch")
    switch.notebook.run_cell("PartitionSwitch")
    switch.shows(here=0, there=0, waiting=0)
    switch.press("×10")
    switch.shows(here=10, there=10, waiting=0)
    switch.press("Cut", "Freeze", "Freeze", "+1", "Mend", "+1")
    switch.shows(here=12, there=12, waiting=0)
    assert switch.notebook.ask("before.counts.counted") == 10
    switch.notebook.do("before.mend(); before.settle(); before.end(); switch.end()")
    assert switch.notebook.ask("before.counts.shown") == 20
    switch.notebook.do("lab.assert_clean(before, switch)")


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
