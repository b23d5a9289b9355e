"""Testing event-driven code without sleeping: capture, hold, wait for what must come, settle.

    from eventkit import testing

    with testing.captured(bus, "counter.>") as changed:
        bus.fire("button.click")
        testing.settle(bus)
    assert changed.data == [1]

A test that sleeps is wrong twice: too slow on a quick machine, and too quick on a slow one. Wait
for a *happening* instead, with a time limit that only a broken program meets. For what depends on
the time itself there is `ek.ManualClock`, and for who waited for whom `bus.record()`.
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
"""Seconds within which everything happens, unless something is broken."""

_LOOKS = 0.002  # seconds between two looks at a condition


def wait_until(
    is_so: Callable[[], T], timeout: float = LONG, what: str | Callable[[], object] = ""
) -> T:
    """Call `is_so` again and again until what it returns is true, and return that.

    Use it where nothing signals the change; where a thread can signal it, wait for an
    Event. Raises AssertionError after `timeout` seconds, with `what` was waited for; a function
    for `what` is asked in that moment.
    """
    limit = optional_seconds("timeout", timeout)
    deadline = math.inf if limit is None else time.monotonic() + limit
    tick = threading.Event()
    while not (found := is_so()):
        if time.monotonic() >= deadline:
            said = what() if callable(what) else what
            raise AssertionError(
                f"waited {timeout:g} s for {said or 'a condition that never became true'}."
            )
        tick.wait(_LOOKS)
    return found


def settle(bus: EventBus, timeout: float = LONG) -> None:
    """Wait for every consequence of what was fired, and make sure that no handler has failed.

    Raises DrainTimeout, which names what is still running, or HandlersFailed.
    """
    bus.drain(timeout)
    bus.assert_clean()


class Captured:
    """The events on a pattern, in the order in which they came; see `captured`."""

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
        """Each event's topic."""
        return [event.topic for event in self.events]

    @property
    def data(self) -> list[Any]:
        """What each event carries."""
        return [event.data for event in self.events]

    def wait(self, count: int, timeout: float = LONG) -> list[Event]:
        """The events, as soon as there are `count` of them or more. Raises AssertionError after
        `timeout` seconds, and says what there was.
        """
        wait_until(
            lambda: len(self) >= count,
            timeout,
            lambda: f"{count} event(s), and got {len(self)}: {self.topics[-10:]}",
        )
        return self.events


@contextmanager
def captured(bus: EventBus, pattern: str = ">") -> Iterator[Captured]:
    """In this block, keep every event that is fired on the pattern."""
    check_pattern(pattern)
    kept = Captured()
    with bus.subscribe(pattern, kept):
        yield kept


class Gate:
    """A handler that stays where it is until it is let go: a slow one, as slow as the test wants.

    While it holds a worker, a test can look at what waits behind it, in what order things go on
    afterwards, or what a full queue does. `handled` are the events that have passed.
    """

    def __init__(self) -> None:
        self.handled: list[Event] = []
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()

    def __call__(self, event: Event) -> None:
        self._entered.release()
        assert self._opened.wait(LONG), "the gate was never opened: call its open()."
        self.handled.append(event)

    def wait_entered(self, times: int = 1) -> None:
        """Wait until `times` more events have reached it than were waited for before."""
        for _ in range(times):
            assert self._entered.acquire(timeout=LONG), "no event has reached the gate."

    def open(self) -> None:
        """Release all handlers that wait, and hold none from now on."""
        self._opened.set()
