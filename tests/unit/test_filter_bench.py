"""The event filter bench: events that are added, moved and removed, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eventkit.lab import FilterBench
from eventkit.lab.lesson08.marbles import END, EXAMPLE, OPERATORS, ROOM, STANDARD, Marbles


@pytest.fixture
def bench() -> FilterBench:
    return FilterBench()


def only(*times: int, **settings: tuple[float, ...]) -> Marbles:
    return Marbles.at(times, {**STANDARD, **settings})


def says(marbles: Marbles) -> dict[str, str]:
    return {one.name: one.says for one in marbles.answers()}


def test_it_begins_with_an_example_and_says_the_result(bench: FilterBench) -> None:
    assert list(bench.marbles.events.values()) == EXAMPLE
    assert bench.text().startswith(
        "[Event filter bench] 12 events in: debounce lets 5 through, the oldest waited 0.7 s.\n"
        "Coalesce: 7 out, 5 replaced, 0 dropped; oldest waited 0.3 s\n"
    )


def test_the_oldest_wait_is_that_of_a_replaced_event() -> None:
    assert says(only(0, 200, 400))["Debounce"] == (
        "1 out, 2 replaced, 0 dropped; oldest waited 0.7 s"
    )


def test_a_batch_has_its_events_inside_and_a_bucket_drops() -> None:
    said = says(only(*[100] * 6))
    assert said["Batch"] == "2 out, 4 more inside, 0 dropped; oldest waited 0.5 s"
    assert said["Token bucket"] == "3 out, 0 replaced, 3 dropped; oldest waited 0 s"


def test_without_events_it_says_what_to_do(bench: FilterBench) -> None:
    for number in list(bench.marbles.events):
        bench.remove(number)
    assert "No events: click on the line" in bench.text()
    assert "Debounce: 0 out" in bench.text()


def test_an_event_keeps_its_number_wherever_it_is_moved(bench: FilterBench) -> None:
    bench.move(1, 2800)
    assert bench.marbles.events[1] == 2800
    assert frame(bench)["events"][0] == (1, 2800)
    assert frame(bench)["lines"][1]["out"][-1] == [3200, [1, 12]]


def test_times_are_placed_on_the_line(bench: FilterBench) -> None:
    for wanted, placed in [(-80, 0), (10**9, END), (612, 600), (638, 650)]:
        bench.move(1, wanted)
        assert bench.marbles.events[1] == placed


def test_a_new_event_has_the_lowest_free_number(bench: FilterBench) -> None:
    bench.remove(4)
    bench.add(1000)
    assert bench.marbles.events[4] == 1000
    bench.add()
    assert len(bench.marbles.events) == 13 and 13 in bench.marbles.events


def test_it_takes_no_more_events_than_there_is_room_for(bench: FilterBench) -> None:
    for _ in range(10):
        bench.burst()
    assert len(bench.marbles.events) == ROOM
    assert frame(bench)["full"]


def test_undo_takes_back_a_whole_drag_but_one_key_at_a_time_of_others(bench: FilterBench) -> None:
    before = bench.marbles
    for time in (300, 350, 400):
        bench.move(1, time, "drag 1")
    bench.move(1, 500, "drag 2")
    bench.undo()
    assert bench.marbles.events[1] == 400
    bench.undo()
    assert bench.marbles == before
    bench.undo()
    assert bench.marbles == before


def test_a_gesture_that_begins_without_a_change_is_undone_as_well(bench: FilterBench) -> None:
    before = bench.marbles
    bench.move(1, 200, "drag 1")
    bench.move(1, 900, "drag 1")
    bench.undo()
    assert bench.marbles == before


@pytest.mark.parametrize("action", ["add", "burst", "random", "reset"])
def test_every_button_can_be_undone(bench: FilterBench, action: str) -> None:
    bench.remove(1)
    before = bench.marbles
    getattr(bench, action)()
    assert bench.marbles != before
    bench.undo()
    assert bench.marbles == before


def test_random_events_are_the_same_after_a_reset(bench: FilterBench) -> None:
    bench.random()
    first = bench.marbles
    bench.random()
    assert bench.marbles != first
    bench.reset()
    bench.random()
    assert bench.marbles == first


def test_settings_change_and_stay_within_their_limits(bench: FilterBench) -> None:
    bench.change("Debounce", 0, 0.62)
    assert bench.marbles.settings["Debounce"] == (0.6,)
    assert "Debounce: 2 out" in bench.text()
    for name, one in OPERATORS.items():
        for place, field in enumerate(one.fields):
            for value, set_to in [(1e9, field.high), (-5, field.low)]:
                bench.change(name, place, value)
                assert bench.marbles.settings[name][place] == set_to
    bench.undo()
    assert bench.marbles.settings["Token bucket"][1] == STANDARD["Token bucket"][1]


def test_what_happened_to_an_event_is_told(bench: FilterBench) -> None:
    story = frame(bench)["stories"]["4"]
    assert story == (
        "Event 4, at 0.5 s. Coalesce lets out 5 in its place, 0.3 s later. Debounce lets out 5 in "
        "its place, 0.4 s later. Throttle lets out 5 in its place, 0.3 s later. Batch lets it out "
        "at once, in a batch of 4. Token bucket drops it."
    )


def test_messages_of_the_page_are_edits_and_are_answered_once(bench: FilterBench) -> None:
    version = frame(bench)["version"]
    shown: list[int] = []
    bench._view.observe(lambda change: shown.append(change["new"]["version"]), "frame")

    send(bench, ["move", 1, 700, "drag 1"], ["remove", 2], ["add", 50], ["remove", 99])

    assert bench.marbles.events[1] == 700 and bench.marbles.events[2] == 50
    assert shown[-1] > version
    send(bench, ["change", "Batch", 0, 2])
    assert bench.marbles.settings["Batch"] == (2, 0.5)
    bench.bus.assert_clean()


def test_an_edit_that_changes_nothing_is_answered_all_the_same(bench: FilterBench) -> None:
    version = frame(bench)["version"]
    send(bench, ["move", 99, 700, "drag 1"])
    assert frame(bench)["version"] > version
    assert frame(bench)["answered"] == {"a page": 7}


def frame(bench: FilterBench) -> Any:
    return bench._view.frame


def send(bench: FilterBench, *edits: list[Any]) -> None:
    """As the page does."""
    bench.bus.fire("bench.edited", {"from": "a page", "number": 7, "edits": list(edits)})


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda bench: bench.change("Sieve", 0, 1), "the filters, .* are Coalesce"),
        (lambda bench: bench.change("Batch", 2, 1), r"Batch \(2\)"),
        (lambda bench: bench.change("Batch", 0, float("nan")), "up to is a finite number"),
        (lambda bench: bench.add(float("inf")), "a time in ms is a finite number"),
        (lambda bench: bench.move(1, "soon"), "got 'soon'"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    bench: FilterBench, act: Callable[[FilterBench], None], says: str
) -> None:
    before = bench.marbles
    with pytest.raises(ValueError, match=says):
        act(bench)
    assert bench.marbles is before
