"""Awaited handlers: in place, in order, each failure by itself, and cancelled with their caller."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, strategies as st

import eventkit as ek

AWAITED = ek.Awaited()


def awaited(bus: ek.EventBus, topic: str, work: Callable[[ek.Event], Any], **options: Any) -> None:
    """Subscribe a coroutine function that gives way once and then does this work."""

    async def handler(event: ek.Event) -> Any:
        await asyncio.sleep(0)
        return work(event)

    bus.subscribe(topic, handler, executor=ek.Awaited(), **options)


@pytest.mark.parametrize("is_recorded", [False, True])
def test_handlers_run_in_place_and_in_order(is_recorded: bool) -> None:
    bus, got = ek.EventBus(), list[str]()
    bus.subscribe("a", lambda _: got.append("third"), priority=1)
    awaited(bus, "a", lambda _: got.append("second"), priority=2)
    bus.subscribe("a", lambda _: got.append("first"), priority=3)
    awaited(bus, "a", lambda _: got.append("fourth"))
    if is_recorded:
        with bus.record() as timeline:
            event = asyncio.run(bus.fire_async("a", 1, key="k"))
        assert [one.outcome for one in timeline.journeys()] == ["ok"] * 4
        assert len({one.fired for one in timeline.journeys()}) == 1
    else:
        event = asyncio.run(bus.fire_async("a", 1, key="k"))
    assert got == ["first", "second", "third", "fourth"]
    assert (event.topic, event.data, event.key) == ("a", 1, "k")
    bus.assert_clean()


def test_what_handlers_emit_and_fire_is_awaited_too() -> None:
    bus, got = ek.EventBus(), list[Any]()
    awaited(bus, "click", lambda event: event.data + 1, emits="count")
    awaited(bus, "count", lambda event: bus.fire("shown", event.data))
    awaited(bus, "shown", lambda event: got.append(event.data))
    asyncio.run(bus.fire_async("click", 1))
    assert got == [2]
    bus.assert_clean()


def test_a_handler_may_fire_from_another_thread_that_it_waits_for() -> None:
    bus, got = ek.EventBus(), list[Any]()

    async def handler(event: ek.Event) -> None:
        await asyncio.to_thread(bus.fire, "b", event.data)

    bus.subscribe("a", handler, executor=AWAITED)
    awaited(bus, "b", lambda event: got.append(event.data))
    asyncio.run(bus.fire_async("a", 3))
    assert got == [3]
    bus.assert_clean()


def test_other_executors_get_the_event_into_their_queues() -> None:
    got: list[Any] = []
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: got.append(event.data), executor=ek.Threads(1))
        asyncio.run(bus.fire_async("a", 7))
        bus.drain(30)
    assert got == [7]


def test_a_plain_fire_names_both_ways_out() -> None:
    bus = ek.EventBus()
    awaited(bus, "a", lambda event: event.data, emits="b")
    bus.fire("a", 1)
    text = str(bus.dead_letters[0].error)
    assert "await bus.fire_async('a', ...)" in text and "executor=EventLoop()" in text
    with pytest.raises(RuntimeError, match="fire_async"):
        bus.request("a", 1, 5)


def test_a_task_that_outlives_its_caller_cannot_fire_into_the_past() -> None:
    bus, tasks = ek.EventBus(), list[asyncio.Task[None]]()

    async def later() -> None:
        await asyncio.sleep(0.01)
        bus.fire("b")

    async def handler(event: ek.Event) -> None:
        tasks.append(asyncio.create_task(later()))

    async def main() -> None:
        await bus.fire_async("a")
        await tasks[0]

    bus.subscribe("a", handler, executor=AWAITED)
    awaited(bus, "b", print)
    asyncio.run(main())
    assert [one.event.topic for one in bus.dead_letters] == ["b"]


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, StopAsyncIteration, asyncio.CancelledError, RecursionError]
)
def test_each_failure_is_isolated(error: type[BaseException]) -> None:
    bus, got = ek.EventBus(), list[int]()

    def fail(event: ek.Event) -> None:
        raise error("no")

    awaited(bus, "a", fail, priority=1)
    awaited(bus, "a", lambda event: got.append(event.data))
    asyncio.run(bus.fire_async("a", 1))
    assert got == [1]
    assert [type(one.error) for one in bus.dead_letters] == [error]


def test_an_interrupt_reaches_the_caller_and_the_rest_are_dead_letters() -> None:
    bus = ek.EventBus()

    def interrupt(event: ek.Event) -> None:
        raise KeyboardInterrupt

    awaited(bus, "a", interrupt, priority=1)
    awaited(bus, "a", print)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(bus.fire_async("a", 1))
    assert len(bus.dead_letters) == 2


def test_a_full_queue_is_told_after_all_others_got_the_event() -> None:
    got: list[Any] = []
    with ek.EventBus() as bus:
        full = ek.Threads(1, capacity=1, overflow="raise")
        hold = threading.Event()
        bus.subscribe("a", lambda _: hold.wait(30), executor=full, priority=1)
        awaited(bus, "a", lambda event: got.append(event.data))

        async def main() -> None:
            for number in range(20):
                await bus.fire_async("a", number)

        with pytest.raises(ek.QueueFull):
            asyncio.run(main())
        hold.set()
        assert got == list(range(len(got))) and got


@given(awaits=st.integers(1, 6), behind=st.integers(0, 3), data=st.data())
def test_cancelling_at_any_await_leaves_the_bus_whole(
    awaits: int, behind: int, data: st.DataObject
) -> None:
    point = data.draw(st.integers(0, awaits - 1))
    bus, seen, got = ek.EventBus(), list[int](), list[Any]()

    async def handler(event: ek.Event) -> None:
        for number in range(awaits):
            seen.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.create_task(bus.fire_async("a"))
        while len(seen) <= point:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    subscription = bus.subscribe("a", handler, executor=AWAITED, priority=1)
    for _ in range(behind):
        awaited(bus, "a", lambda event: got.append(event.data))
    asyncio.run(main())
    assert seen == list(range(point + 1))
    assert len(bus.dead_letters) == 1 + behind
    assert isinstance(bus.dead_letters[0].error, asyncio.CancelledError)
    subscription.cancel()
    asyncio.run(bus.fire_async("a", 1))
    bus.drain(30)
    assert got == [1] * behind


def test_a_caller_that_is_never_resumed_leaves_dead_letters() -> None:
    bus = ek.EventBus()
    awaited(bus, "a", print, priority=1)
    awaited(bus, "a", print)
    coroutine = bus.fire_async("a")
    coroutine.send(None)
    coroutine.close()
    assert len(bus.dead_letters) == 2


def test_context_variables_are_the_callers_own() -> None:
    who = contextvars.ContextVar("who", default="nobody yet")
    bus, got = ek.EventBus(), list[str]()

    async def handler(event: ek.Event) -> None:
        got.append(who.get())
        who.set("changed by the handler")

    async def main() -> None:
        who.set("the caller")
        await bus.fire_async("a")
        got.append(who.get())

    bus.subscribe("a", handler, executor=AWAITED)
    asyncio.run(main())
    assert got == ["the caller", "changed by the handler"]


def test_the_options_of_subscribe() -> None:
    bus, got = ek.EventBus(), list[Any]()
    tries = iter(range(10))

    def fails_twice(event: ek.Event) -> None:
        if next(tries) < 2:
            raise ValueError
        got.append("third try")

    awaited(bus, "retried", fails_twice, retry=ek.Retry(3, backoff=0))
    awaited(bus, "once", got.append, once=True)
    bus.subscribe("plain", got.append, executor=AWAITED)

    async def main() -> None:
        await bus.fire_async("retried")
        for _ in range(2):
            await bus.fire_async("once", "once")
        await bus.fire_async("plain", "plain")

    asyncio.run(main())
    assert [getattr(one, "data", one) for one in got] == ["third try", "once", "plain"]
    bus.assert_clean()
    with pytest.raises(TypeError, match="executor=EventLoop"):
        awaited(bus, "a", print, flow=ek.Debounce(1))


def test_concurrent_callers_do_not_mix() -> None:
    bus, got = ek.EventBus(), list[tuple[str, Any]]()
    awaited(bus, "a", lambda event: event.data, emits="b")
    awaited(bus, "b", lambda event: got.append((event.topic, event.data)))

    async def main() -> None:
        await asyncio.gather(*(bus.fire_async("a", number) for number in range(50)))

    asyncio.run(main())
    assert sorted(got) == [("b", number) for number in range(50)]


def test_a_topic_and_key_of_an_enum_become_plain_strings(bus: ek.EventBus) -> None:
    class Topic(StrEnum):
        click = "click"  # its hash is that of the plain string

    got: list[ek.Event] = []
    awaited(bus, "click", got.append)

    async def fire_them() -> None:
        await bus.fire_async("click")
        await bus.fire_async(Topic.click, key=Topic.click)
        await bus.publish_async(ek.Event(Topic.click, key=Topic.click))

    asyncio.run(fire_them())
    assert [type(one.topic) for one in got] == [str, str, str]
    assert [type(one.key) for one in got[1:]] == [str, str]
