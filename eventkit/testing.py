"""Testing event-driven code without sleeping: capture events, hold handlers, wait, settle.

    from eventkit import testing

    with testing.captured(bus, "counter.>") as changed:
        bus.fire("button.click")
        testing.settle(bus)
    assert changed.data == [1]

A test that sleeps is wrong twice: too slow on a fast machine, and too fast on a slow one. Wait for
something to *happen* instead, with a time limit that only a broken program reaches. To test what
depends on the time itself, use `ek.ManualClock`. To test what waited for what, use `bus.record()`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from .checks import optional_seconds
from .topics import check_pattern

if TYPE_CHECKING:
    from .bus import EventBus
    from .event import Event

T = TypeVar("T")

LONG = 20.0
"""Seconds within which everything happens, unless the program is broken."""

_POLL_SECONDS = 0.002  # between two checks of a condition


def wait_until(
    is_so: Callable[[], T], timeout: float = LONG, what: str | Callable[[], object] = ""
) -> T:
    """Call `is_so` repeatedly until it returns something true, and return that.

    Use this where nothing signals the change. Where a thread can signal it, wait for an Event.

    Raise AssertionError after `timeout` seconds. Its message contains `what`, the description of
    the condition. If `what` is a function, it is called when the time is over.
    """
    limit = optional_seconds("timeout", timeout)
    deadline = math.inf if limit is None else time.monotonic() + limit
    tick = threading.Event()
    while not (found := is_so()):
        if time.monotonic() >= deadline:
            awaited = what() if callable(what) else what
            raise AssertionError(
                f"waited {timeout:g} s for {awaited or 'a condition that never became true'}."
            )
        tick.wait(_POLL_SECONDS)
    return found


def settle(bus: EventBus, timeout: float = LONG) -> None:
    """Wait for all consequences of the events fired so far, and check that no handler has failed.

    Raise DrainTimeout, which names what is still running, or HandlersFailed.
    """
    bus.drain(timeout)
    bus.assert_clean()


class Captured:
    """The events that `captured` has kept, in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    @property
    def topics(self) -> list[str]:
        """The topic of each event."""
        return [event.topic for event in self.events]

    @property
    def data(self) -> list[Any]:
        """The data of each event."""
        return [event.data for event in self.events]

    def wait(self, count: int, timeout: float = LONG) -> list[Event]:
        """Wait until there are at least `count` events, and return all of them.

        Raise AssertionError after `timeout` seconds, with the topics of the last events.
        """
        wait_until(
            lambda: len(self) >= count,
            timeout,
            lambda: f"{count} event(s), and got {len(self)}: {self.topics[-10:]}",
        )
        return self.events


@contextmanager
def captured(bus: EventBus, pattern: str = ">") -> Iterator[Captured]:
    """Keep every event that is fired on the pattern within the `with` block."""
    check_pattern(pattern)
    kept = Captured()
    with bus.subscribe(pattern, kept):
        yield kept


class Gate:
    """A handler that blocks until the test opens it.

    While it occupies a worker, a test can check which events wait behind it, what a full queue
    does, and in which order events are handled afterwards. `handled` lists the events that have
    passed.
    """

    def __init__(self) -> None:
        self.handled: list[Event] = []
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()

    def __call__(self, event: Event) -> None:
        self._entered.release()
        if not self._opened.wait(LONG):
            raise AssertionError(f"the gate was not opened within {LONG:g} s: call its open().")
        self.handled.append(event)

    def wait_entered(self, times: int = 1) -> None:
        """Wait until `times` more events have reached the gate since the last call."""
        for count in range(times):
            if not self._entered.acquire(timeout=LONG):
                raise AssertionError(f"only {count} of {times} events have reached the gate.")

    def open(self) -> None:
        """Let all waiting handlers go on, and hold none from now on."""
        self._opened.set()
