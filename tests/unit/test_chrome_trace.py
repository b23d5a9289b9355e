"""The trace file keeps to the Trace Event Format, which Perfetto and chrome://tracing read.

The format: "Trace Event Format", Google, 2016 (docs.google.com/document/d/
1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU): JSON object format, complete events, flow events,
metadata events.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit import Event, Journey, Timeline

LONG = 20
# phase: keys that an event of this kind must have, beyond those that all must have
NEEDED = {
    "M": {"args"},
    "X": {"ts", "dur", "cat"},
    "s": {"ts", "id", "cat"},
    "f": {"ts", "id", "cat"},
}
Entry = dict[str, Any]


@pytest.fixture
def trace(tmp_path: Path) -> dict[str, Any]:
    """Three events, each of which causes two more, on two and on one worker."""
    with ek.EventBus() as bus:
        bus.subscribe(
            "order", lambda e: {"n": 1}, emits="paid", executor=ek.Threads(2, name="till")
        )
        bus.subscribe("paid", lambda e: None, executor=ek.Threads(1, name="print"))
        bus.subscribe("paid", lambda e: None)
        with bus.record() as timeline:
            for key in ("a", None, 'quoted "ü"'):
                bus.fire("order", key=key)
            bus.drain(LONG)
    timeline.to_chrome_trace(tmp_path / "trace.json")
    loaded = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture
def entries(trace: dict[str, Any]) -> list[Entry]:
    found = trace["traceEvents"]
    assert isinstance(found, list) and found
    return found


def test_it_is_a_json_object_with_the_two_known_keys(trace: dict[str, Any]) -> None:
    assert set(trace) == {"traceEvents", "displayTimeUnit"}
    assert trace["displayTimeUnit"] in ("ms", "ns")


def test_every_entry_has_the_keys_that_its_phase_needs(entries: list[Entry]) -> None:
    for entry in entries:
        assert {"name", "ph", "pid", "tid"} <= set(entry)
        assert entry["ph"] in NEEDED
        assert NEEDED[entry["ph"]] <= set(entry)


def test_numbers_are_numbers_and_times_are_microseconds_from_the_start(
    entries: list[Entry],
) -> None:
    for entry in entries:
        assert isinstance(entry["pid"], int) and isinstance(entry["tid"], int)
        assert isinstance(entry["name"], str) and entry["name"]
        for key in ("ts", "dur"):
            assert isinstance(entry.get(key, 0.0), float | int)
            assert 0 <= entry.get(key, 0.0) < LONG * 1e6


def test_each_lane_is_named_once_and_each_bar_lies_in_a_named_lane(entries: list[Entry]) -> None:
    names = {e["tid"]: e["args"]["name"] for e in entries if e["ph"] == "M"}
    assert all(e["name"] == "thread_name" for e in entries if e["ph"] == "M")
    assert len(names) == sum(e["ph"] == "M" for e in entries) == len(set(names.values()))
    assert {e["tid"] for e in entries if e["ph"] == "X"} == set(names)
    assert "print-1" in names.values()


def test_there_is_one_bar_for_each_journey(entries: list[Entry]) -> None:
    bars = Counter(e["cat"] for e in entries if e["ph"] == "X")
    assert bars == {"order": 3, "paid": 6}


def test_an_arrow_ends_at_every_bar_that_was_caused_and_began_at_its_cause(
    entries: list[Entry],
) -> None:
    bars = [e for e in entries if e["ph"] == "X"]
    starts = {e["id"]: e for e in entries if e["ph"] == "s"}
    ends = [e for e in entries if e["ph"] == "f"]
    assert len(ends) == sum(bar["args"]["cause"] is not None for bar in bars) == 6
    for end in ends:
        start = starts[end["id"]]
        assert (end["cat"], end["name"], end["bp"]) == (start["cat"], start["name"], "e")
        assert start["ts"] <= end["ts"]
        assert any(lies_in(start, bar) and bar["args"]["event"] == end["id"] for bar in bars)
        assert any(lies_in(end, bar) and bar["args"]["cause"] == end["id"] for bar in bars)


def lies_in(arrow: Entry, bar: Entry) -> bool:
    at = bar["ts"] <= arrow["ts"] <= bar["ts"] + bar["dur"]
    return bool(at and arrow["tid"] == bar["tid"])


def test_bars_are_as_long_as_the_work_and_lie_where_it_was(tmp_path: Path) -> None:
    timeline = Timeline()
    due, started, finished = 5_000_000_000, 5_000_250_000, 5_000_750_000
    event = Event("a", time=due)
    timeline.add(Journey(event, "count", due, due, started, finished, "w-1", "ok"))
    timeline.add(Journey(event, "under way", due, due, started, None, "w-1"))
    timeline.to_chrome_trace(tmp_path / "trace.json")
    entries = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    (bar,) = [e for e in entries if e["ph"] == "X"]
    assert (bar["name"], bar["ts"], bar["dur"]) == ("count", 250, 500)
    assert bar["args"]["waited_ms"] == 0.25
