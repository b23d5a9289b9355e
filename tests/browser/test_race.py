"""The race, run in the page."""

from __future__ import annotations

import re
import statistics

import pytest
from playwright.sync_api import Locator, expect

from .conftest import Pages
from .drawing import calls_at
from .run_panel import BLUE, GREEN, GREY, ORANGE, RunPanel

pytestmark = pytest.mark.long


@pytest.fixture
def race(pages: Pages) -> RunPanel:
    return RunPanel(pages.cells("race = lab.RacePanel(); race"), "The race")


def canvas(race: RunPanel) -> Locator:
    return race.canvas("The race: trigger, queue, workers")


def test_a_run_ends_in_pictures_and_a_table(race: RunPanel) -> None:
    race.press("Run the race")

    expect(race.status).to_contain_text("Running")
    progress = race.panel.get_by_role("progressbar")
    expect(race.status).to_contain_text("Done.", timeout=30_000)
    race.wait_for_colour(canvas(race), GREEN)
    assert progress.count() == 0 or progress.get_attribute("aria-valuenow") in (None, "20")
    assert race.notebook.ask("race._progress.value") == 20
    expect(race.pictures).to_have_count(1)
    picture = race.pictures.first
    assert len(picture.get_attribute("alt") or "") > 40
    assert picture.evaluate("(image) => image.complete && image.naturalWidth > 300")
    expect(race.rows).to_have_count(10)
    for queue in ("", "0 in the queue, "):  # inline, nothing queues
        everything = f"10 of 10 came; 0 at the trigger, {queue}0 running, 10 handled."
        expect(race.panel.get_by_text(everything)).to_have_count(1)

    blocking, predicted, non_blocking = (list(map(int, race.column(n))) for n in (2, 3, 4))
    assert blocking == sorted(blocking) and predicted == sorted(predicted)
    assert blocking[-1] > 2_300  # ten times 300 ms of work, and 60 ms between the clicks
    assert statistics.median(non_blocking) < statistics.median(blocking) / 2
    race.notebook.do("lab.assert_clean(race)")


def test_a_run_is_seen_live_and_stop_ends_it_and_the_next_one_works(race: RunPanel) -> None:
    race.set("Events", 50)
    race.set("Work", 1000)
    race.press("Run the race")
    expect(race.panel.get_by_text(re.compile("[1-9] running"))).not_to_have_count(0)
    for colour in (ORANGE, GREY, BLUE):
        race.wait_for_colour(canvas(race), colour)

    race.press("Stop")

    expect(race.status).to_contain_text("Stopped.", timeout=10_000)  # and not after 50 s
    expect(race.pictures).to_have_count(0)
    expect(race.button("Stop")).to_be_disabled()

    race.set("Events", 3)
    race.set("Work", 20)
    race.press("Run the race")
    expect(race.status).to_contain_text("Done.")
    expect(race.rows).to_have_count(3)
    expect(race.pictures).to_have_count(1)
    race.notebook.do("lab.assert_clean(race)")


def test_sliders_and_fields_move_together(race: RunPanel) -> None:
    field = race.panel.get_by_role("spinbutton", name="Work (ms)")
    slider = race.panel.get_by_role("slider", name="Work (ms)")

    slider.fill("450")
    expect(field).to_have_value("450")
    field.fill("120")
    field.press("Enter")
    expect(slider).to_have_value("120")

    race.notebook.wait_idle()
    assert race.notebook.ask("race._work.value") == 120


def test_the_live_view_is_still_there_after_its_panel_was_out_of_sight(race: RunPanel) -> None:
    race.set("Events", 4)
    race.set("Work", 50)
    race.press("Run the race")
    page = race.notebook.page
    page.evaluate("() => jupyterapp.commands.execute('launcher:create')")  # another tab in front
    expect(race.panel).to_be_hidden()
    page.evaluate("() => jupyterapp.commands.execute('application:activate-previous-tab')")

    expect(race.status).to_contain_text("Done.")
    race.wait_for_colour(canvas(race), GREEN)


def test_before_the_first_click_the_burst_is_seen(race: RunPanel) -> None:
    race.wait_for_colour(canvas(race), GREY)
    expect(race.panel.get_by_text("10 events to come.")).to_have_count(2)
    race.set("Events", 5)
    expect(race.panel.get_by_text("5 events to come.")).to_have_count(2)
    expect(race.button("Play")).to_be_disabled()


def run(race: RunPanel, events: int, work: int) -> None:
    race.set("Events", events)
    race.set("Work", work)
    race.press("Run the race")
    expect(race.status).to_contain_text("Done.", timeout=30_000)


def test_the_waterfall_is_the_record_at_every_time(race: RunPanel) -> None:
    run(race, 8, 100)
    stamps = race.notebook.ask(
        "[(one.due, one.started, one.finished)"
        " for where in race._stage.where for one in where.stamps]"
    )
    span = max(finished for _, _, finished in stamps)
    times = [span * part // 9 for part in range(1, 10)]
    drawn = calls_at(race.panel, times, "fillRect", "(ink, x, y, width) => [ink.fillStyle, width]")
    bars = {"#999999", "#d55e00", "#0072b2"}
    shown = [[width for colour, width in calls if colour in bars] for calls in drawn]
    scale = sum(shown[-1]) / sum(implied_bars(stamps, span))
    for time, lengths in zip(times, shown, strict=True):
        implied = [scale * length for length in implied_bars(stamps, time)]
        assert lengths == pytest.approx(implied, abs=1), f"at {time} of {span}"


def implied_bars(stamps: list[tuple[int, int, int]], now: int) -> list[int]:
    """Return how long each bar is in nanoseconds: waiting, and then work, if it has begun."""
    bars = []
    for due, started, finished in stamps:
        if due <= now:
            bars.append(min(started, now) - due)
        if started <= now:
            bars.append(min(finished, now) - started)
    return bars


def rings(race: RunPanel) -> int:
    """How many dots have a ring around them: it is wider than any dot."""
    now = int(race.panel.get_by_role("slider", name="Time").input_value())
    (radii,) = calls_at(race.panel, [now], "arc", "(ink, x, y, radius) => radius")
    return sum(radius > 10 for radius in radii)


def test_an_event_is_marked_wherever_it_is_drawn(race: RunPanel) -> None:
    run(race, 6, 50)
    said = race.panel.get_by_text(re.compile("^Event [0-9]+[.] "))
    field = race.panel.get_by_role("spinbutton", name="Event", exact=True)

    field.fill("4")
    expect(said).to_contain_text(
        re.compile("^Event 4[.] Blocking: Inline.*handled by answer, waited")
    )
    assert rings(race) == 2  # one on each side
    field.press("ArrowUp")
    expect(said).to_contain_text("Event 5.")
    field.fill("")
    expect(said).to_have_count(0)
    assert rings(race) == 0

    box = canvas(race).bounding_box()
    assert box
    canvas(race).hover(position={"x": box["width"] / 4, "y": box["height"] - 26})  # the last row
    expect(said).to_contain_text("Event 6.")
    assert rings(race) == 2
    race.button("Play").hover()
    expect(said).to_have_count(0)
