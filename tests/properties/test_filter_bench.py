"""What the filter bench draws is what the flows do when they are run on their own, and no event
vanishes: each is in exactly one event that came out, or among the dropped.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from hypothesis import given, strategies as st

import eventkit as ek
from eventkit.flow import Flow
from eventkit.lab.lesson08.filter_bench import frame_of
from eventkit.lab.lesson08.marbles import END, OPERATORS, ROOM, STEP, Field, Marbles

Came = list[tuple[int, int]]  # (number, time in ms), in the order in which they come
Line = dict[str, Any]


def values(field: Field) -> st.SearchStrategy[float]:
    """Every value that a field can have."""
    steps = st.integers(round(field.low / field.step), round(field.high / field.step))
    return steps.map(lambda many: round(many * field.step, 3))


settings = st.fixed_dictionaries(
    {name: st.tuples(*map(values, one.fields)) for name, one in OPERATORS.items()}
)
places = st.lists(st.integers(0, END // STEP).map(STEP.__mul__), max_size=ROOM)
marbles = st.builds(Marbles.at, places, settings)


def came(shown: Marbles) -> Came:
    return sorted(shown.events.items(), key=lambda one: (one[1], one[0]))


def replay(flow: Flow, came: Came, data: Any = lambda number: number) -> list[tuple[int, Any]]:
    """Run a flow on its own: the times, in ms, and the data of what comes out."""
    clock, out = flow.clock, list[tuple[int, Any]]()
    assert isinstance(clock, ek.ManualClock)
    with flow.start(lambda event: out.append((round(clock.now * 1e3), event.data))) as stage:
        for number, time in came:
            clock.advance_to(time / 1e3)
            stage.put(ek.Event("t", data(number)))
        clock.advance(10)
    return out


def line(shown: Marbles, name: str) -> Line:
    return next(one for one in frame_of(shown)["lines"] if one["name"] == name)


def newest(line: Line) -> list[tuple[int, int]]:
    return [(time, numbers[-1]) for time, numbers in line["out"]]


def groups(line: Line) -> list[tuple[int, tuple[int, ...]]]:
    return [(time, tuple(numbers)) for time, numbers in line["out"]]


def flat(numbers: Iterable[Iterable[int]]) -> list[int]:
    return [one for some in numbers for one in some]


@given(marbles)
def test_each_event_is_in_one_that_came_out_or_was_dropped(shown: Marbles) -> None:
    for line in frame_of(shown)["lines"]:
        inside = flat(numbers for _, numbers in line["out"])
        assert sorted(inside + line["dropped"]) == sorted(shown.events)
        times = [time for time, _ in line["out"]]
        assert times == sorted(times)
        assert all(time >= max(shown.events[n] for n in ns) for time, ns in line["out"])


@given(marbles)
def test_what_is_drawn_came_out_of_the_flow(shown: Marbles) -> None:
    (interval,) = shown.settings["Coalesce"]
    coalesce = ek.Coalesce(interval, clock=ek.ManualClock())
    assert newest(line(shown, "Coalesce")) == replay(coalesce, came(shown))
    debounce = ek.Debounce(*shown.settings["Debounce"], clock=ek.ManualClock())
    assert newest(line(shown, "Debounce")) == replay(debounce, came(shown))
    throttle = ek.Throttle(*shown.settings["Throttle"], clock=ek.ManualClock())
    assert newest(line(shown, "Throttle")) == replay(throttle, came(shown))
    rate, burst = shown.settings["Token bucket"]
    bucket = ek.TokenBucket(rate, int(burst), clock=ek.ManualClock())
    assert newest(line(shown, "Token bucket")) == replay(bucket, came(shown))
    assert bucket.refused == len(line(shown, "Token bucket")["dropped"])


@given(marbles)
def test_what_an_event_stands_for_is_what_the_flow_has_merged(shown: Marbles) -> None:
    (interval,) = shown.settings["Coalesce"]
    coalesce = ek.Coalesce(interval, operator.add, clock=ek.ManualClock())
    merged = replay(coalesce, came(shown), lambda number: (number,))
    assert groups(line(shown, "Coalesce")) == merged
    size, within = shown.settings["Batch"]
    batch = ek.Batch(int(size), within, clock=ek.ManualClock())
    batches = [
        (time, tuple(one.data for one in events)) for time, events in replay(batch, came(shown))
    ]
    assert groups(line(shown, "Batch")) == batches


@given(marbles)
def test_the_newest_replaces_those_since_the_one_before(shown: Marbles) -> None:
    order = [number for number, _ in came(shown)]
    for name in ("Coalesce", "Debounce", "Throttle", "Batch"):
        assert flat(numbers for _, numbers in line(shown, name)["out"]) == order


@given(marbles)
def test_the_words_say_what_is_drawn(shown: Marbles) -> None:
    for line in frame_of(shown)["lines"]:
        waits = [time - shown.events[numbers[0]] for time, numbers in line["out"]]
        assert line["says"].startswith(f"{len(line['out'])} out, ")
        assert f" {len(line['dropped'])} dropped; " in line["says"]
        assert line["says"].endswith(f" {max(waits, default=0) / 1e3:g} s")
