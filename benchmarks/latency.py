"""What it costs to hand over one event at a time: the next when the last has been handled."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from time import perf_counter

import eventkit as ek

from . import peers
from .comparing import Row, Timed, compare
from .loops import Receiver, async_peers, awaited, loop_in_a_thread, queues_into, seconds_each

_EVENT = ek.Event("bench.topic")


def measure(quick: bool) -> list[Row]:
    rounds = 3 if quick else 31
    number = 100 if quick else 1_000
    return [
        *_to_a_coroutine_function(rounds, number),
        *_awaited_in_place(rounds, number),
        *_to_a_thread(rounds, number),
        *_to_a_loop(rounds, number),
    ]


def _to_a_coroutine_function(rounds: int, number: int) -> list[Row]:
    events = [ek.Event("bench.topic") for _ in range(number)]
    receiver = Receiver()
    with asyncio.Runner() as runner, ek.EventBus() as bus:
        bus.subscribe("bench.topic", receiver.handle, executor=ek.EventLoop(runner.get_loop()))

        def published(publish: peers.Publish) -> Timed:
            return seconds_each(runner, lambda: receiver.one_by_one(publish, events), number)

        signal = peers.or_why_not(peers.async_signal, receiver.handle)
        candidates: dict[str, Timed | str] = {
            "bare await": seconds_each(runner, lambda: awaited(receiver.handle, events), number),
            "eventkit": published(bus.publish),
            "blinker, send_async": signal
            if isinstance(signal, str)
            else seconds_each(runner, lambda: awaited(signal, events), number),
        }
        with async_peers(runner, receiver.handle) as found:
            for name, peer in found.items():
                candidates[name] = peer if isinstance(peer, str) else published(peer)
            return compare("one event to a coroutine function", candidates, rounds=rounds)


def _awaited_in_place(rounds: int, number: int) -> list[Row]:
    measure, data = "one event awaited in place", list(range(number))
    receiver = Receiver()
    signal = peers.or_why_not(peers.async_signal, receiver.handle)
    if isinstance(signal, str):
        return [Row(measure, "blinker, send_async", missing=signal)]
    with asyncio.Runner() as runner, ek.EventBus() as bus:
        bus.subscribe("bench.topic", receiver.handle, executor=ek.Awaited())
        candidates = {
            "blinker, send_async": seconds_each(runner, lambda: awaited(signal, data), number),
            "eventkit, fire_async": seconds_each(
                runner, lambda: awaited(partial(bus.fire_async, "bench.topic"), data), number
            ),
        }
        return compare(measure, candidates, rounds=rounds, goal=0.8)


def _to_a_thread(rounds: int, number: int) -> list[Row]:
    watch = _StopWatch()
    plain: queue.Queue[object] = queue.Queue()
    simple: queue.SimpleQueue[object] = queue.SimpleQueue()
    with _consumer(plain, watch), _consumer(simple, watch), ek.EventBus() as bus:
        bus.subscribe("bench.topic", watch.handle, executor=ek.Threads(1))
        return compare(
            "one event to a thread",
            {
                "queue.Queue": watch.timed(plain.put, number),
                "eventkit": watch.timed(bus.publish, number),
                "queue.SimpleQueue": watch.timed(simple.put, number),
            },
            rounds=rounds,
        )


@contextmanager
def _consumer(
    bare: queue.Queue[object] | queue.SimpleQueue[object], watch: _StopWatch
) -> Iterator[None]:
    """A thread that takes from this queue."""

    def consume() -> None:
        while (event := bare.get()) is not None:
            watch.handle(event)

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        yield
    finally:
        bare.put(None)
        thread.join()


def _to_a_loop(rounds: int, number: int) -> list[Row]:
    watch = _StopWatch()
    with loop_in_a_thread() as loop, ek.EventBus() as bus, ExitStack() as stack:
        bus.subscribe("bench.topic", watch.handle, executor=ek.EventLoop())
        candidates: dict[str, Timed | str] = {
            "call_soon_threadsafe": watch.timed(
                lambda event: loop.call_soon_threadsafe(watch.handle, event), number
            ),
            "eventkit": watch.timed(bus.publish, number),
        }
        for name, put in queues_into(loop, watch.handle, stack).items():
            candidates[name] = put if isinstance(put, str) else watch.timed(put, number)
        return compare("one event to a loop", candidates, rounds=rounds, of_best=0.9)


class _StopWatch:
    """Runs from the hand-over until the handler is called, in another thread."""

    def __init__(self) -> None:
        self._handled = threading.Semaphore(0)
        self._began = self._seconds = 0.0

    def handle(self, event: object) -> None:
        self._seconds += perf_counter() - self._began
        self._handled.release()

    def timed(self, put: peers.Publish, number: int) -> Timed:
        def run() -> float:
            self._seconds = 0.0
            for _ in range(number):
                self._began = perf_counter()
                put(_EVENT)
                assert self._handled.acquire(timeout=60)
            return self._seconds / number

        return run
