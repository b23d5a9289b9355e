"""The time slider: what was true after any event, rebuilt from the log."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import eventkit as ek
from eventkit.lab import TimeSlider, rebuild_figure
from eventkit.lab.lesson09.history import CLICKED, RESET, Count, History, Moment, Rebuilt
from eventkit.lab.lesson09.history_view import picture_of
from eventkit.lab.lesson09.time_slider import Position

from .conftest import LONG

ROOT = Path(__file__).parents[2]
TASK = "## The time slider"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ek.EventLog]:
    with ek.open_log(tmp_path / "clicks.db") as log:
        yield log


@pytest.fixture
def slider(log: ek.EventLog) -> Iterator[TimeSlider]:
    slider = TimeSlider(log)
    yield slider
    slider.bus.assert_clean()
    slider.end()


def press(slider: TimeSlider, *names: str) -> Position:
    for name in names:
        if name == "Reset":
            slider.reset()
        else:
            slider.click(name, 10 if name == "×10" else 1)
    slider.bus.drain(LONG)
    return slider.position


def travel(slider: TimeSlider, sequence: int) -> Position:
    slider.bus.fire("travel.to", sequence)
    slider.bus.drain(LONG)
    return slider.position


def wait_for_the_end(slider: TimeSlider) -> None:
    assert slider._timer is not None
    assert slider._timer.wait(LONG)
    slider.bus.drain(LONG)


def fill(log: ek.EventLog, events: int, seed: int = 1) -> None:
    chance = random.Random(seed)
    log.append_all(
        ek.Event(RESET)
        if chance.random() < 0.1
        else ek.Event(CLICKED, {"button": chance.choice(["+1", "×10"]), "count": 1})
        for _ in range(events)
    )


@pytest.mark.parametrize("every", [1, 7, 20, 1_000])
def test_every_moment_is_the_same_with_snapshots_as_without(log: ek.EventLog, every: int) -> None:
    fill(log, 100)
    history = History(log, every)
    history.grow()

    moment = Moment()
    for entry in log.read():
        moment = moment.after(entry)
        rebuilt = history.at(entry.sequence)
        assert rebuilt.moment == moment
        assert rebuilt.entry == entry
        assert rebuilt.read == entry.sequence - rebuilt.since < every


def test_other_topics_in_the_log_are_passed_over(log: ek.EventLog) -> None:
    for topic in ("door.opened", CLICKED, "door.opened", CLICKED, "door.opened"):
        log.append(ek.Event(topic, {"button": "+1", "count": 1}))
    history = History(log)
    history.grow()

    assert history.counts == [(0, 0), (2, 1), (4, 2)]
    assert [history.at(n).moment.sequence for n in range(6)] == [0, 0, 2, 2, 4, 4]
    assert [history.after(n) for n in range(6)] == [2, 2, 4, 4, 4, 4]


def test_what_the_buttons_do_is_stored_and_counted(slider: TimeSlider, log: ek.EventLog) -> None:
    at = press(slider, "+1", "×10", "Reset", "+1")

    assert [entry.topic for entry in log.read()] == [*[CLICKED] * 11, RESET, CLICKED]
    assert at.there.moment == Moment(13, Count(1, 1), {"+1": 2, "×10": 10, "Reset": 1})


def test_who_stands_at_the_newest_event_goes_along_and_who_is_in_the_past_stays(
    slider: TimeSlider,
) -> None:
    assert press(slider, "+1", "+1").sequence == 2
    travel(slider, 1)

    at = press(slider, "+1")

    assert (at.sequence, at.last, at.there.moment.counter.value) == (1, 3, 1)
    assert travel(slider, 3).there.moment.counter.value == 3


def test_the_future_and_the_time_before_time_end_at_the_ends(slider: TimeSlider) -> None:
    press(slider, "+1", "+1")
    assert travel(slider, 99).sequence == 2
    assert travel(slider, -1).sequence == 0
    assert slider.position.said == (
        "After event 0 of 2: the count is 0, and it has never reached 10. "
        "Rebuilt from the start: 0 events read."
    )


def test_it_says_what_it_took_to_rebuild(slider: TimeSlider) -> None:
    press(slider, *["×10"] * 3)
    assert travel(slider, 21).said == (
        "After event 21 of 30: the count is 21, and it has reached 10 once. "
        "Rebuilt from the snapshot after event 20 and 1 event read since."
    )


@pytest.mark.parametrize(
    ("sequence", "reached"),
    [(9, "never reached 10"), (10, "reached 10 once"), (31, "reached 10 twice")],
)
def test_it_says_how_often_the_threshold_was_reached(
    slider: TimeSlider, sequence: int, reached: str
) -> None:
    press(slider, "×10", "Reset", "×10", "×10", "Reset", "×10")
    assert f"it has {reached}." in travel(slider, sequence).said


def test_before_the_first_snapshot_it_is_rebuilt_from_the_start(slider: TimeSlider) -> None:
    press(slider, "×10", "×10")
    assert "Rebuilt from the start: 13 events read." in travel(slider, 13).said
    assert "from the snapshot after event 20 and 0 events" in travel(slider, 20).said


def test_the_status_follows_each_step_and_is_not_read_out_meanwhile(slider: TimeSlider) -> None:
    press(slider, "×10")
    slider._speed.value = 1
    slider.bus.fire("travel.play")
    for sequence in (1, 2, 3):
        slider.bus.fire("travel.step")
        slider.bus.drain(LONG)
        slider._paint()
        assert f"After event {sequence} of 10: the count is {sequence}," in slider._status.text
        assert slider._status.live == "off"
    slider.bus.fire("travel.stop")
    slider.bus.drain(LONG)
    slider._paint()
    assert slider._status.live == "polite"


def test_the_lesson_asks_for_events_that_there_are() -> None:
    notebook = json.loads((ROOT / "notebooks" / "09_event_list.ipynb").read_text("utf-8"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"]]
    [task] = [text.partition(TASK)[2] for text in texts if TASK in text]
    asked = [int(number) for number in re.findall(r"\d+", re.sub(r"(?m)^\d\.|[+×]\d+", "", task))]
    slider = TimeSlider()
    slider.end()
    assert asked
    assert max(asked) <= slider.position.last


def test_playing_goes_from_the_start_to_the_newest_event_and_ends(slider: TimeSlider) -> None:
    press(slider, "+1", "×10")
    slider._speed.value = 50
    slider.bus.fire("travel.play")
    slider.bus.drain(LONG)
    assert slider.position.playing
    assert slider.position.said.startswith("Playing 11 events. After event 0 of 11: the count is 0")

    wait_for_the_end(slider)

    assert not slider.position.playing
    assert slider.position.is_newest


def test_playing_begins_where_one_stands_and_can_be_stopped(slider: TimeSlider) -> None:
    press(slider, *["×10"] * 10)
    travel(slider, 40)
    slider._speed.value = 1
    slider.bus.fire("travel.play")
    slider.bus.fire("travel.stop")
    slider.bus.fire("travel.step")  # as a beat that was on its way
    slider.bus.drain(LONG)

    assert (slider.position.sequence, slider.position.playing) == (40, False)


def test_nothing_plays_where_nothing_has_happened(slider: TimeSlider) -> None:
    slider.bus.fire("travel.play")
    slider.bus.drain(LONG)
    assert not slider.position.playing
    assert slider.position.said == "Nothing has happened yet."


def test_the_speed_can_be_changed_while_it_plays(slider: TimeSlider) -> None:
    press(slider, "×10")
    slider._speed.value = 1
    slider.bus.fire("travel.play")
    slider.bus.drain(LONG)
    slider._speed.value = 50
    slider.bus.drain(LONG)

    wait_for_the_end(slider)

    assert slider.position.is_newest


def test_a_slider_without_a_log_has_one_of_its_own_that_goes_at_its_end() -> None:
    slider = TimeSlider()
    assert slider._folder is not None
    folder = Path(slider._folder.name)
    assert slider.position.last == 30
    assert list(folder.iterdir())

    slider.bus.fire("travel.play")
    slider.end()
    slider.end()

    assert not folder.exists()
    slider.bus.assert_clean()


def test_a_log_that_was_given_is_left_to_whoever_gave_it(log: ek.EventLog) -> None:
    slider = TimeSlider(log)
    slider.click("+1")
    slider.end()
    assert log.last_sequence == 1


def test_what_cannot_be_stored_is_told(log: ek.EventLog) -> None:
    log.set_quota(events=1)
    slider = TimeSlider(log)
    press(slider, "+1", "+1")
    slider._paint()
    slider.end()

    assert "append failed: " in slider._status.text
    assert slider.position.last == 1


def test_the_text_form_has_the_event_and_both_states(slider: TimeSlider) -> None:
    assert slider.text().splitlines()[1:] == ["Nothing has happened yet."]
    press(slider, "+1", "×10")
    travel(slider, 2)
    assert slider.text().splitlines()[2:] == [
        'Event 2: counter.clicked {"button":"×10","count":1}',
        "button  events",
        "+1      1",
        "×10     1",
    ]


def test_the_picture_says_in_words_what_it_shows_and_stays_small(
    slider: TimeSlider, log: ek.EventLog
) -> None:
    fill(log, 20_000)
    at = press(slider, "+1")
    frame = picture_of(slider._history.counts, at.there, at.last)
    assert f"the count over {at.last} events" in frame["says"]
    assert frame["says"].endswith(f"you are at event {at.last}")
    assert frame["points"][0] == (0, 0)
    assert frame["points"][-1] == (at.last, at.there.moment.counter.value)
    assert len(json.dumps(frame)) < 50_000


def test_the_slider_and_the_field_follow_the_position(slider: TimeSlider) -> None:
    press(slider, "×10")
    travel(slider, 4)
    slider._paint()
    assert (slider._view.value, slider._where.value, slider._where.max) == (4, 4, 10)
    slider._where.value = 7
    slider.bus.drain(LONG)
    assert slider.position.sequence == 7


def test_an_answer_that_is_out_of_date_does_not_change_the_field(
    slider: TimeSlider, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(slider, "×10")
    travel(slider, 2)
    slider._paint()
    rebuild, may_answer = slider._history.at, threading.Event()

    def rebuild_slowly(sequence: int) -> Rebuilt:
        assert may_answer.wait(LONG)
        return rebuild(sequence)

    monkeypatch.setattr(slider._history, "at", rebuild_slowly)
    slider._where.value = 4
    slider._paint()  # still event 2
    assert slider._where.value == 4

    may_answer.set()
    slider.bus.drain(LONG)
    slider._paint()
    assert slider._where.value == 4
    travel(slider, 6)
    slider._paint()
    assert slider._where.value == 6


def test_the_picture_says_which_message_of_which_page_it_answers(slider: TimeSlider) -> None:
    press(slider, "×10")
    for page, number, place in [("a", 1, 4), ("a", 2, 6), ("b", 1, 5)]:
        edits = [["move", "cursor", 3], ["move", "cursor", place]]
        slider.bus.fire("travel.asked", {"from": page, "number": number, "edits": edits})
    slider.bus.drain(LONG)
    slider._paint()

    assert slider.position.sequence == slider._view.value == 5
    assert slider._view.frame["answered"] == {"a": 2, "b": 1}


def test_the_cost_of_a_rebuild_is_told_in_words() -> None:
    alt = rebuild_figure({1_000: (0.004, 0.001), 4_000: (0.016, 0.0012)}).alt
    assert "from the start 4.0 ms for 1,000 and 16.0 ms for 4,000 events" in alt
    assert "from a snapshot 1.0 ms for 1,000 and 1.2 ms for 4,000 events" in alt
