"""What handlers in worker processes gain on two cores, and what each event costs.

All worker processes run before the clock starts. All events are handed over at once, and the time
ends when the last has been handled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from time import perf_counter, thread_time

import loky

import eventkit as ek

from .comparing import Row, Timed, beside, compare

_WORKERS = 2
_SECONDS = 0.05


def measure(quick: bool) -> list[Row]:
    return [
        *_compute_on_two_cores(3 if quick else 15, 4 if quick else 20),
        *_small_handlers(3 if quick else 31, 200 if quick else 2_000),
    ]


def _compute_on_two_cores(rounds: int, number: int) -> list[Row]:
    """Processes use both cores. Threads take turns in one interpreter, so they gain nothing."""
    title = f"{number} handlers of 50 ms of Python"
    if _cores() < 2:
        return [Row(title, "eventkit, Processes(2)", missing="this machine has one core")]
    events = [ek.Event("bench.work", _steps_in(_SECONDS)) for _ in range(number)]
    with ek.EventBus() as inline, ek.EventBus() as threads, _on_processes(_compute) as processes:
        inline.subscribe("bench.work", _compute)
        threads.subscribe("bench.work", _compute, executor=ek.Threads(_WORKERS))
        rows = compare(
            title,
            {
                "eventkit, Inline": _seconds_for(inline, events),
                "eventkit, Processes(2)": _seconds_for(processes, events),
                "eventkit, Threads(2)": _seconds_for(threads, events),
            },
            rounds=rounds,
            goal=1 / 1.7,
        )
    one_core = [row._replace(measure="the same, threads beside Inline") for row in rows]
    return [*rows, *beside(one_core[2], [one_core[0]._replace(goal=1.1)])]


def _small_handlers(rounds: int, number: int) -> list[Row]:
    """Beside the better of two pools, from which every result is fetched."""
    events = [ek.Event("bench.work", 1) for _ in range(number)]
    results: list[ek.Event] = []

    def through_a_bus() -> float:
        results.clear()
        seconds = _seconds_for(bus, events)()
        assert len(results) == number
        return seconds / number

    standard = ProcessPoolExecutor(_WORKERS, get_context("spawn"))
    with standard, _loky() as other, _on_processes(_work) as bus:
        bus.subscribe("bench.result", results.append)
        _start(standard)
        _start(other)
        rows = compare(
            "event to a process and back",
            {
                "ProcessPoolExecutor.submit": _seconds_each(standard, events),
                "eventkit": through_a_bus,
                "loky, submit": _seconds_each(other, events),
            },
            rounds=rounds,
            goal=1.2,
        )
    return beside(min(rows[0], rows[2], key=lambda row: row.median), rows)


@contextmanager
def _on_processes(handler: Callable[[ek.Event], object]) -> Iterator[ek.EventBus]:
    """A bus with this handler on processes, all of which have started."""
    with ek.EventBus() as bus:
        pids: set[int] = set()
        executor = ek.Processes(_WORKERS)
        bus.subscribe("bench.work", handler, executor=executor, emits="bench.result")
        with (
            bus.subscribe("bench.start", _nap, executor=executor, emits="bench.started"),
            bus.subscribe("bench.started", lambda event: pids.add(event.data)),
        ):
            for _ in range(_WORKERS):
                bus.fire("bench.start")
            bus.drain()
        assert len(pids) == _WORKERS
        yield bus


@contextmanager
def _loky() -> Iterator[Executor]:
    """The pool that loky recommends, whose processes do not end while they are idle."""
    pool = loky.get_reusable_executor(max_workers=_WORKERS, timeout=None)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True)


def _start(pool: Executor) -> None:
    """Have all processes of a pool started."""
    naps = [pool.submit(_nap, ek.Event("bench.start")) for _ in range(_WORKERS)]
    assert len({nap.result() for nap in naps}) == _WORKERS


def _seconds_for(bus: ek.EventBus, events: Sequence[ek.Event]) -> Timed:
    def run() -> float:
        start = perf_counter()
        for event in events:
            bus.publish(event)
        bus.drain()
        seconds = perf_counter() - start
        bus.assert_clean()
        return seconds

    return run


def _seconds_each(pool: Executor, events: Sequence[ek.Event]) -> Timed:
    def run() -> float:
        start = perf_counter()
        for future in [pool.submit(_work, event) for event in events]:
            future.result()
        return (perf_counter() - start) / len(events)

    return run


def _work(event: ek.Event) -> object:
    return event.data


def _nap(event: ek.Event) -> int:
    """Occupy a process until the other has started."""
    time.sleep(1.0)
    return os.getpid()


def _compute(event: ek.Event) -> None:
    """Add numbers up, in pure Python, which keeps the interpreter to itself."""
    total = 0
    for number in range(event.data):
        total += number


def _steps_in(seconds: float) -> int:
    """Return how many numbers `_compute` adds in this many seconds of a core."""
    steps = 200_000
    took = []
    for _ in range(5):
        start = thread_time()
        _compute(ek.Event("bench.work", steps))
        took.append(thread_time() - start)
    return int(steps * seconds / min(took))


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
