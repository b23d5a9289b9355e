"""How late a handler starts after its event was due, while another thread computes: the median.

Whoever wants the interpreter waits until the computing thread lets go of it, which Python asks it
to do after 5 ms; in real-time mode eventkit has it asked sooner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter_ns

import eventkit as ek

from .comparing import Row, compare

_INTERVAL = 0.017


def measure(quick: bool) -> list[Row]:
    rounds, count = (3, 3) if quick else (15, 30)
    with _somebody_computes():
        return compare(
            "due → handler beside a busy thread",
            {
                "eventkit, by default": lambda: _seconds_late(_timer, count),
                "eventkit, in real-time mode": lambda: _in_real_time(_timer, count),
                "time.sleep": lambda: _seconds_late(_sleeper, count),
                "time.sleep, real-time": lambda: _in_real_time(_sleeper, count),
            },
            rounds=rounds,
            goal=0.2,
        )


def _seconds_late(beat: Callable[[int], list[int]], count: int) -> float:
    return median(beat(count)) / 1e9


def _in_real_time(beat: Callable[[int], list[int]], count: int) -> float:
    with ek.real_time():
        return _seconds_late(beat, count)


def _timer(count: int) -> list[int]:
    """By how many nanoseconds each event was late."""
    late: list[int] = []
    with ek.EventBus() as bus:
        bus.subscribe("beat", lambda event: late.append(perf_counter_ns() - event.time))
        ek.Timer(_INTERVAL, count).run(bus, "beat")
    return late


def _sleeper(count: int) -> list[int]:
    """The same by hand, in this thread."""
    late = []
    due = perf_counter_ns()
    for _ in range(count):
        due += int(_INTERVAL * 1e9)
        time.sleep(max(due - perf_counter_ns(), 0) / 1e9)
        late.append(perf_counter_ns() - due)
    return late


@contextmanager
def _somebody_computes() -> Iterator[None]:
    ended = False

    def compute() -> None:
        while not ended:
            sum(range(100))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        ended = True
        thread.join()
