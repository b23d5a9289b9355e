"""Clocks: the time, and calls scheduled for later. A ManualClock is moved by hand, for tests."""

from __future__ import annotations

import heapq
import itertools
import math
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns

from ..checks import seconds as check_seconds
from ..forks import renew_in_child

_Call = tuple[int, int, Callable[[], object]]


class Clock:
    """The real time, and one thread that makes each call when it is due.

    The thread is started when it is first needed, and again in the child of a fork. Calls must be
    quick, because later calls wait for them. What a call raises goes to `threading.excepthook`, and
    the thread continues.

    No method waits for a lock, so a signal handler may call any of them. If an interrupt prevents a
    wake-up, the next `call_at` makes up for it.
    """

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] = perf_counter_ns
        self._next_number = itertools.count().__next__
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget all calls and the thread, which the child of a fork does not have."""
        self._calls: list[_Call] = []
        self._wake_up = threading.Lock()  # released to wake the thread
        self._wake_up.acquire()
        self._wakes_at: float = math.inf
        self._running = threading.Lock()  # held by the thread that makes the calls
        self._thread: threading.Thread | None = None
        self._ident: int | None = None

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Schedule `call()` for when `now_ns()` is `due`, or soon after.

        Raise ValueError unless `due` is an int. If no thread can be started now, a later `call_at`
        starts it.
        """
        check_due(due)
        heapq.heappush(self._calls, (due, self._next_number(), call))
        if not self._has_thread():
            self._start_thread()
        elif self._first_due() < self._wakes_at:
            with suppress(RuntimeError):  # the thread has been woken already
                self._wake_up.release()

    def is_own_thread(self) -> bool:
        """Return True in the thread that makes the calls."""
        return threading.get_ident() == self._ident

    def _has_thread(self) -> bool:
        return self._running.locked() or (self._thread is not None and self._thread.is_alive())

    def _start_thread(self) -> None:
        """Start the thread. If two are started at the same time, one of them ends at once."""
        thread = threading.Thread(target=self._run, name="clock", daemon=True)
        with suppress(RuntimeError):  # there are too many threads now
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        if not self._running.acquire(blocking=False):
            return
        self._ident = threading.get_ident()
        try:
            while True:
                _call_safely(self._wait_for_next())
        finally:
            self._ident = None
            self._running.release()

    def _wait_for_next(self) -> Callable[[], object]:
        while (left := self._until_next()) > 0:
            self._wake_up.acquire(timeout=min(left / 1e9, threading.TIMEOUT_MAX))
        return heapq.heappop(self._calls)[2]

    def _until_next(self) -> float:
        """Return the nanoseconds until the first call, and set `_wakes_at` to its time.

        A call that was added just before `_wakes_at` was set did not wake the thread, so check once
        more.
        """
        self._wakes_at = due = self._first_due()
        while (first := self._first_due()) < due:
            self._wakes_at = due = first
        return due - self.now_ns()

    def _first_due(self) -> float:
        for due, _, _ in self._calls[:1]:
            return due
        return math.inf


def _call_safely(call: Callable[[], object]) -> None:
    try:
        call()
    except BaseException:  # SystemExit too, since other calls need this thread
        kind, error, trace = sys.exc_info()
        assert kind is not None
        details = threading.ExceptHookArgs((kind, error, trace, threading.current_thread()))
        with suppress(BaseException):  # a hook that fails must not end the thread either
            threading.excepthook(details)


class ManualClock:
    """A clock that stands still until it is moved, for tests and reproducible runs.

    It begins at `start` seconds. `advance` and `advance_to` make the calls that become due, each at
    its own time, in the caller's thread.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = _moment("start", start)
        self._calls: list[_Call] = []
        self._next_number = itertools.count().__next__

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return self._now

    @property
    def now(self) -> float:
        """The time in seconds."""
        return self._now / 1e9

    def advance(self, seconds: float) -> None:
        """Move forward by a number of seconds, 0 or more."""
        self._move(self._now + round(check_seconds("seconds", seconds) * 1e9))

    def advance_to(self, moment: float) -> None:
        """Move forward to a time in seconds. If it has passed, only make the calls due by then."""
        self._move(_moment("moment", moment))

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Schedule `call()` for when `now_ns()` is `due`. Raise ValueError unless it is an int."""
        check_due(due)
        heapq.heappush(self._calls, (due, self._next_number(), call))

    def is_own_thread(self) -> bool:
        """Return False: this clock has no thread of its own."""
        return False

    def _move(self, end: int) -> None:
        while self._calls and self._calls[0][0] <= end:
            due, _, call = heapq.heappop(self._calls)
            self._now = max(self._now, due)
            call()
        self._now = max(self._now, end)


def check_due(due: object) -> None:
    """Raise ValueError unless `due` is a time in nanoseconds."""
    if type(due) is not int:
        raise ValueError(f"due is a time in whole nanoseconds; got {due!r}.")


def _moment(name: str, value: object) -> int:
    """Convert a ManualClock's time in seconds to nanoseconds, or raise ValueError."""
    if type(value) in (int, float) and -threading.TIMEOUT_MAX <= value < 0:  # type: ignore[operator]
        return round(value * 1e9)  # type: ignore[operator]
    try:
        return round(check_seconds(name, value) * 1e9)
    except ValueError as problem:
        raise ValueError(f"{problem} A ManualClock may also start below 0.") from None


CLOCK = Clock()
"""The clock of all flows that are not given another."""
