"""The contract of every log, its consumers and its locks."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Protocol

import msgspec

from ..errors import LogError
from ..event import CloudEvent, Event
from .checks import check_speed
from .entries import Delivery, Entry, Progress, Usage


class Publisher(Protocol):
    """A bus, or anything else that takes events."""

    def publish(self, event: Event, /) -> object:
        """Deliver an event."""


class EventLog(ABC):
    """Entries on disk, in the order in which they were appended. Made by `open_log`.

    All methods may be called from any thread, and several processes may open the same log. After
    `close`, and in a forked child, calls that need the log raise LogClosed: open the log after
    forking, or use the spawn start method.
    """

    @abstractmethod
    def append(
        self, event: Event | CloudEvent, *, expect: int | None = None, fence: int | None = None
    ) -> int:
        """Store an event and return its sequence once it is on disk.

        An event with the same source and id as a stored one is not stored again. Its first
        sequence is returned, whatever `expect` and `fence` are. A log remembers an event for as
        long as it keeps it, or for its backend's time window.

        `expect` is the sequence of the last event that the log still holds on exactly this topic,
        0 for none. If it differs, Conflict is raised. `fence` is a lock's token. If the lock's
        lease has ended or it was taken again since, LeaseLost is raised. Check and storing are one
        atomic step.

        Raises InvalidTopic, QuotaExceeded, PermissionDenied, LogUnusable if the file or server
        cannot be used any more, and TypeError or ValueError if JSON cannot express the data. After
        OutcomeUnknown, append the event again.
        """

    @abstractmethod
    def append_all(self, events: Iterable[Event | CloudEvent]) -> list[int]:
        """Append events in order with one wait for the disk, and return their sequences.

        If it raises, some of them may be stored: append all of them again.
        """

    @abstractmethod
    def read(self, after: int = 0, topic: str = ">", limit: int | None = None) -> Iterator[Entry]:
        """Yield entries with a sequence above `after` and a topic that matches, oldest first, up to
        the end or `limit`. Memory does not grow with their number.

        A damaged entry is skipped, and its sequence is logged as an error to `eventkit.log`.
        """

    @abstractmethod
    def follow(
        self, after: int = 0, topic: str = ">", *, timeout: float | None = None
    ) -> Iterator[Entry]:
        """Yield entries as `read` does, and wait for more at the end. Stops when none came for
        `timeout` seconds (None: never), or when the log is closed.
        """

    @property
    @abstractmethod
    def last_sequence(self) -> int:
        """The sequence of the last event ever appended; 0 for none."""

    @abstractmethod
    def last_sequence_of(self, topic: str) -> int:
        """Return the sequence of the last event that the log still holds on exactly this topic, for
        `expect`, or 0 if there is none. Raises InvalidTopic for a pattern.
        """

    @abstractmethod
    def consumer(
        self, name: str, topic: str = ">", *, max_tries: int = 5, after: int = 0
    ) -> Consumer:
        """Return the consumer of that name. A new one begins with the entry after `after`.

        All callers that ask for the same name, in any process, share its entries. An entry that
        fails `max_tries` times becomes a dead letter. A consumer that exists gets the new
        `max_tries`. Raises ValueError if it exists with another `topic`.
        """

    @abstractmethod
    def consumers(self) -> list[Consumer]:
        """Return all consumers of this log, sorted by name."""

    @abstractmethod
    def lock(self, name: str, ttl: float = 10.0, *, wait: float = 0.0) -> Lock:
        """Return a lock that one holder at a time can have, among all that open this log, for
        `ttl` seconds at a time; see Lock. `wait` is how many seconds to try before raising Held.
        """

    @abstractmethod
    def set_quota(self, events: int | None = None, bytes: int | None = None) -> None:
        """Limit how much the log may hold, for all writers. None means no limit. Entries that are
        stored already stay. Beyond the limit, `append` raises QuotaExceeded.
        """

    @abstractmethod
    def usage(self) -> Usage:
        """Return how much the log holds, and its quota."""

    @abstractmethod
    def trim(
        self, *, keep: int | None = None, older_than: float | None = None, unread: bool = False
    ) -> int:
        """Remove the oldest entries and return their number: those not among the newest `keep`
        and stored more than `older_than` seconds ago. One of the two must be given.

        It stops before the first entry that a consumer has not acknowledged, unless `unread` is
        True. Dead letters are not acknowledged.
        """

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy what the log holds at this moment to a new file, which is a log itself.

        Use this to copy an open file: a plain copy in the same process drops SQLite's locks.
        Raises FileExistsError, and LogUnusable for a folder that does not exist. Raises LogError
        if a server keeps the log: use the server's backup.
        """
        raise LogError("this log lives on a server: use the server's backup, nats stream backup.")

    @abstractmethod
    def close(self) -> None:
        """Finish calls in progress (on a server, for up to 1 s) and close the files or the
        connection. Can be called twice.
        """

    def replay(
        self,
        bus: Publisher,
        *,
        after: int = 0,
        topic: str = ">",
        speed: float | None = None,
        stop: threading.Event | None = None,
    ) -> int:
        """Publish on a bus the entries that the log holds at this moment, in order, and return
        their number.

        With `speed` None they are published at once, with 1.0 at the pace at which they happened,
        with 2.0 twice as fast. Setting `stop` ends the replay before the next event. The events are
        `Replayed` ones, due now: a bus that persists into this log stores none of them twice, as
        long as the log recognises a repeated event.
        """
        check_speed(speed)
        pace = _Pace(speed, stop or threading.Event())
        fired, end = 0, self.last_sequence
        for entry in self.read(after, topic):
            if entry.sequence > end or not pace.wait_for(entry):
                break
            bus.publish(entry.to_event())
            fired += 1
        return fired

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Consumer(ABC):
    """A named reader of a log, whose progress the log stores. Made by `EventLog.consumer`.

    Any number of threads and processes may claim from it. No two of them have the same entry
    before its lease ends.
    """

    name: str
    topic: str
    max_tries: int

    def __repr__(self) -> str:
        return f"<consumer {self.name!r} of {self.topic!r}>"

    @abstractmethod
    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        """Return up to `n` deliveries, which are the caller's for `lease` seconds: first those
        whose lease or delay has ended, the longest due first, then new ones in order. If there are
        none, wait up to `wait` seconds for one. An empty list means that none came.

        A damaged entry becomes a dead letter at once. Raises LogError if the consumer was removed.
        """

    @abstractmethod
    def ack(self, *deliveries: Delivery) -> None:
        """Acknowledge deliveries: they are not delivered again. On disk when this returns.

        Raises LeaseLost, which names them, if some are no longer the caller's: they were
        acknowledged or returned, or another worker claimed them after their lease had ended. The
        others are acknowledged.
        """

    @abstractmethod
    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        """Report a failure: deliver them again after `delay` seconds, or not at all after the last
        of `max_tries`. Raises LeaseLost as `ack` does.
        """

    @abstractmethod
    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        """Extend the lease to `lease` seconds from now. Raises LeaseLost as `ack` does."""

    @abstractmethod
    def dead_letters(self) -> list[Delivery]:
        """Return the entries that failed or outlived their lease `max_tries` times, oldest first.

        Damaged entries are among them, with the topic `eventkit.damaged` and their bytes as data.
        """

    @abstractmethod
    def put_back(self, *sequences: int) -> int:
        """Deliver these dead letters again, as if never tried, and return their number. Without
        sequences: all of them.
        """

    @abstractmethod
    def discard(self, *sequences: int) -> int:
        """Acknowledge these dead letters, all without sequences, and return their number."""

    @abstractmethod
    def progress(self) -> Progress:
        """Return how many entries wait, are unfinished, and are dead letters. Raises LogError if
        the consumer was removed.
        """

    @abstractmethod
    def remove(self) -> None:
        """Delete this consumer and its progress. Its name can be used again."""


class Lock(ABC):
    """A lock that expires. `with log.lock("counter", ttl=5) as lock:` takes it, or raises Held.

    A holder that is paused for longer than `ttl` loses the lock without noticing. The `token` is
    the protection: it grows each time any of the log's locks is taken, and
    `append(event, fence=lock.token)` is refused once another token holds the lock.
    """

    name: str
    ttl: float
    _token: int | None = None

    @property
    def token(self) -> int:
        """The token of the last `acquire`. Raises RuntimeError before the first."""
        if self._token is None:
            raise RuntimeError(f"the lock {self.name!r} has not been taken: use `with lock:`.")
        return self._token

    def __repr__(self) -> str:
        return f"<lock {self.name!r}, token {self._token}>"

    @abstractmethod
    def acquire(self) -> int:
        """Take the lock and return its token. Raises Held, after `wait` seconds."""

    @abstractmethod
    def renew(self) -> None:
        """Hold it for `ttl` seconds from now. Raises LeaseLost if the lease has ended."""

    @abstractmethod
    def release(self) -> bool:
        """Release the lock. Return False if it was no longer held: a new holder keeps it then."""

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _Pace:
    """The pace of a replay: entries pass at their original intervals, divided by `speed`."""

    def __init__(self, speed: float | None, stop: threading.Event) -> None:
        self._speed = speed
        self._stop = stop
        self._origin: tuple[float, float] | None = None  # the first entry's time, and the time now

    def wait_for(self, entry: Entry) -> bool:
        """Wait until the entry is due. Return False if the replay was stopped."""
        if self._speed is not None:
            happened = _happened(entry)
            if self._origin is None:
                self._origin = happened, perf_counter()
            due = self._origin[1] + (happened - self._origin[0]) / self._speed
            self._stop.wait(min(max(0.0, due - perf_counter()), threading.TIMEOUT_MAX))
        return not self._stop.is_set()


def _happened(entry: Entry) -> float:
    time = entry.event.time
    return entry.stored if time is msgspec.UNSET else time.timestamp()
