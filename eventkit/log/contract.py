"""The contract: what every log promises, wherever it is kept."""

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
    """Entries in the order they were appended, on disk. Made by `open_log`.

    All methods may be called from any thread, and several processes may have the same log open.
    After `close`, and in a forked child, they raise LogClosed: a process that shall use a log is
    spawned, or forked before the log is opened.
    """

    @abstractmethod
    def append(
        self, event: Event | CloudEvent, *, expect: int | None = None, fence: int | None = None
    ) -> int:
        """Store an event and return its sequence once it is on disk.

        An event that is there already (same source and id) is not stored again: the sequence is
        that of the first time, whatever `expect` and `fence` say. A log remembers that for as
        long as it keeps the event, or for its backend's time window.

        `expect` is the sequence of the last event on this very topic, 0 for none yet: if it is
        another, Conflict says both. `fence` is a lock's token: if that lock's lease has ended or
        it was taken again since, LeaseLost. Both are checked in one step with the storing.

        Raises InvalidTopic; TypeError if the data cannot be said in JSON; QuotaExceeded,
        PermissionDenied; OutcomeUnknown, after which appending it again is right.
        """

    @abstractmethod
    def append_all(self, events: Iterable[Event | CloudEvent]) -> list[int]:
        """Append events in their order, at the price of one wait for the disk; their sequences.

        Should it raise, some of them may be stored: append all of them again.
        """

    @abstractmethod
    def read(self, after: int = 0, topic: str = ">", limit: int | None = None) -> Iterator[Entry]:
        """Entries with a higher sequence than `after` and a topic that fits the pattern, oldest
        first, until the end or `limit`. Takes no more memory for a million than for a thousand.

        An entry that is damaged is skipped, and an error with its sequence is logged to
        `eventkit.log`.
        """

    @abstractmethod
    def follow(
        self, after: int = 0, topic: str = ">", *, timeout: float | None = None
    ) -> Iterator[Entry]:
        """As `read`, but at the end it waits for more. It ends when none has come for `timeout`
        seconds (None: never), and when the log is closed.
        """

    @property
    @abstractmethod
    def last_sequence(self) -> int:
        """The sequence of the last event ever appended; 0 for none."""

    @abstractmethod
    def last_sequence_of(self, topic: str) -> int:
        """The sequence of the last event on this very topic, as `expect` wants it; 0 for none."""

    @abstractmethod
    def consumer(
        self, name: str, topic: str = ">", *, max_tries: int = 5, after: int = 0
    ) -> Consumer:
        """The consumer of that name, made if it is new: it then begins behind the entry `after`.

        All that ask for a consumer of this name share its work, in any process. What
        fails `max_tries` times becomes a dead letter. Raises ValueError if it exists with another
        `topic`.
        """

    @abstractmethod
    def consumers(self) -> list[Consumer]:
        """All consumers of this log, by name."""

    @abstractmethod
    def lock(self, name: str, ttl: float = 10.0, *, wait: float = 0.0) -> Lock:
        """A lock to be had by one at a time, everywhere where this log is open, for `ttl` seconds
        at once; see Lock. `wait` is for how many seconds to try before Held is raised.
        """

    @abstractmethod
    def set_quota(self, events: int | None = None, bytes: int | None = None) -> None:
        """Limit how much the log may hold, for all writers; None is no limit. What is there
        already stays. Beyond it, `append` raises QuotaExceeded.
        """

    @abstractmethod
    def usage(self) -> Usage:
        """How much the log holds, and its quota."""

    @abstractmethod
    def trim(
        self, *, keep: int | None = None, older_than: float | None = None, unread: bool = False
    ) -> int:
        """Remove the oldest entries, and say how many: those that are not among the newest `keep`
        and were stored more than `older_than` seconds ago; one of the two must be given.

        It stops before the first entry that some consumer has not acknowledged (a dead letter
        is not acknowledged either), unless `unread` says that these may go, too.
        """

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy what the log holds at this moment to a new file, which is a log itself.

        This is the way to copy a file that is open: a plain copy in the same process takes away
        SQLite's locks. Raises FileExistsError; LogError if the log lives on a server, which has a
        backup of its own.
        """
        raise LogError("this log lives on a server: use the server's backup, nats stream backup.")

    @abstractmethod
    def close(self) -> None:
        """Finish what was begun and let go of the files or the connection. Can be called twice."""

    def replay(
        self,
        bus: Publisher,
        *,
        after: int = 0,
        topic: str = ">",
        speed: float | None = None,
        stop: threading.Event | None = None,
    ) -> int:
        """Fire on a bus what the log holds at this moment, in its order, and say how many it was.

        `speed` None fires them at once; 1.0 leaves between them the time that was between them
        when they happened, 2.0 half of it. Setting `stop` ends it before the next event. What is
        fired are `Replayed` events, due now: a bus that persists into this log stores none twice.
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
    """A named reader of a log that remembers what it has done. Made by `EventLog.consumer`.

    Any number of threads and processes may claim from it; no entry is with two of them at once
    before its lease ends.
    """

    name: str
    topic: str
    max_tries: int

    def __repr__(self) -> str:
        return f"<consumer {self.name!r} of {self.topic!r}>"

    @abstractmethod
    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        """Up to `n` deliveries, oldest first, which are the caller's for `lease` seconds: those
        whose lease or delay has ended, then new ones. If there is none, wait up to `wait` seconds
        for one; an empty list says that none came.

        An entry that is damaged becomes a dead letter at once. Raises LogError if the consumer was
        removed.
        """

    @abstractmethod
    def ack(self, *deliveries: Delivery) -> None:
        """These are done and will not be delivered again, which is on disk when this returns.

        Raises LeaseLost, naming them, if some are no longer the caller's: the lease ended and
        another worker claimed them (or could have). The others are acknowledged all the same.
        """

    @abstractmethod
    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        """These have failed: deliver them again after `delay` seconds, or never, if it was the
        last of `max_tries`. Raises LeaseLost as `ack` does.
        """

    @abstractmethod
    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        """The caller needs them for `lease` seconds from now. Raises LeaseLost as `ack` does."""

    @abstractmethod
    def dead_letters(self) -> list[Delivery]:
        """What has failed or run out of its lease `max_tries` times, oldest first.

        A damaged entry is among them, with the topic `eventkit.damaged` and its bytes as data.
        """

    @abstractmethod
    def put_back(self, *sequences: int) -> int:
        """Deliver these dead letters again, as if never tried; how many there were. All, if none
        is named.
        """

    @abstractmethod
    def discard(self, *sequences: int) -> int:
        """Take these dead letters as acknowledged; how many there were. All, if none is named."""

    @abstractmethod
    def progress(self) -> Progress:
        """How many entries wait, are unfinished, and are dead."""

    @abstractmethod
    def remove(self) -> None:
        """Forget this consumer and all it remembers. Its name may be used afresh."""


class Lock(ABC):
    """A lock with an end. `with log.lock("counter", ttl=5) as lock:` takes it, or raises Held.

    A holder that is paused for longer than `ttl` loses it without noticing. `token` helps: it
    is higher each time any of the log's locks is taken, and `append(event, fence=lock.token)` is
    refused once the lock is no longer held by that token.
    """

    name: str
    ttl: float
    _token: int | None = None

    @property
    def token(self) -> int:
        """The number of this taking. Raises RuntimeError before the first."""
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
        """Hold it for another `ttl` seconds from now. Raises LeaseLost if it had ended before."""

    @abstractmethod
    def release(self) -> bool:
        """Release the lock. Return False if it was no longer held: a new holder keeps it then."""

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _Pace:
    """Lets entries pass one by one, as far apart as when they happened, or `speed` times closer."""

    def __init__(self, speed: float | None, stop: threading.Event) -> None:
        self._speed = speed
        self._stop = stop
        self._origin: tuple[float, float] | None = None  # of the first: when it happened, and now

    def wait_for(self, entry: Entry) -> bool:
        """Whether the entry may pass, which is when it is due; not once it was stopped."""
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
