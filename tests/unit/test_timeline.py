"""Timeline: journeys, response times, percentiles and the trace for Perfetto."""

import json
from pathlib import Path

import pytest

import eventkit as ek
from eventkit import Event, Journey, Timeline, percentile

MS = 1_000_000


def journey(
    topic: str, due: int, started: int | None, finished: int | None, subscriber: str = "count"
) -> Journey:
    """Times in milliseconds."""
    return Journey(
        Event(topic, time=due * MS),
        subscriber,
        fired=due * MS,
        started=None if started is None else started * MS,
        finished=None if finished is None else finished * MS,
        worker="threads-1",
        outcome="ok" if finished else None,
    )


@pytest.fixture
def timeline() -> Timeline:
    timeline = Timeline()
    for one in [
        journey("a.x", 0, 0, 300),
        journey("a.y", 50, 300, 600),
        journey("a.x", 100, 600, 900, subscriber="show"),
        journey("b", 150, 900, None),
    ]:
        timeline.add(one)
    return timeline


def test_response_time_is_finished_minus_due() -> None:
    one = journey("a", 50, 300, 600)
    assert one.response_time == pytest.approx(0.55)
    assert one.waited == pytest.approx(0.25)
    assert one.service_time == pytest.approx(0.3)


def test_a_journey_under_way_has_no_times_yet() -> None:
    one = journey("a", 50, None, None)
    assert (one.response_time, one.waited, one.service_time) == (None, None, None)


def test_journeys_are_chosen_by_pattern_and_subscriber(timeline: Timeline) -> None:
    assert [j.event.topic for j in timeline] == ["a.x", "a.y", "a.x", "b"]
    assert len(timeline.journeys("a.*")) == 3
    assert len(timeline.journeys("a.x")) == 2
    assert len(timeline.journeys(subscriber="show")) == 1
    assert timeline.journeys("a.x", "nobody") == []


def test_an_invalid_pattern_is_refused(timeline: Timeline) -> None:
    with pytest.raises(ek.InvalidTopic):
        timeline.journeys("a..b")


def test_response_times_are_those_of_what_has_finished(timeline: Timeline) -> None:
    assert timeline.response_times() == pytest.approx([0.3, 0.55, 0.8])
    assert timeline.response_times("b") == []


def test_percentiles_are_nearest_rank(timeline: Timeline) -> None:
    assert timeline.percentiles(ranks=[0, 50, 100]) == pytest.approx({0: 0.3, 50: 0.55, 100: 0.8})


# The example of https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method
@pytest.mark.parametrize(
    ("rank", "expected"), [(0, 15), (5, 15), (30, 20), (40, 20), (50, 35), (100, 50)]
)
def test_percentile_takes_the_nearest_rank(rank: float, expected: float) -> None:
    assert percentile([50, 15, 40, 20, 35], rank) == expected


@pytest.mark.parametrize("rank", range(1, 101))
def test_of_a_hundred_values_the_nth_percentile_is_the_nth_value(rank: int) -> None:
    assert percentile(range(1, 101), rank) == rank


def test_there_is_no_percentile_of_nothing(timeline: Timeline) -> None:
    with pytest.raises(ValueError, match="percentile of nothing"):
        percentile([], 50)
    with pytest.raises(ValueError, match="percentile of nothing"):
        timeline.percentiles("b")


@pytest.mark.parametrize("rank", [-1, 100.1, float("nan")])
def test_a_rank_outside_0_to_100_is_refused(rank: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile([1.0], rank)


def test_the_chrome_trace_is_json_with_a_lane_for_each_worker(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: 1, emits="b", executor=ek.Threads(1, name="press"))
        bus.subscribe("b", lambda event: None, executor=ek.Threads(1, name="screen"))
        with bus.record() as timeline:
            first = bus.fire("a", key="k")
            bus.drain(20)
    timeline.to_chrome_trace(path)
    entries = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    lanes = {e["args"]["name"]: e["tid"] for e in entries if e["ph"] == "M"}
    assert sorted(lanes) == ["press-1", "screen-1"]
    bars = {e["cat"]: e for e in entries if e["ph"] == "X"}
    assert bars["a"]["tid"] == lanes["press-1"]
    assert bars["b"]["tid"] == lanes["screen-1"]
    assert bars["b"]["args"]["cause"] == first.id
    assert all(bar["dur"] > 0 and bar["ts"] >= 0 for bar in bars.values())
    (arrow,) = [e for e in entries if e["ph"] == "f"]
    assert arrow["id"] == first.id
    assert arrow["id"] in [e["id"] for e in entries if e["ph"] == "s"]


def test_an_empty_timeline_has_an_empty_trace(tmp_path: Path) -> None:
    Timeline().to_chrome_trace(tmp_path / "trace.json")
    assert json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"] == []
