"""Crossing a thread costs one wake-up for a burst, not one for each event; and none is lost."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import eventkit as ek
from eventkit.testing import LONG, Gate, wait_until

from .test_executors import run_threads


class Spy:
    """Counts calls and passes them on."""

    def __init__(self, target: Callable[..., Any]) -> None:
        self.target = target
        self.calls = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return self.target(*args, **options)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_burst_at_busy_threads_wakes_none(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, executor = Gate(), ek.Threads(workers)
    with ek.EventBus() as bus:
        bus.subscribe("a", gate, executor=executor)
        for _ in range(workers):
            bus.fire("a")
            gate.wait_entered()
        spy = Spy(executor._queue.wake_one)
        monkeypatch.setattr(executor._queue, "wake_one", spy)
        for _ in range(1_000):
            bus.fire("a")
        assert spy.calls == 0
        gate.open()
        bus.drain(LONG)
        assert len(gate.handled) == 1_000 + workers


@pytest.mark.parametrize("workers", [1, 4])
def test_a_burst_at_sleeping_threads_wakes_one_that_wakes_the_next(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held for the burst, so that no worker gets round to it before its end."""
    handled: list[int] = []
    executor = ek.Threads(workers)
    queue = executor._queue
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: handled.append(event.data), executor=executor)
        bus.fire("a", -1)
        bus.drain(LONG)
        wait_until(lambda: queue._sleeping == workers)
        spy = Spy(queue.wake_one)
        monkeypatch.setattr(queue, "wake_one", spy)
        with queue._lock:
            for number in range(1_000):
                bus.fire("a", number)
            assert spy.calls == 1
        bus.drain(LONG)
        assert sorted(handled) == list(range(-1, 1_000))


def test_a_burst_at_a_busy_loop_wakes_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, executor = Gate(), ek.EventLoop()
    with ek.EventBus() as bus:
        bus.subscribe("a", gate, executor=executor)
        bus.fire("a")
        gate.wait_entered()
        engine: Any = executor._engine
        loop = engine._loop
        spy = Spy(loop.call_soon_threadsafe)
        monkeypatch.setattr(loop, "call_soon_threadsafe", spy)
        for _ in range(1_000):
            bus.fire("a")
        assert spy.calls == 1
        gate.open()
        bus.drain(LONG)
        assert len(gate.handled) == 1_001
        assert spy.calls == 1


def test_a_burst_on_the_running_loop_starts_one_worker_and_needs_no_wake_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handled: list[ek.Event] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        executor = ek.EventLoop(loop)
        async with ek.EventBus() as bus:
            bus.subscribe("a", handled.append, executor=executor)
            spy = Spy(loop.call_soon_threadsafe)
            monkeypatch.setattr(loop, "call_soon_threadsafe", spy)
            for _ in range(1_000):
                bus.fire("a")
            engine: Any = executor._engine
            assert (spy.calls, len(engine._tasks)) == (0, 1)
            monkeypatch.undo()
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert len(handled) == 1_000


def test_no_wake_up_is_lost_on_the_running_loop_when_all_workers_wait() -> None:
    """Events from the loop and from a thread come in while the only worker's handler waits."""
    handled: list[int] = []

    async def main() -> None:
        let_go = asyncio.Event()

        async def handle(event: ek.Event) -> None:
            await let_go.wait()
            handled.append(event.data)

        here = ek.EventLoop(asyncio.get_running_loop(), concurrency=1)
        async with ek.EventBus() as bus:
            bus.subscribe("a", handle, executor=here)
            bus.fire("a", 0)
            await asyncio.sleep(0)
            bus.fire("a", 1)
            await asyncio.to_thread(bus.fire, "a", 2)
            let_go.set()
            await bus.drain_async(LONG)
            bus.fire("a", 3)
            await asyncio.to_thread(bus.fire, "a", 4)
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert handled == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("make", [lambda: ek.Threads(1), lambda: ek.Threads(4), ek.EventLoop])
def test_no_wake_up_is_lost_when_every_event_finds_a_worker_about_to_sleep(
    make: Callable[[], Any],
) -> None:
    """Ping-pong: each event is fired the moment the last has been handled."""
    with ek.EventBus() as bus:
        bus.subscribe("ping", lambda event: event.data, emits="pong", executor=make())
        for number in range(3_000):
            assert bus.request("ping", number, LONG).data == number


@pytest.mark.parametrize("make", [lambda: ek.Threads(1), lambda: ek.Threads(3), ek.EventLoop])
def test_no_wake_up_is_lost_with_many_producers_in_bursts(make: Callable[[], Any]) -> None:
    handled: list[int] = []
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: handled.append(event.data), executor=make())
        meet = threading.Barrier(3)

        def fire(place: int) -> None:
            for _ in range(100):
                meet.wait(LONG)
                for number in range(5):
                    bus.fire("a", number, key=str(number) if place else None)
                if place == 0:
                    bus.drain(LONG)

        run_threads(fire, 3)
        bus.drain(LONG)
        assert len(handled) == 3 * 100 * 5
