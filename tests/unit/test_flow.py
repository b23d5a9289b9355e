"""Fewer events: what each flow lets out and when, by itself and on a bus. No test sleeps."""

import asyncio
import contextlib
import gc
import logging
import math
import operator
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import eventkit as ek
from eventkit.flow import Flow, Stage

from .conftest import LONG, Gate, note
from .test_million import resident

Clock = ek.ManualClock
Got = list[tuple[float, Any]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def names(batch: tuple[ek.Event, ...]) -> str:
    return "".join(event.data for event in batch)


def run(flow: Flow, times: str) -> str:
    """What comes out when events come as drawn, one character for a second, as in "a..bc": drawn
    in the same way.
    """
    clock, out = flow.clock, dict[float, str]()
    assert isinstance(clock, Clock)
    stage = flow.start(lambda event: out.update({clock.now: event.data}))
    for second, name in enumerate(times):
        clock.advance_to(second)
        if name != ".":
            stage.put(ek.Event("t", name))
    clock.advance(20)
    return "".join(out.get(second, ".") for second in range(int(max(out)) + 1))


# What comes out, and when


def test_coalesce_lets_out_the_newest_at_the_end_of_each_interval(clock: Clock) -> None:
    assert run(ek.Coalesce(3, clock=clock), "abc..d") == "...c....d"


def test_coalesce_never_lets_an_event_wait_longer_than_an_interval(clock: Clock) -> None:
    assert run(ek.Coalesce(2, clock=clock), "abcdefg") == "..b.d.f.g"


def test_debounce_waits_for_quiet(clock: Clock) -> None:
    assert run(ek.Debounce(2, clock=clock), "abc...d") == "....c...d"


def test_debounce_with_a_leading_edge_lets_the_first_out_at_once(clock: Clock) -> None:
    assert run(ek.Debounce(2, leading=True, clock=clock), "abc.....d") == "a...c...d"


def test_debounce_with_the_leading_edge_alone_drops_the_rest_of_a_burst(clock: Clock) -> None:
    flow = ek.Debounce(2, leading=True, trailing=False, clock=clock)
    assert run(flow, "abc.....d") == "a.......d"


def test_debounce_with_max_wait_lets_nothing_wait_longer(clock: Clock) -> None:
    assert run(ek.Debounce(2, max_wait=3, clock=clock), "abcdefg") == "...c..f.g"


def test_throttle_lets_the_first_out_at_once_and_then_the_newest_in_each_interval(
    clock: Clock,
) -> None:
    assert run(ek.Throttle(3, clock=clock), "abcdefg") == "a..c..f..g"


def test_throttle_with_the_trailing_edge_alone_waits_first(clock: Clock) -> None:
    assert run(ek.Throttle(3, leading=False, clock=clock), "ab") == "...b"


def test_throttle_with_the_leading_edge_alone_drops_the_last_event(clock: Clock) -> None:
    assert run(ek.Throttle(3, trailing=False, clock=clock), "ab.cd.ef") == "a..c..e"


def test_debounce_and_throttle_differ_while_events_keep_coming() -> None:
    assert run(ek.Debounce(2, clock=Clock()), "abcdefghi") == "..........i"
    assert run(ek.Throttle(2, clock=Clock()), "abcdefghi") == "a.b.d.f.h.i"


def test_a_token_bucket_lets_a_burst_pass_and_then_its_rate(clock: Clock) -> None:
    assert run(ek.TokenBucket(0.5, 2, clock=clock), "abcdef") == "abc.e"


def test_a_token_bucket_that_waits_loses_nothing_and_keeps_order(clock: Clock) -> None:
    assert run(ek.TokenBucket(0.5, 1, wait=math.inf, clock=clock), "abcd") == "a.b.c.d"


def test_who_would_wait_too_long_for_a_token_is_refused(clock: Clock) -> None:
    flow = ek.TokenBucket(0.5, 1, wait=2, clock=clock)
    assert run(flow, "abcde") == "a.b.c.e"
    assert flow.refused == 1


# Batches


def test_a_batch_comes_out_when_it_is_full_or_when_its_time_is_over(clock: Clock) -> None:
    got: Got = []
    stage = ek.Batch(3, 2, clock=clock).start(lambda e: got.append((clock.now, names(e.data))))
    for name in "abcd":
        stage.put(ek.Event("t", name))
    assert got == [(0, "abc")]
    clock.advance(5)
    assert got == [(0, "abc"), (2, "d")]


def test_the_time_of_a_batch_counts_from_its_own_first_event(clock: Clock) -> None:
    got: Got = []
    stage = ek.Batch(2, 5, clock=clock).start(lambda e: got.append((clock.now, names(e.data))))
    for name in "ab":
        stage.put(ek.Event("t", name))
    clock.advance(3)
    stage.put(ek.Event("t", "c"))
    clock.advance(4)
    assert got == [(0, "ab")]
    clock.advance(1)
    assert got == [(0, "ab"), (8, "c")]


def test_a_batch_is_one_event_of_all(clock: Clock) -> None:
    got: list[ek.Event] = []
    stage = ek.Batch(2, 1, clock=clock).start(got.append)
    one, two = ek.Event("t.a", 1, key="k"), ek.Event("t.b", 2, key="k")
    stage.put(one)
    stage.put(two)
    (batch,) = got
    assert batch.data == (one, two)
    assert (batch.topic, batch.key) == ("t.a", "k")
    assert (batch.time, batch.cause) == (one.time, two.id)
    stage.put(one)
    stage.put(ek.Event("t.a", 3, key="other"))
    assert got[1].key is None


# Merging


def test_what_is_merged_is_folded_over_all_and_keeps_the_oldest_time(clock: Clock) -> None:
    got: list[ek.Event] = []
    stage = ek.Coalesce(1, merge=operator.add, clock=clock).start(got.append)
    events = [ek.Event("clicks", number, key="k") for number in (1, 10, 100)]
    for event in events:
        stage.put(event)
    clock.advance(1)
    (merged,) = got
    assert (merged.topic, merged.key, merged.data) == ("clicks", "k", 111)
    assert (merged.time, merged.cause) == (events[0].time, events[2].id)
    assert stage.merged == 2


def test_an_event_alone_comes_out_as_it_is(clock: Clock) -> None:
    got: list[ek.Event] = []
    stage = ek.Coalesce(1, merge=operator.add, clock=clock).start(got.append)
    event = ek.Event("clicks", 1)
    stage.put(event)
    clock.advance(1)
    assert got == [event]


def test_what_merge_raises_is_raised_and_what_was_there_remains(clock: Clock) -> None:
    got: list[ek.Event] = []
    stage = ek.Coalesce(1, merge=operator.add, clock=clock).start(got.append)
    stage.put(ek.Event("clicks", 1))
    with pytest.raises(TypeError):
        stage.put(ek.Event("clicks", "one"))
    stage.put(ek.Event("clicks", 2))
    clock.advance(1)
    assert [event.data for event in got] == [3]


# Keys


@pytest.mark.parametrize("make", [ek.Coalesce, ek.Debounce, ek.Throttle])
def test_each_topic_and_key_is_a_line_of_its_own(make: Any, clock: Clock) -> None:
    got: list[Any] = []
    stage = make(1, clock=clock).start(lambda event: got.append(event.data))
    for data, (topic, key) in enumerate([("t", "a"), ("t", "b"), ("t", None), ("u", "a")] * 2):
        stage.put(ek.Event(topic, data, key=key))
    clock.advance(1)
    assert set(got[-4:]) == {4, 5, 6, 7}


def test_batch_and_token_bucket_take_all_keys_together(clock: Clock) -> None:
    got: list[ek.Event] = []
    for flow in (ek.Batch(2, 1, clock=clock), ek.TokenBucket(1, 1, clock=clock)):
        stage = flow.start(got.append)
        stage.put(ek.Event("t", key="a"))
        stage.put(ek.Event("u", key="b"))
    assert len(got) == 2


def test_a_key_that_is_quiet_again_takes_no_memory(clock: Clock) -> None:
    for flow in (ek.Coalesce(1, clock=clock), ek.Debounce(1, clock=clock),
                 ek.Throttle(1, clock=clock)):  # fmt: skip
        stage = flow.start(lambda event: None)
        for number in range(100):
            stage.put(ek.Event("t", key=str(number)))
        clock.advance(2)
        assert not stage._lines


def test_a_full_batch_leaves_no_call_behind(clock: Clock) -> None:
    stage = ek.Batch(2, 3600, clock=clock).start(lambda event: None)
    for _ in range(1000):
        stage.put(ek.Event("t"))
    assert len(clock._calls) == 1


# A stage by itself


@pytest.mark.parametrize(
    "flow", [ek.Coalesce(9), ek.Debounce(9), ek.Throttle(9, leading=False), ek.Batch(9, 9)]
)
def test_closing_lets_out_what_waits(flow: Flow) -> None:
    got: list[ek.Event] = []
    with flow.start(got.append) as stage:
        stage.put(ek.Event("t"))
        assert stage.waiting == 1
        assert not got
    assert len(got) == 1
    assert stage.waiting == 0


def test_what_a_quota_holds_back_when_it_is_closed_is_returned(clock: Clock) -> None:
    got: list[ek.Event] = []
    stage = ek.TokenBucket(1, 1, wait=9, clock=clock).start(got.append)
    one, two = ek.Event("t", 1), ek.Event("t", 2)
    stage.put(one)
    stage.put(two, "ticket")
    stage.flush()
    assert got == [one]
    assert stage.close() == [("ticket", two)]
    clock.advance(9)
    assert got == [one]


def test_a_closed_stage_says_so() -> None:
    stage = ek.Debounce(1).start(print)
    stage.close()
    with pytest.raises(ek.FlowClosed, match=r"Debounce\(1\) is closed, so event \d+ \('t'\)"):
        stage.put(ek.Event("t"))


def test_flush_lets_out_at_once_and_the_stage_goes_on(clock: Clock) -> None:
    got: list[Any] = []
    stage = ek.Debounce(1, clock=clock).start(lambda event: got.append(event.data))
    stage.put(ek.Event("t", 1))
    stage.flush()
    assert got == [1]
    stage.put(ek.Event("t", 2))
    clock.advance(1)
    assert got == [1, 2]


def test_what_is_left_out_is_counted(clock: Clock) -> None:
    stages = [
        flow.start(lambda event: None)
        for flow in (
            ek.Debounce(1, clock=clock),
            ek.Throttle(1, trailing=False, clock=clock),
            ek.TokenBucket(1, 1, clock=clock),
        )
    ]
    for stage in stages:
        for _ in range(3):
            stage.put(ek.Event("t"))
    assert [(stage.merged, stage.dropped) for stage in stages] == [(2, 0), (0, 2), (0, 2)]


def test_what_a_late_clock_has_missed_is_done_before_the_next_event() -> None:
    clock, got = Clock(), list[Any]()
    stage = ek.Throttle(1, clock=clock).start(lambda event: got.append(event.data))
    stage.put(ek.Event("t", 1))
    stage.put(ek.Event("t", 2))
    clock._now = 5 * 10**9  # and nobody has been called
    stage.put(ek.Event("t", 3))
    assert got == [1, 2]
    clock.advance(0.5)
    assert got == [1, 2]
    clock.advance(0.5)
    assert got == [1, 2, 3]


def test_a_late_clock_does_not_let_a_quota_burst() -> None:
    clock, got = Clock(), list[float]()
    stage = ek.TokenBucket(1, 1, wait=math.inf, clock=clock).start(lambda _: got.append(clock.now))
    for _ in range(4):
        stage.put(ek.Event("t"))
    clock._now = 10 * 10**9
    clock.advance(2)
    assert got == [0, 10, 11, 12]


def test_a_handler_may_put_into_its_own_stage(clock: Clock) -> None:
    got: list[int] = []

    def handle(event: ek.Event) -> None:
        got.append(event.data)
        if event.data < 5:
            stage.put(ek.Event("t", event.data + 1))
            got.append(-event.data)

    stage = ek.TokenBucket(1, 9, clock=clock).start(handle)
    stage.put(ek.Event("t", 3))
    assert got == [3, -3, 4, -4, 5]


def test_what_deliver_raises_is_raised_by_put_and_the_stage_goes_on(clock: Clock) -> None:
    got: list[int] = []

    def handle(event: ek.Event) -> None:
        if event.data == 1:
            raise RuntimeError("broken")
        got.append(event.data)

    stage = ek.TokenBucket(1, 9, clock=clock).start(handle)
    with pytest.raises(RuntimeError, match="broken"):
        stage.put(ek.Event("t", 1))
    stage.put(ek.Event("t", 2))
    assert got == [2]
    assert stage.wait_idle(0)


def test_an_interrupted_delivery_leaves_the_stage_usable(clock: Clock) -> None:
    got: list[int] = []

    def handle(event: ek.Event) -> None:
        if event.data == 1:
            raise KeyboardInterrupt
        got.append(event.data)

    stage = ek.TokenBucket(1, 9, clock=clock).start(handle)
    with pytest.raises(KeyboardInterrupt):
        stage.put(ek.Event("t", 1))
    stage.put(ek.Event("t", 2))
    assert got == [2]


def test_one_thread_delivers_at_a_time_and_order_is_kept(gate: Gate) -> None:
    got: list[int] = []

    def handle(event: ek.Event) -> None:
        if event.data == 0:
            gate(event)
        got.append(event.data)

    stage = ek.TokenBucket(1, 9).start(handle)
    first = threading.Thread(target=stage.put, args=(ek.Event("t", 0),))
    first.start()
    gate.wait_entered()
    stage.put(ek.Event("t", 1))  # returns: the other thread will deliver it
    stage.put(ek.Event("t", 2))
    assert got == []
    assert not stage.wait_idle(0)
    gate.open()
    first.join(LONG)
    assert got == [0, 1, 2]


def test_events_of_each_thread_come_out_in_their_order() -> None:
    got: list[tuple[int, int]] = []
    stage = ek.Batch(7, 60).start(lambda event: got.extend(one.data for one in event.data))

    def put(place: int) -> None:
        for number in range(2_000):
            stage.put(ek.Event("t", (place, number)))

    threads = [threading.Thread(target=put, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    stage.close()
    for place in range(4):
        assert [number for one, number in got if one == place] == list(range(2_000))


# The real clock


def test_all_flows_share_one_thread() -> None:
    done = threading.Semaphore(0)
    flows: list[Flow] = [ek.Coalesce(0.001), ek.Debounce(0.001), ek.Batch(9, 0.001)] * 5
    stages = [flow.start(lambda event: done.release()) for flow in flows]
    for stage in stages:
        stage.put(ek.Event("t"))
    for _ in stages:
        assert done.acquire(timeout=LONG)
    assert [thread.name for thread in threading.enumerate()].count("clock") == 1


def test_the_real_clock_calls_in_the_order_of_time() -> None:
    clock, got, done = ek.Clock(), list[int](), threading.Event()
    soon = clock.now_ns() + 500_000_000  # time enough to say it all, on a busy machine too
    clock.call_at(soon + 30_000_000, done.set)
    for late in (2, 1, 3):
        clock.call_at(soon + late * 1_000_000, lambda late=late: got.append(late))  # type: ignore[misc]
    assert done.wait(LONG)
    assert got == [1, 2, 3]
    assert clock.now_ns() >= soon + 30_000_000


def test_a_failure_on_the_clocks_thread_is_not_silent_and_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    clock, done = ek.Clock(), threading.Event()
    clock.call_at(clock.now_ns(), lambda: 1 / 0)
    clock.call_at(clock.now_ns(), done.set)
    assert done.wait(LONG)
    assert [failure.exc_type for failure in failures] == [ZeroDivisionError]


def test_a_manual_clock_does_not_go_back(clock: Clock) -> None:
    clock.advance(2)
    clock.advance_to(1)
    assert clock.now == 2
    with pytest.raises(ValueError, match="0 or more; got -1"):
        clock.advance(-1)


# On a bus


def test_without_a_flow_nothing_stands_in_between(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    handler = got.append
    subscription = bus.subscribe("t", handler)
    assert subscription.deliver is handler
    assert subscription.stage is None


@pytest.mark.parametrize("executor", [None, ek.Threads])
def test_no_click_is_lost_between_threads(bus: ek.EventBus, executor: Any) -> None:
    total: list[int] = []
    adding = ek.Coalesce(0.001, merge=operator.add)
    bus.subscribe("click", lambda event: total.append(event.data), flow=adding,
                  executor=executor(2) if executor else None)  # fmt: skip
    bus.subscribe("click", lambda event: total.extend(one.data for one in event.data),
                  flow=ek.Batch(7, 0.001), executor=executor(2) if executor else None)  # fmt: skip

    def click() -> None:
        for number in range(2_000):
            bus.fire("click", 1, key=str(number % 3))

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    bus.drain(LONG)
    assert sum(total) == 2 * 4 * 2_000
    bus.assert_clean()


def test_a_subscription_takes_a_flow(bus: ek.EventBus, clock: Clock) -> None:
    got: list[Any] = []
    bus.subscribe("t", lambda event: got.append(event.data), flow=ek.Debounce(1, clock=clock))
    for data in range(5):
        bus.fire("t", data)
    assert got == []
    clock.advance(1)
    assert got == [4]


def test_decorators_take_a_flow_and_results_are_emitted(bus: ek.EventBus, clock: Clock) -> None:
    got: list[ek.Event] = []

    @bus.processor("t", emits="sum", flow=ek.Batch(2, 1, clock=clock))
    def add(event: ek.Event) -> int:
        return sum(one.data for one in event.data)

    bus.subscribe("sum", got.append)
    bus.fire("t", 1)
    bus.fire("t", 2)
    assert [event.data for event in got] == [3]


def test_one_recipe_may_serve_many_subscriptions(bus: ek.EventBus, clock: Clock) -> None:
    got: list[str] = []
    flow = ek.Throttle(1, clock=clock)
    bus.subscribe("t", lambda event: got.append("one"), flow=flow)
    bus.subscribe("t", lambda event: got.append("two"), flow=flow)
    bus.fire("t")
    assert got == ["one", "two"]


def test_a_token_bucket_is_shared_by_all_that_are_given_it(
    bus: ek.EventBus, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[str] = []
    quota = ek.TokenBucket(1, 3, clock=clock)
    for name in ("one", "two"):
        bus.subscribe("t", note(got, name), flow=quota)
    bus.fire("t")
    bus.fire("t")
    assert got == ["one", "two", "one"]
    assert quota.refused == 1
    assert not quota.try_take()


def test_a_refused_event_is_counted_and_the_first_is_warned_of(
    bus: ek.EventBus, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    quota = ek.TokenBucket(1, 1, clock=clock)
    bus.subscribe("t", lambda event: None, flow=quota)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            bus.fire("t")
    assert quota.refused == 3
    (record,) = caplog.records
    assert "TokenBucket(1, 1) begins to refuse events" in record.getMessage()
    bus.assert_clean()


@pytest.mark.parametrize("executor", [None, ek.Inline, ek.Threads, ek.EventLoop])
def test_drain_waits_for_what_waits_in_a_flow(bus: ek.EventBus, executor: Any) -> None:
    got: list[Any] = []
    bus.subscribe(
        "t", lambda event: 2 * event.data, emits="double",
        executor=executor() if executor else None, flow=ek.Debounce(0.3),
    )  # fmt: skip
    bus.subscribe("double", lambda event: got.append(event.data), flow=ek.Coalesce(0.02))
    for data in range(3):
        bus.fire("t", data)
    bus.drain(LONG)
    assert got == [4]


def test_a_drain_that_runs_out_of_time_names_the_flow(bus: ek.EventBus, clock: Clock) -> None:
    bus.subscribe("t", lambda event: None, flow=ek.Debounce(1, clock=clock))
    bus.fire("t")
    with pytest.raises(ek.DrainTimeout, match=r"1 waiting in Debounce\(1\)"):
        bus.drain(0)
    clock.advance(1)
    bus.drain(0)


def test_drain_in_a_handler_on_the_clocks_thread_is_refused(bus: ek.EventBus) -> None:
    bus.subscribe("t", lambda event: bus.drain(LONG), flow=ek.Debounce(0.001))
    bus.fire("t")
    bus.drain(LONG)
    with pytest.raises(ek.HandlersFailed, match="would wait for itself"):
        bus.assert_clean()


def test_drain_async_waits_too(bus: ek.EventBus) -> None:
    got: list[Any] = []

    async def main() -> None:
        loop = ek.EventLoop(asyncio.get_running_loop())
        bus.subscribe("t", got.append, executor=loop, flow=ek.Debounce(0.001))
        bus.fire("t")
        await bus.drain_async(LONG)
        assert len(got) == 1

    asyncio.run(main())


def test_closing_a_bus_lets_out_what_waits_without_waiting_for_its_time(clock: Clock) -> None:
    got: list[Any] = []
    with ek.EventBus() as bus:
        flows: list[Flow] = [ek.Coalesce(9, clock=clock), ek.Debounce(9, clock=clock)]
        flows += [ek.Throttle(9, leading=False, clock=clock), ek.Batch(9, 9, clock=clock)]
        for flow in flows:
            bus.subscribe("t", got.append, flow=flow, executor=ek.Threads(1))
        bus.fire("t")
    assert len(got) == 4
    bus.assert_clean()


def test_what_a_quota_holds_back_at_close_becomes_a_dead_letter(clock: Clock) -> None:
    bus, got = ek.EventBus(), list[Any]()
    bus.subscribe("t", got.append, flow=ek.TokenBucket(1, 1, wait=9, clock=clock))
    for _ in range(3):
        bus.fire("t")
    bus.close(timeout=0)
    assert len(got) == 1
    assert [type(letter.error) for letter in bus.dead_letters] == [ek.BusClosed] * 2


def test_a_quotas_events_come_out_within_closes_timeout() -> None:
    got: list[Any] = []
    with ek.EventBus() as bus:
        bus.subscribe("t", got.append, flow=ek.TokenBucket(1000, 1, wait=9))
        for _ in range(3):
            bus.fire("t")
    assert len(got) == 3


def test_a_cancelled_subscription_still_handles_what_waited(bus: ek.EventBus, clock: Clock) -> None:
    got: list[Any] = []
    subscription = bus.subscribe("t", got.append, flow=ek.Debounce(1, clock=clock))
    bus.fire("t", 1)
    subscription.cancel()
    bus.fire("t", 2)
    clock.advance(1)
    assert [event.data for event in got] == [1]


def test_cancelled_subscriptions_are_forgotten_when_their_flow_is_empty(
    bus: ek.EventBus, clock: Clock
) -> None:
    for _ in range(1000):
        with bus.subscribe("t", print, flow=ek.Debounce(1, clock=clock)):
            pass
    assert len(bus._places.stages) < 10


def test_subscribing_with_a_flow_looks_at_each_stage_a_few_times_at_most(
    bus: ek.EventBus, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = 0, Stage.wait_idle

    def count(stage: Stage, timeout: float | None) -> bool:
        nonlocal looks
        looks += 1
        return look(stage, timeout)

    monkeypatch.setattr(Stage, "wait_idle", count)
    for number in range(1000):
        subscription = bus.subscribe("t", print, flow=ek.Debounce(1, clock=clock))
        if number % 2:
            subscription.cancel()
    assert looks < 3000


def test_once_is_the_first_that_leaves_the_flow(bus: ek.EventBus, clock: Clock) -> None:
    got: list[Any] = []
    bus.subscribe("t", got.append, once=True, flow=ek.Debounce(1, clock=clock))
    bus.fire("t", 1)
    bus.fire("t", 2)
    clock.advance(1)
    bus.fire("t", 3)
    clock.advance(1)
    assert [event.data for event in got] == [2]


def test_a_handler_that_fails_behind_a_flow_is_not_silent(bus: ek.EventBus, clock: Clock) -> None:
    errors: list[ek.Event] = []
    bus.subscribe("error.t", errors.append)
    bus.subscribe("t", lambda event: 1 / 0, flow=ek.Debounce(1, clock=clock))
    bus.fire("t")
    clock.advance(1)
    assert len(errors) == 1
    with pytest.raises(ek.HandlersFailed, match="ZeroDivisionError"):
        bus.assert_clean()


def test_a_merge_that_fails_is_not_silent(bus: ek.EventBus, clock: Clock) -> None:
    bus.subscribe("t", print, flow=ek.Coalesce(1, merge=operator.add, clock=clock))
    bus.fire("t", 1)
    bus.fire("t", "one")
    with pytest.raises(ek.HandlersFailed, match="TypeError"):
        bus.assert_clean()


def test_what_a_full_executor_refuses_behind_a_flow_becomes_a_dead_letter(
    bus: ek.EventBus, clock: Clock, gate: Gate
) -> None:
    executor = ek.Threads(1, capacity=1, overflow="raise")
    bus.subscribe("t", gate, executor=executor, flow=ek.TokenBucket(1, 9, clock=clock))
    bus.fire("t")
    gate.wait_entered()
    bus.fire("t")
    with bus.record() as timeline:
        bus.fire("t")
    assert [type(letter.error) for letter in bus.dead_letters] == [ek.QueueFull]
    assert [journey.outcome for journey in timeline] == ["dropped"]
    gate.open()


def test_retry_works_behind_a_flow(bus: ek.EventBus, clock: Clock) -> None:
    tries: list[int] = []

    def handle(event: ek.Event) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError

    bus.subscribe("t", handle, retry=ek.Retry(5, 0), flow=ek.Debounce(1, clock=clock))
    bus.fire("t")
    clock.advance(1)
    assert len(tries) == 3
    bus.assert_clean()


# Recorded


def test_a_journey_through_a_flow_is_stamped_when_it_leaves_it(
    bus: ek.EventBus, clock: Clock
) -> None:
    bus.subscribe("t", lambda event: None, flow=ek.Debounce(1, clock=clock))
    with bus.record() as timeline:
        bus.fire("t", 1)
        (journey,) = timeline
        assert journey.queued is None
        clock.advance(1)
    assert journey.outcome == "ok"
    stamps = [journey.event.time, journey.fired, journey.queued, journey.started, journey.finished]
    assert None not in stamps
    assert stamps == sorted(stamps)  # type: ignore[type-var]


def test_the_outcome_of_what_did_not_come_out_says_why(bus: ek.EventBus, clock: Clock) -> None:
    flows: list[Flow] = [
        ek.Coalesce(1, clock=clock),
        ek.Coalesce(1, merge=operator.add, clock=clock),
        ek.Batch(3, 1, clock=clock),
        ek.Throttle(1, trailing=False, clock=clock),
        ek.TokenBucket(1, 1, clock=clock),
    ]
    for number, flow in enumerate(flows):
        bus.subscribe(f"t.{number}", lambda event: None, flow=flow)
    with bus.record() as timeline:
        for number in range(len(flows)):
            for data in (1, 2, 3):
                bus.fire(f"t.{number}", data)
        clock.advance(1)
    outcomes = [journey.outcome for journey in timeline]
    assert outcomes[:9] == ["merged", "merged", "ok"] * 3
    assert outcomes[9:] == ["ok", "dropped", "dropped"] * 2


def test_the_response_time_of_a_merged_event_counts_from_the_oldest(
    bus: ek.EventBus, clock: Clock
) -> None:
    bus.subscribe("t", lambda event: None, flow=ek.Batch(2, 1, clock=clock), executor=ek.Threads(1))
    with bus.record() as timeline:
        first = bus.fire("t")
        bus.fire("t")
        bus.drain(LONG)
    journey = timeline.journeys()[-1]
    assert journey.event.time == first.time
    assert len(timeline.response_times()) == 1


# Requests


def test_a_request_is_answered_when_it_comes_out(bus: ek.EventBus) -> None:
    bus.subscribe("t", lambda event: event.data, emits="answer", flow=ek.Debounce(0.001))
    assert bus.request("t", 5, timeout=LONG).data == 5


def test_a_request_that_does_not_come_out_has_no_reply(bus: ek.EventBus, clock: Clock) -> None:
    quota = ek.TokenBucket(1, 1, clock=clock)
    bus.subscribe("t", lambda event: 1, emits="answer", flow=quota)
    bus.request("t", timeout=LONG)
    with pytest.raises(ek.NoReply, match=r"TokenBucket\(1, 1\) has dropped event"):
        bus.request("t", timeout=LONG)


def test_a_request_that_becomes_part_of_a_batch_has_no_reply(
    bus: ek.EventBus, clock: Clock
) -> None:
    bus.subscribe("t", lambda event: 1, emits="answer", flow=ek.Batch(2, 1, clock=clock))
    with pytest.raises(ek.NoReply, match="makes one event of several"):
        bus.request("t", timeout=LONG)


# In words


def test_a_flow_shows_what_is_not_as_usual() -> None:
    assert repr(ek.Debounce(1)) == "Debounce(1)"
    assert repr(ek.Debounce(1, leading=True, max_wait=2)) == "Debounce(1, leading=True, max_wait=2)"
    assert repr(ek.Throttle(1)) == "Throttle(1)"
    assert repr(ek.Throttle(1, leading=False)) == "Throttle(1, leading=False)"
    assert repr(ek.Throttle(1, trailing=False)) == "Throttle(1, trailing=False)"
    assert repr(ek.Coalesce(1)) == "Coalesce(1)"
    assert repr(ek.Batch(9, 1)) == "Batch(9, 1)"
    assert repr(ek.TokenBucket(10, 5)) == "TokenBucket(10, 5)"
    assert repr(ek.TokenBucket(10, 5, wait=2)) == "TokenBucket(10, 5, wait=2)"


# The token bucket, asked directly


def test_take_says_how_long_to_wait(clock: Clock) -> None:
    bucket = ek.TokenBucket(2, 2, clock=clock)
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.5, 1.0]
    clock.advance(1)
    assert bucket.take() == 0.5


def test_try_take_takes_only_what_is_there(clock: Clock) -> None:
    bucket = ek.TokenBucket(2, 2, clock=clock)
    assert [bucket.try_take() for _ in range(4)] == [True, True, False, False]
    assert bucket.refused == 2
    assert bucket.tokens == 0
    clock.advance(0.5)
    assert bucket.tokens == 1
    assert [bucket.try_take(), bucket.try_take()] == [True, False]
    clock.advance(99)
    assert bucket.tokens == 2


def test_threads_share_a_token_bucket_and_none_is_taken_twice(clock: Clock) -> None:
    bucket = ek.TokenBucket(1, 1_000, clock=clock)
    taken: list[int] = []
    threads = [
        threading.Thread(target=lambda: taken.append(sum(bucket.try_take() for _ in range(1_000))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert sum(taken) == 1_000
    assert bucket.refused == 3_000


# A million events


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_events_through_coalesce_take_no_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    got: list[int] = []
    with ek.EventBus() as bus:
        bus.subscribe("t", lambda event: got.append(event.data), executor=ek.Threads(1),
                      flow=ek.Coalesce(0.05))  # fmt: skip
        gc.collect()
        before = peak = resident()
        for number in range(1_000_000):
            bus.fire("t", number, key=str(number % 8))
            if number % 10_000 == 0:
                peak = max(peak, resident())
        bus.drain(LONG)
        peak = max(peak, resident())
        bus.assert_clean()
    assert got[-1] >= 999_992
    assert len(got) < 100_000
    assert peak - before < 20
    with capsys.disabled():
        print(f"\n1,000,000 events became {len(got):,}; {peak - before:.1f} MiB more at the peak")


# What is no Exception


NO_EXCEPTIONS = [SystemExit, GeneratorExit, KeyboardInterrupt, asyncio.CancelledError]


@pytest.mark.parametrize("kind", NO_EXCEPTIONS)
def test_whatever_a_handler_raises_on_the_clocks_thread_is_a_dead_letter(
    bus: ek.EventBus, kind: type[BaseException]
) -> None:
    def handle(event: ek.Event) -> None:
        if event.data == "bad":
            raise kind

    got: list[Any] = []
    bus.subscribe("t", handle, flow=ek.Debounce(0.001))
    bus.subscribe("u", got.append, flow=ek.Debounce(0.002))
    for _ in range(3):
        bus.fire("u")
        bus.fire("t", "bad")
        bus.drain(LONG)
    assert len(got) == 3
    assert [type(letter.error) for letter in bus.dead_letters] == [kind] * 3
    bus.dead_letters.clear()


@pytest.mark.parametrize("kind", NO_EXCEPTIONS)
def test_what_comes_out_behind_a_failure_still_comes_out(
    bus: ek.EventBus, clock: Clock, kind: type[BaseException]
) -> None:
    got: list[Any] = []

    def handle(event: ek.Event) -> None:
        if event.data == 0:
            raise kind
        got.append(event.data)

    subscription = bus.subscribe("t.*", handle, flow=ek.Debounce(1, clock=clock))
    assert subscription.stage is not None
    for number in range(5):
        bus.fire(f"t.{number}", number)
    with contextlib.suppress(KeyboardInterrupt):  # in the main thread: the user's stop button
        subscription.stage.flush()
    clock.advance(1)
    bus.drain(LONG)
    assert got == [1, 2, 3, 4]
    assert [type(letter.error) for letter in bus.dead_letters] == [kind]
    bus.dead_letters.clear()


@pytest.mark.parametrize("kind", [*NO_EXCEPTIONS, ZeroDivisionError])
def test_the_clock_survives_whatever_a_call_raises(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise kind

    monkeypatch.setattr(threading, "excepthook", fail)  # a hook may fail, too
    clock, done = ek.Clock(), threading.Event()
    clock.call_at(clock.now_ns(), fail)
    clock.call_at(clock.now_ns(), done.set)
    assert done.wait(LONG)


def test_a_clock_that_could_start_no_thread_starts_one_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock, first, second = ek.Clock(), threading.Event(), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        clock.call_at(clock.now_ns(), first.set)
    clock.call_at(clock.now_ns(), second.set)
    assert first.wait(LONG)
    assert second.wait(LONG)


# Forks


FORKED = """
import os, threading
import eventkit as ek
from eventkit.testing import LONG

used, unused = (ek.Debounce(0.001).start(lambda event: None) for _ in range(2))
used.put(ek.Event("t"))
bucket = ek.TokenBucket(1, 5)
with bucket._lock, used._lock, unused._lock:  # held by a thread that is not in the child
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def in_child():
    try:
        used.put(ek.Event("t"))
    except ek.FlowClosed as refusal:
        print(refusal)
    done = threading.Event()
    fresh = ek.Debounce(0.001).start(lambda event: done.set())
    for stage in (unused, fresh):
        stage.put(ek.Event("t"))
        print(stage.wait_idle(LONG))
    print(done.is_set(), used.wait_idle(0), used.close(), bucket.try_take(), flush=True)
    os._exit(0)

thread = threading.Thread(target=in_child)
thread.start()
thread.join()  # when the main thread has ended, Python 3.12 starts no other
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_in_a_child_new_flows_work_and_used_ones_say_what_to_do() -> None:
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True, encoding="utf-8", timeout=LONG, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert "used before this process was forked. Subscribe again" in said[0]
    assert said[1:] == ["True", "True", "True True [] True"]


# Bad input


TOO_LONG = threading.TIMEOUT_MAX * 1.001


@pytest.mark.parametrize(
    "make",
    [
        ek.Coalesce,
        ek.Debounce,
        ek.Throttle,
        lambda wrong: ek.Debounce(1, max_wait=wrong),
        lambda wrong: ek.Batch(5, wrong),
        lambda wrong: ek.TokenBucket(1, 1, wait=wrong),
        lambda wrong: ek.ManualClock(wrong),
        lambda wrong: ek.ManualClock().advance(wrong),
        lambda wrong: ek.ManualClock().advance_to(wrong),
        lambda wrong: ek.Debounce(1).start(print).wait_idle(wrong),
        lambda wrong: ek.Debounce(1).start(print).close(wrong),
    ],
)
@pytest.mark.parametrize("wrong", [TOO_LONG, 10**400, math.nan, True, "1"])
def test_a_time_that_no_thread_can_wait_for_is_refused(
    make: Callable[[Any], object], wrong: Any
) -> None:
    with pytest.raises(ValueError, match="got"):
        make(wrong)


@pytest.mark.parametrize("clock", [ek.Clock(), ek.ManualClock()])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1.5, True, "1", None])
def test_a_clock_takes_whole_nanoseconds(clock: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="due is a time in whole nanoseconds; got"):
        clock.call_at(wrong, print)


def test_a_call_that_is_due_beyond_all_limits_does_not_stop_the_clock() -> None:
    clock, done = ek.Clock(), threading.Event()
    clock.call_at(10**30, print)
    clock.call_at(clock.now_ns() + 10**6, done.set)
    assert done.wait(LONG)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, "1", None, True])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (ek.Coalesce, "interval"),
        (ek.Debounce, "wait"),
        (ek.Throttle, "interval"),
        (lambda seconds: ek.Batch(5, seconds), "within"),
    ],
)
def test_a_time_is_more_than_0(make: Callable[[Any], object], name: str, seconds: Any) -> None:
    says = f"{name} is a number of seconds, more than 0; got {seconds!r}"
    with pytest.raises(ValueError, match=says):
        make(seconds)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", None, True])
def test_sizes_and_bursts_are_1_or_more(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"size is .* number of 1 or more; got {wrong!r}"):
        ek.Batch(wrong, 1)
    with pytest.raises(ValueError, match=f"burst is .* number of 1 or more; got {wrong!r}"):
        ek.TokenBucket(1, wrong)


@pytest.mark.parametrize(
    "rate",
    [0, -1, 1e-300, 10**400, 0.9 / threading.TIMEOUT_MAX, math.nan, math.inf, 2e9, "3", None, True],
)
def test_a_rate_is_events_a_second(rate: Any) -> None:
    with pytest.raises(ValueError, match="rate is events a second, more than 0, at most 1e9; got"):
        ek.TokenBucket(rate, 1)


@pytest.mark.parametrize("wait", [-1, math.nan, "3", None, True])
def test_a_wait_for_a_token_is_seconds(wait: Any) -> None:
    with pytest.raises(ValueError, match=r"0 refuses it at once, math\.inf sets no limit; got"):
        ek.TokenBucket(1, 1, wait=wait)


@pytest.mark.parametrize("make", [ek.Debounce, ek.Throttle])
def test_one_edge_at_least_is_needed(make: Any) -> None:
    with pytest.raises(ValueError, match="not both False, or nothing would come out"):
        make(1, leading=False, trailing=False)
    with pytest.raises(ValueError, match="True or False"):
        make(1, leading="yes")


@pytest.mark.parametrize("options", [{"max_wait": 0.5}, {"max_wait": 2, "trailing": False}])
def test_max_wait_is_at_least_wait_and_for_the_trailing_edge(options: Any) -> None:
    with pytest.raises(ValueError, match="max_wait is how long an event waits at most"):
        ek.Debounce(1, leading=True, **options)


def test_merge_is_a_function() -> None:
    with pytest.raises(TypeError, match=r"merge is a function of two arguments.*got 'sum'"):
        ek.Coalesce(1, merge="sum")  # type: ignore[arg-type]


def test_a_clock_is_a_clock() -> None:
    with pytest.raises(TypeError, match=r"clock is a ManualClock\(\), or None for the real one"):
        ek.Debounce(1, clock=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [ek.Debounce, 0.2, "debounce", ek.Threads(1)])
def test_a_flow_is_an_instance(bus: ek.EventBus, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"flow is an instance such as Debounce\(0.2\), or None"):
        bus.subscribe("t", print, flow=wrong)
