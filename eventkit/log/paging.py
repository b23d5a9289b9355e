"""What all backends of a log share: reading page by page, and waiting for changes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from ..checks import optional_seconds
from ..event import CloudEvent
from . import Entry, EventLog, LogClosed, LogUnusable, check_reading, unpack

T = TypeVar("T")
Row = tuple[int, bytes, float]
"""An entry as it is stored: its sequence, its body, and when it was stored."""

_POLL = 0.05  # seconds between two polls for changes of other processes
_PAGE = 1_000  # entries in memory at once, or fewer if they are large


def entry_of(sequence: int, body: bytes, stored: float) -> Entry:
    """Return the entry of a row. Raises LogUnusable if it is damaged."""
    return Entry(sequence, unpack(body), stored)


def readable(rows: Iterable[Row]) -> Iterator[Entry]:
    """Yield the undamaged entries among `rows`, and log the sequence of each damaged one."""
    for row in rows:
        try:
            entry = entry_of(*row)
        except LogUnusable as problem:
            report_damaged(row[0], problem)
        else:
            yield entry


def entry_or_bytes(sequence: int, body: bytes, stored: float) -> Entry:
    """Return the entry of a row as a dead letter shows it. A damaged one has the topic
    `eventkit.damaged` and its bytes as data.
    """
    try:
        return entry_of(sequence, body, stored)
    except LogUnusable:
        event = CloudEvent(
            id=str(sequence), source="/eventkit/damaged", type="eventkit.damaged", data_base64=body
        )
        return Entry(sequence, event, stored)


def report_damaged(sequence: int, problem: LogUnusable) -> None:
    """Log that a damaged entry was skipped."""
    import logging  # here, so that a program without damaged entries need not load it

    logging.getLogger("eventkit.log").error("skipped entry %d: %s", sequence, problem)


class News:
    """Wakes waiters on local changes. They poll every 50 ms for changes made by other
    processes. No lock is shared, so an interrupted waiter stops no one.
    """

    def __init__(self) -> None:
        self._changes = 0
        self._waiters: deque[threading.Lock] = deque()  # each waits for its lock's release

    def ring(self) -> None:
        self._changes += 1  # two at once may count as one, but both wake the waiters
        with suppress(IndexError):
            while self._waiters:
                self._waiters.popleft().release()

    def until(self, attempt: Callable[[], T], seconds: float | None) -> T:
        """Call `attempt` until its result is true or `seconds` have passed. Return its result."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            changes = self._changes
            result = attempt()
            left = _POLL if deadline is None else min(_POLL, deadline - time.monotonic())
            if result or left <= 0:
                return result
            self._wait_for_change(changes, left)

    def _wait_for_change(self, seen: int, seconds: float) -> None:
        woken = threading.Lock()
        woken.acquire()
        self._waiters.append(woken)  # before the comparison, or a change could be missed
        try:
            if self._changes == seen:
                woken.acquire(timeout=seconds)
        finally:
            with suppress(ValueError):
                self._waiters.remove(woken)


class PagedStore(Protocol):
    """The storage of a log's entries."""

    def check_open(self) -> None:
        """Raise LogClosed if the log is closed."""

    def page(self, after: int, topic: str, limit: int) -> list[Row]:
        """Return the next rows after `after`: at most `limit`, and at most a page."""

    def until(self, attempt: Callable[[], T], seconds: float | None) -> T:
        """Call `attempt` as `News.until` does."""


class PagedLog(EventLog):
    """A log that is read a page at a time. Memory stays flat, and nothing is held open while the
    caller works on a page.
    """

    store: PagedStore

    def read(self, after: int = 0, topic: str = ">", limit: int | None = None) -> Iterator[Entry]:
        check_reading(after, topic, limit)
        self.store.check_open()
        return self._read(after, topic, limit)

    def _read(self, after: int, topic: str, limit: int | None) -> Iterator[Entry]:
        left = limit
        while left is None or left > 0:
            page = self.store.page(after, topic, _PAGE if left is None else min(left, _PAGE))
            yield from readable(page)
            if not page:
                return
            after = page[-1][0]
            left = None if left is None else left - len(page)

    def follow(
        self, after: int = 0, topic: str = ">", *, timeout: float | None = None
    ) -> Iterator[Entry]:
        check_reading(after, topic)
        optional_seconds("timeout", timeout)
        self.store.check_open()
        return self._follow(after, topic, timeout)

    def _follow(self, after: int, topic: str, timeout: float | None) -> Iterator[Entry]:
        with suppress(LogClosed):
            while page := self.store.until(partial(self.store.page, after, topic, _PAGE), timeout):
                yield from readable(page)
                after = page[-1][0]
