"""Clock: what time it is, and calls that are due later; in tests it is moved by hand."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
from collections.abc import Callable
from time import perf_counter_ns


class Clock:
    """The real time, and one thread that makes every call when it is due.

    The thread is started when it is first needed. Whoever is called should be quick, because all
    later calls wait meanwhile. What a call raises goes to `threading.excepthook`.
    """

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] = perf_counter_ns
        self._calls: list[tuple[int, int, Callable[[], object]]] = []
        self._next_number = itertools.count().__next__
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Have `call()` made when `now_ns()` is `due`, or soon after."""
        with self._changed:
            heapq.heappush(self._calls, (due, self._next_number(), call))
            if self._thread is None or not self._thread.is_alive():  # none yet, or lost by a fork
                self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
                self._thread.start()
            if self._calls[0][0] == due:
                self._changed.notify()

    def is_own_thread(self) -> bool:
        """Whether the caller is the thread that makes the calls."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        while True:
            call = self._wait_for_next()
            try:
                call()
            except Exception:
                kind, error, trace = sys.exc_info()
                assert kind is not None
                threading.excepthook(
                    threading.ExceptHookArgs((kind, error, trace, threading.current_thread()))
                )
            del call  # or what it belongs to would live until the next one

    def _wait_for_next(self) -> Callable[[], object]:
        with self._changed:
            while not self._calls or (left := self._calls[0][0] - self.now_ns()) > 0:
                self._changed.wait(left / 1e9 if self._calls else None)
            return heapq.heappop(self._calls)[2]


class ManualClock:
    """A clock that stands still until somebody moves it, for tests and exact runs.

    It begins at `start` seconds. `advance` makes the calls that become due, in the caller's
    thread, each at its own time.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = round(start * 1e9)
        self._calls: list[tuple[int, int, Callable[[], object]]] = []
        self._next_number = itertools.count().__next__

    def now_ns(self) -> int:
        """The time that it shows, in nanoseconds."""
        return self._now

    @property
    def now(self) -> float:
        """The time that it shows, in seconds."""
        return self._now / 1e9

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds."""
        if not seconds >= 0:
            raise ValueError(f"a clock moves on by 0 seconds or more; got {seconds!r}.")
        self._move(self._now + round(seconds * 1e9))

    def advance_to(self, moment: float) -> None:
        """Move on to a time in seconds; nothing happens if that has passed."""
        self._move(round(moment * 1e9))

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Have `call()` made when `now_ns()` is `due`."""
        heapq.heappush(self._calls, (due, self._next_number(), call))

    def is_own_thread(self) -> bool:
        """False: it has no thread, whoever moves it makes the calls."""
        return False

    def _move(self, end: int) -> None:
        while self._calls and self._calls[0][0] <= end:
            due, _, call = heapq.heappop(self._calls)
            self._now = max(self._now, due)
            call()
        self._now = max(self._now, end)


CLOCK = Clock()
"""The one that everybody uses who was given no other."""
