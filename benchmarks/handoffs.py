"""What it costs to hand events to a coroutine, a thread or a loop, and to get an answer back.

All are pipelined: many events are handed over at once, and the time ends when the last is handled.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter

import eventkit as ek

from . import peers
from .comparing import Row, Timed, compare
from .loops import Receiver, async_peers, awaited, loop_in_a_thread, queues_into, seconds_each

_CAPACITY = 1_000
_WORKERS = 4


def measure(quick: bool) -> list[Row]:
    rounds = 3 if quick else 31
    number = 200 if quick else 5_000
    return [
        *_await_pipelined(rounds, number),
        *_burst_to_a_loop(rounds, number),
        *_pool_from_a_loop(rounds, number),
        *_pool_from_a_thread(rounds, number),
        *_bounded(rounds, number),
    ]


def _await_pipelined(rounds: int, number: int) -> list[Row]:
    events = [ek.Event("bench.work") for _ in range(number)]
    last = ek.Event("bench.last")

    async def handle(event: ek.Event) -> None:
        pass

    async def a_task_each() -> None:
        await asyncio.gather(*[asyncio.create_task(handle(event)) for event in events])

    async def through_a_bus() -> None:
        done = asyncio.get_running_loop().create_future()
        with bus.subscribe("bench.last", lambda event: done.set_result(None), executor=here):
            for event in events:
                bus.publish(event)
            bus.publish(last)
            await done

    with asyncio.Runner() as runner, ek.EventBus() as bus:
        here = ek.EventLoop(runner.get_loop())
        bus.subscribe("bench.work", handle, executor=here)
        candidates: dict[str, Timed | str] = {
            "bare await": seconds_each(runner, lambda: awaited(handle, events), number),
            "eventkit": seconds_each(runner, through_a_bus, number),
            "a task each": seconds_each(runner, a_task_each, number),
        }
        receiver = Receiver()

        def pipelined(publish: peers.Publish) -> Timed:
            return seconds_each(runner, lambda: receiver.pipelined(publish, events), number)

        with async_peers(runner, receiver.handle) as found:
            for name, peer in found.items():
                candidates[name] = peer if isinstance(peer, str) else pipelined(peer)
            return compare(
                "events to a coroutine function", candidates, rounds=rounds, of_best=0.25
            )


def _burst_to_a_loop(rounds: int, number: int) -> list[Row]:
    events = [ek.Event("bench.work") for _ in range(number)]
    handle, wait = _until_last(events)
    with loop_in_a_thread() as loop, ek.EventBus() as bus, ExitStack() as stack:
        bus.subscribe("bench.work", handle, executor=ek.EventLoop())
        candidates: dict[str, Timed | str] = {
            "call_soon_threadsafe each": _seconds_to_hand_over(
                lambda event: loop.call_soon_threadsafe(handle, event), events, wait
            ),
            "eventkit": _seconds_to_hand_over(bus.publish, events, wait),
        }
        for name, put in queues_into(loop, handle, stack).items():
            candidates[name] = (
                put if isinstance(put, str) else _seconds_to_hand_over(put, events, wait)
            )
        return compare("burst to a loop", candidates, rounds=rounds, of_best=0.25)


def _pool_from_a_loop(rounds: int, number: int) -> list[Row]:
    """From a coroutine to a pool's threads, and the answers back on the loop."""
    events = [ek.Event("bench.work", 1) for _ in range(number)]
    answers: list[ek.Event] = []
    done: asyncio.Future[None]

    async def bare() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*[loop.run_in_executor(pool, _work, event) for event in events])

    def collect(answer: ek.Event) -> None:
        answers.append(answer)
        if len(answers) == number:
            done.set_result(None)

    async def through_a_bus() -> None:
        nonlocal done
        done = asyncio.get_running_loop().create_future()
        answers.clear()
        for event in events:
            bus.publish(event)
        await done

    with ThreadPoolExecutor(_WORKERS) as pool, asyncio.Runner() as runner, ek.EventBus() as bus:
        bus.subscribe("bench.work", _work, executor=ek.Threads(_WORKERS), emits="bench.answer")
        bus.subscribe("bench.answer", collect, executor=ek.EventLoop(runner.get_loop()))
        return compare(
            "pool round trip from a loop",
            {
                "loop.run_in_executor": seconds_each(runner, bare, number),
                "eventkit": seconds_each(runner, through_a_bus, number),
            },
            rounds=rounds,
            goal=0.1,
        )


def _pool_from_a_thread(rounds: int, number: int) -> list[Row]:
    events = [ek.Event("bench.work", 1) for _ in range(number)]

    def bare() -> float:
        start = perf_counter()
        for future in [pool.submit(_work, event) for event in events]:
            future.result()
        return (perf_counter() - start) / number

    def through_a_bus() -> float:
        answers.clear()
        start = perf_counter()
        for event in events:
            bus.publish(event)
        bus.drain()
        seconds = perf_counter() - start
        assert len(answers) == number
        return seconds / number

    answers: list[ek.Event] = []
    with ThreadPoolExecutor(_WORKERS) as pool, ek.EventBus() as bus:
        bus.subscribe("bench.work", _work, executor=ek.Threads(_WORKERS), emits="bench.answer")
        bus.subscribe("bench.answer", answers.append)
        return compare(
            "pool round trip from a thread",
            {"ThreadPoolExecutor.submit": bare, "eventkit": through_a_bus},
            rounds=rounds,
        )


def _bounded(rounds: int, number: int) -> list[Row]:
    """From one thread to one other, which may be at most so many events behind."""
    events = [ek.Event("bench.work") for _ in range(number)]
    handle, wait = _until_last(events)
    bounded: queue.Queue[ek.Event | None] = queue.Queue(_CAPACITY)

    def consume() -> None:
        while (event := bounded.get()) is not None:
            handle(event)

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        with ek.EventBus() as bus:
            bus.subscribe("bench.work", handle, executor=ek.Threads(1, capacity=_CAPACITY))
            return compare(
                "burst to a thread, bounded queue",
                {
                    "queue.Queue": _seconds_to_hand_over(bounded.put, events, wait),
                    "eventkit": _seconds_to_hand_over(bus.publish, events, wait),
                },
                rounds=rounds,
                goal=0.4,
            )
    finally:
        bounded.put(None)
        consumer.join()


def _work(event: ek.Event) -> object:
    return event.data


def _until_last(events: list[ek.Event]) -> tuple[Callable[[ek.Event], None], Callable[[], object]]:
    """A handler, and a function that waits until the handler has had the last of the events."""
    had_last = threading.Event()
    last = events[-1]

    def handle(event: ek.Event) -> None:
        if event is last:
            had_last.set()

    def wait() -> None:
        assert had_last.wait(60)
        had_last.clear()

    return handle, wait


def _seconds_to_hand_over(
    put: Callable[[ek.Event], object], events: list[ek.Event], wait: Callable[[], object]
) -> Timed:
    def run() -> float:
        start = perf_counter()
        for event in events:
            put(event)
        wait()
        return (perf_counter() - start) / len(events)

    return run
