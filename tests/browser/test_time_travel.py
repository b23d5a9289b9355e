"""The time slider, moved and clicked in the page."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import matplotlib.image
import pytest
from playwright.sync_api import FloatRect, expect

from .conftest import Pages
from .notebook import Notebook
from .run_panel import BLUE, GREEN, GREY, HAS_COLOUR
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

# Keeps what the view has drawn.
DRAWN = """(panel) => { panel.drawn = [];
  panel.addEventListener("ek-drawn", ({ detail }) => panel.drawn.push(detail)) }"""
# Keeps what the status says, and whether it is read out.
HEAR = """(status) => { status.heard = [];
  new MutationObserver(() =>
    status.heard.push(`${status.getAttribute("aria-live")}: ${status.textContent}`))
    .observe(status, { childList: true, characterData: true, subtree: true }) }"""
SLOW_REBUILD = """
import time
at = slider._history.at
slider._history.at = lambda sequence: (time.sleep(0.5), at(sequence))[1]
"""
EVENTS = 30  # that the panel's own log begins with
RESET = 14  # of these, the one that resets the count


class Slider:
    """What a user sees of the time slider, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Time slider: the counter, now and then")
        self.status = self.panel.get_by_role("status")
        self.number = self.panel.locator(".ek-number")
        self.field = self.panel.get_by_role("spinbutton", name="Event (sequence)")
        self.handle = self.panel.get_by_role("slider", name="Event (sequence)")
        self.canvas = self.panel.get_by_role("img")
        self.speed = self.panel.get_by_role("spinbutton", name="Speed (events/s)")

    def press(self, *labels: str) -> None:
        for label in labels:
            self.panel.get_by_role("button", name=label, exact=True).click()

    def says(self, text: str | re.Pattern[str]) -> None:
        expect(self.status).to_contain_text(text)

    def box(self) -> FloatRect:
        self.canvas.scroll_into_view_if_needed()
        box = self.canvas.bounding_box()
        assert box is not None
        return box

    def darkest(self, above: float, below: float) -> float:
        """The middle of the dark pixels between two heights, counted from the canvas's bottom: of
        the cursor there, or of the thumb below it.
        """
        box = self.box()
        clip = FloatRect(
            x=box["x"], y=box["y"] + box["height"] + above, width=box["width"],
            height=below - above,
        )  # fmt: skip
        picture = self.notebook.page.screenshot(clip=clip, animations="disabled")
        pixels: Any = matplotlib.image.imread(BytesIO(picture))[:, :, :3].max(axis=2)
        dark = (pixels < 0.4).any(axis=0).nonzero()[0]
        assert 0 < len(dark) < 25, dark
        return float(dark.mean())


@pytest.fixture
def slider(pages: Pages) -> Slider:
    return Slider(pages.cells("slider = lab.TimeSlider(); slider"))


def test_clicks_are_stored_and_the_slider_grows_with_them(slider: Slider) -> None:
    slider.says(f"After event {EVENTS} of {EVENTS}: the count is 16")

    slider.press("+1", "×10", "Reset", "+1")

    slider.says(f"After event {EVENTS + 13} of {EVENTS + 13}: the count is 1")
    expect(slider.number).to_have_text("1")
    expect(slider.handle).to_have_js_property("max", str(EVENTS + 13))
    expect(slider.handle).to_have_js_property("value", str(EVENTS + 13))
    assert slider.notebook.ask("slider.event_log.last_sequence") == EVENTS + 13
    slider.notebook.do("lab.assert_clean(slider)")


def test_the_slider_goes_back_in_time_and_the_field_with_it(slider: Slider) -> None:
    slider.handle.fill("13")

    expect(slider.field).to_have_value("13")
    expect(slider.number).to_have_text("13")
    slider.says("has reached 10 once")
    expect(slider.panel.get_by_text("Event 13: counter.clicked")).to_be_visible()
    expect(slider.panel.locator("tbody td")).to_have_text(["+1", "3", "×10", "10"])

    slider.field.fill("14")
    slider.field.press("Enter")

    expect(slider.number).to_have_text("0")
    expect(slider.handle).to_have_js_property("value", "14")
    expect(slider.canvas).to_have_attribute("aria-label", re.compile("you are at event 14"))


def test_an_answer_that_is_out_of_date_does_not_move_the_thumb(slider: Slider) -> None:
    slider.handle.fill("6")
    slider.says("After event 6 of")
    slider.notebook.do(SLOW_REBUILD)
    slider.field.fill("3")
    slider.field.press("Enter")
    slider.handle.press("ArrowUp")
    slider.says("After event 3 of")
    assert slider.handle.input_value() == "7"
    slider.says("After event 7 of")
    assert slider.handle.input_value() == "7"


@pytest.mark.parametrize("width", [1280, 900])
def test_the_thumb_is_under_the_cursor_at_every_place(slider: Slider, width: int) -> None:
    page = slider.notebook.page
    try:
        page.set_viewport_size({"width": width, "height": 1000})
        for sequence in (0, 7, 16, 29, EVENTS):
            slider.handle.fill(str(sequence))
            slider.says(f"After event {sequence} of {EVENTS}")
            page.evaluate("() => document.activeElement.blur()")
            cursor, thumb = slider.darkest(-20, -10), slider.darkest(4, 16)
            assert abs(cursor - thumb) <= 1, (sequence, cursor, thumb)
    finally:
        page.set_viewport_size({"width": 1280, "height": 1000})


def test_the_cursor_can_be_dragged_through_the_picture(slider: Slider) -> None:
    box, mouse = slider.box(), slider.notebook.page.mouse
    slider.panel.evaluate(DRAWN)
    slider.handle.fill("13")
    slider.says("After event 13 of 30")
    first = slider.panel.evaluate("(panel) => panel.drawn.at(-1).x")
    slider.handle.fill("21")
    slider.says("After event 21 of 30")
    other = slider.panel.evaluate("(panel) => panel.drawn.at(-1).x")

    mouse.move(box["x"] + first, box["y"] + 60)
    mouse.down()
    slider.says("After event 13 of 30: the count is 13")
    mouse.move(box["x"] + other, box["y"] + 90, steps=5)
    slider.says("After event 21 of 30: the count is 7")
    mouse.up()

    expect(slider.field).to_have_value("21")
    expect(slider.handle).to_be_focused()
    mouse.move(box["x"] + first, box["y"] + 60)
    slider.notebook.wait_idle()
    expect(slider.field).to_have_value("21")
    slider.notebook.do("lab.assert_clean(slider)")


def test_what_is_drawn_is_what_the_log_holds(slider: Slider) -> None:
    slider.panel.evaluate(DRAWN)
    slider.press("Reset", "×10", "+1")
    slider.says(f"After event {EVENTS + 12} of {EVENTS + 12}: the count is 11")
    slider.handle.fill("33")
    slider.says("After event 33 of 42: the count is 2")

    drawn = slider.panel.evaluate("(panel) => panel.drawn.at(-1)")
    stored = slider.notebook.ask(
        "[(entry.sequence, entry.data and entry.data['count']) "
        "for entry in slider.event_log.read()]"
    )
    count, points = 0, [[0, 0]]
    for sequence, added in stored:
        count = count + added if added else 0
        points.append([sequence, count])
    assert drawn["frame"]["points"] == points
    assert (drawn["at"], drawn["frame"]["since"], drawn["frame"]["last"]) == (33, 20, 42)
    for colour in (GREEN, BLUE, GREY):
        slider.notebook.page.wait_for_function(
            HAS_COLOUR, arg=[slider.canvas.element_handle(), colour]
        )


def test_the_status_follows_while_it_plays(slider: Slider) -> None:
    slider.speed.fill("10")
    slider.speed.press("Enter")
    slider.status.evaluate(HEAR)
    slider.press("Play")
    slider.says("Playing")
    slider.says(re.compile(f"^After event {EVENTS} of {EVENTS}: the count is 16"))
    expect(slider.status).to_have_attribute("aria-live", "polite")

    playing = r"off: Playing 30 events\. After event (\d+) of 30: the count is (\d+),"
    heard = [one for one in slider.status.evaluate("(status) => status.heard") if "Playing" in one]
    told = [re.match(playing, one) for one in heard]
    counts = {int(one[1]): int(one[2]) for one in told if one}
    assert None not in told, heard
    assert len(counts) >= 3  # how many are seen of 30 depends on how busy the machine is
    assert counts == {event: event if event < RESET else event - RESET for event in counts}


def test_a_click_in_the_past_goes_to_the_end_of_the_log(slider: Slider) -> None:
    slider.handle.fill("5")
    slider.says("After event 5 of 30")

    slider.press("+1")

    slider.says(f"After event 5 of {EVENTS + 1}: the count is 5")


def test_playing_ends_at_the_newest_event(slider: Slider) -> None:
    slider.speed.fill("50")
    slider.speed.press("Enter")
    slider.press("Play")

    slider.says(f"After event {EVENTS} of {EVENTS}: the count is 16")
    expect(slider.panel.get_by_role("button", name="Stop")).to_be_disabled()
    slider.notebook.do("lab.assert_clean(slider)")


def test_playing_can_be_stopped_and_goes_on_from_there(slider: Slider) -> None:
    slider.press("Play")
    expect(slider.field).to_have_value(re.compile("^([1-9]|1[0-5])$"))
    slider.press("Stop")

    slider.says(f"of {EVENTS}: the count is")
    stopped = int(slider.field.input_value())
    assert 1 <= stopped < EVENTS
    slider.press("Play")
    slider.says(f"Playing {EVENTS} events.")
    slider.press("Stop")
    slider.says("Rebuilt from")
    assert int(slider.field.input_value()) >= stopped


def test_it_can_be_driven_with_the_keyboard_alone(slider: Slider) -> None:
    press = slider.notebook.page.keyboard.press
    slider.panel.get_by_role("button", name="+1", exact=True).focus()
    press("Enter")
    slider.says(f"After event {EVENTS + 1} of {EVENTS + 1}")
    for _ in range(3):
        press("Tab")  # over ×10 and Reset to the field
    press("ArrowDown")
    press("Enter")
    slider.says(f"After event {EVENTS} of {EVENTS + 1}")
    press("Tab")
    press("ArrowLeft")
    slider.says(f"After event {EVENTS - 1} of {EVENTS + 1}")
    press("Home")
    slider.says(f"After event 0 of {EVENTS + 1}")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(slider: Slider, theme: str) -> None:
    slider.notebook.theme(f"JupyterLab {theme}")
    slider.handle.fill("21")
    slider.says("After event 21 of 30")

    SCREENS.mkdir(parents=True, exist_ok=True)
    slider.panel.screenshot(path=SCREENS / f"Time-slider-{theme}.png")

    assert [found for found in slider.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
