"""The time slider, moved and clicked in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

EVENTS = 30  # that the panel's own log begins with


class Slider:
    """What a user sees of the time slider, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Time slider: the counter, now and then")
        self.status = self.panel.get_by_role("status")
        self.number = self.panel.locator(".ek-number")
        self.field = self.panel.get_by_role("spinbutton", name="Event (sequence)")
        self.handle = self.panel.get_by_role("slider", name="Event (sequence)")
        self.speed = self.panel.get_by_role("spinbutton", name="Speed (events/s)")

    def press(self, *labels: str) -> None:
        for label in labels:
            self.panel.get_by_role("button", name=label, exact=True).click()

    def says(self, text: str) -> None:
        expect(self.status).to_contain_text(text)


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
    expect(slider.panel.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("you are at event 14")
    )


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
