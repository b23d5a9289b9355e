"""bus.record(): the stages of each journey, and nothing at all when nobody records."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

import eventkit as ek

from .conftest import LONG, Gate

MAKERS: dict[str, Callable[[], Any]] = {
    "inline": lambda: None,
    "Inline": ek.Inline,
    "Threads": lambda: ek.Threads(2),
    "EventLoop": ek.EventLoop,
}


@pytest.fixture(params=MAKERS)
def executor(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]()


def fails(event: ek.Event) -> None:
    raise RuntimeError("broken")


def stages(journey: ek.Journey) -> list[int]:
    stamps = [journey.event.time, journey.fired, journey.queued, journey.started, journey.finished]
    return [stamp for stamp in stamps if stamp is not None]


def test_every_stage_is_stamped_in_order(bus: ek.EventBus, executor: Any) -> None:
    bus.subscribe("a", lambda event: None, executor=executor)
    with bus.record() as timeline:
        for _ in range(20):
            bus.fire("a")
        bus.drain(LONG)
    assert len(timeline) == 20
    for journey in timeline:
        assert len(stages(journey)) == 5
        assert stages(journey) == sorted(stages(journey))
        assert journey.outcome == "ok"
        assert journey.worker
        assert journey.response_time is not None
        assert journey.waited is not None
        assert journey.service_time is not None
        assert journey.response_time == pytest.approx(journey.waited + journey.service_time)


def test_a_coroutines_journey_ends_when_it_has_been_awaited(bus: ek.EventBus) -> None:
    import asyncio

    order: list[str] = []

    async def handler(event: ek.Event) -> None:
        await asyncio.sleep(0)
        order.append(str(event.data))

    bus.subscribe("a", handler, executor=ek.EventLoop(name="loop"))
    with bus.record() as timeline:
        bus.fire("a", 1)
        bus.drain(LONG)
    (journey,) = timeline
    assert order == ["1"]
    assert journey.outcome == "ok"
    assert journey.worker == "loop-1"


def test_a_handler_that_returns_what_nothing_runs_is_recorded_as_failed(bus: ek.EventBus) -> None:
    async def never_run() -> None: ...

    bus.subscribe("a", lambda event: never_run())
    with bus.record() as timeline:
        bus.fire("a")
    assert [journey.outcome for journey in timeline] == ["failed"]
    assert len(bus.dead_letters) == 1


def test_a_failure_is_recorded_as_failed(bus: ek.EventBus, executor: Any) -> None:
    bus.subscribe("a", fails, executor=executor)
    with bus.record() as timeline:
        bus.fire("a")
        bus.drain(LONG)
    (journey,) = timeline
    assert journey.outcome == "failed"
    assert journey.finished is not None


def test_results_are_recorded_as_events_of_their_own(bus: ek.EventBus, executor: Any) -> None:
    bus.subscribe("a", lambda event: 1, emits="b", executor=executor)
    bus.subscribe("b", lambda event: None)
    with bus.record() as timeline:
        event = bus.fire("a")
        bus.drain(LONG)
    assert sorted(journey.event.topic for journey in timeline) == ["a", "b"]
    assert [j.event.cause for j in timeline.journeys("b")] == [event.id]


def test_all_subscribers_of_one_event_share_one_fired_stamp(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None)
    bus.subscribe("a", lambda event: None, executor=ek.Threads(1))
    with bus.record() as timeline:
        bus.fire("a")
        bus.drain(LONG)
    assert len({journey.fired for journey in timeline}) == 1
    assert len(timeline) == 2


def test_flows_share_that_stamp_too(bus: ek.EventBus) -> None:
    for _ in range(2):
        bus.subscribe("a", lambda event: None)
    bus.subscribe("a", lambda event: None, flow=ek.Debounce(0.001))
    with bus.record() as timeline:
        bus.fire("a")
        bus.drain(LONG)
    assert len(timeline) == 3
    assert len({journey.fired for journey in timeline}) == 1


def test_an_inline_handler_is_recorded_on_the_thread_that_fires(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None)
    with bus.record() as timeline:
        bus.fire("a")
        other = threading.Thread(target=bus.fire, args=("a",), name="other")
        other.start()
        other.join(LONG)
    assert [j.worker for j in timeline] == [threading.current_thread().name, "other"]


def test_a_failing_subscriber_stops_nobody_else_while_recording(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", fails)
    bus.subscribe("a", got.append)
    with bus.record():
        bus.fire("a")
    assert len(got) == 1
    assert [letter.handler for letter in bus.dead_letters] == ["fails"]


def test_whose_failure_it_was_is_known_while_recording(bus: ek.EventBus, executor: Any) -> None:
    bus.subscribe("a", fails, executor=executor, emits="b")
    with bus.record(), pytest.raises(RuntimeError, match="broken"):
        bus.request("a", timeout=LONG)
    assert [letter.handler for letter in bus.dead_letters] == ["fails"]


def test_whom_a_closed_executor_belongs_to_is_known_while_recording(bus: ek.EventBus) -> None:
    executor = ek.Threads(1)
    bus.subscribe("a", fails, executor=executor)
    executor.close(0)
    with bus.record():
        bus.fire("a")
    assert [letter.handler for letter in bus.dead_letters] == ["fails"]


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "raise"])
def test_an_event_without_room_is_recorded_as_dropped(
    bus: ek.EventBus, gate: Gate, overflow: Any
) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1, capacity=1, overflow=overflow))
    with bus.record() as timeline:
        bus.fire("a", 1)
        gate.wait_entered()
        bus.fire("a", 2)
        if overflow == "raise":
            with pytest.raises(ek.QueueFull):
                bus.fire("a", 3)
        else:
            bus.fire("a", 3)
        gate.open()
        bus.drain(LONG)
    outcomes = {journey.event.data: journey.outcome for journey in timeline}
    lost = 2 if overflow == "drop_oldest" else 3
    assert outcomes == {1: "ok", 2: "ok", 3: "ok"} | {lost: "dropped"}
    third = timeline.journeys()[2]
    left = {journey.event.data: journey.left for journey in timeline}
    assert (left.pop(lost) or 0) >= third.fired
    assert set(left.values()) == {None}


def test_a_journey_says_whether_its_subscriber_is_a_processor(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: 1, emits="b")
    bus.subscribe("b", lambda event: None)
    with bus.record() as timeline:
        bus.fire("a")
    assert [journey.emits for journey in timeline] == ["b", None]


def test_an_event_cut_off_by_close_is_recorded_as_abandoned(bus: ek.EventBus, gate: Gate) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1))
    with bus.record() as timeline:
        bus.fire("a", 1)
        gate.wait_entered()
        bus.fire("a", 2)
        bus.close(timeout=0.01)
    outcomes = [journey.outcome for journey in timeline]
    assert outcomes == [None, "abandoned"]


def test_an_event_for_an_executor_that_was_closed_is_recorded_as_abandoned(
    bus: ek.EventBus,
) -> None:
    executor = ek.Threads(1)
    bus.subscribe("a", print, executor=executor)
    executor.close(0)
    with bus.record() as timeline:
        bus.fire("a")
    assert [journey.outcome for journey in timeline] == ["abandoned"]


def test_once_has_one_journey_of_one_event(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []

    def handle(event: ek.Event) -> None:
        got.append(event)
        bus.fire("a")

    bus.subscribe("a", handle, once=True)
    with bus.record() as timeline:
        bus.fire("a")
    assert [journey.outcome for journey in timeline] == ["ok"]
    assert len(got) == 1


def test_nothing_is_recorded_outside_the_block(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None)
    bus.fire("a")
    with bus.record() as timeline:
        bus.fire("a")
    bus.fire("a")
    assert len(timeline) == 1


def test_when_nobody_records_the_route_is_the_bare_handler(bus: ek.EventBus) -> None:
    def handler(event: ek.Event) -> None:
        pass

    subscription = bus.subscribe("a", handler)
    bus.fire("a")
    assert bus._routing.routes["a"] == ((handler, subscription),)
    with bus.record():
        bus.fire("a")
        assert bus._routing.routes["a"] != ((handler, subscription),)
    bus.fire("a")
    assert bus._routing.routes["a"] == ((handler, subscription),)


def test_topics_that_one_subscriber_alone_wants_share_its_route(bus: ek.EventBus) -> None:
    bus.subscribe("a.*", print)
    bus.fire("a.b")
    bus.fire("a.c")
    assert bus._routing.routes["a.b"] is bus._routing.routes["a.c"]


def test_recording_stops_even_if_the_block_raises(bus: ek.EventBus) -> None:
    with pytest.raises(ZeroDivisionError), bus.record():
        raise ZeroDivisionError
    with bus.record():
        pass


def test_a_bus_is_recorded_by_one_at_a_time(bus: ek.EventBus) -> None:
    with bus.record(), pytest.raises(RuntimeError, match="recorded already"), bus.record():
        pass


def test_the_record_keeps_the_last_journeys(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None)
    with bus.record(capacity=10) as timeline:
        for number in range(25):
            bus.fire("a", number)
    assert [journey.event.data for journey in timeline] == list(range(15, 25))


def test_the_record_can_be_read_while_it_is_written(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None, executor=ek.Threads(2))
    with bus.record(capacity=500) as timeline:
        load = ek.OpenLoop(rate=1e9, count=20_000)
        load.start(bus, "a")
        while not load.wait(0):
            assert len(timeline.journeys()) <= 500
        bus.drain(LONG)
    assert len(timeline) == 500
