"""EventLog: events that are kept. Append, read, claim and acknowledge, lock; and replay.

    with ek.open_log("counter.db") as log:
        log.append(ek.Event("counter.changed", 1))
        for entry in log.read(topic="counter.>"):
            print(entry.sequence, entry.topic, entry.data)

A log is a row of entries that is only ever added to. This file says what every log promises,
wherever it lives; a backend keeps the promise, and one contract suite is run on all of them.

- **Acknowledged means on disk.** When `append` returns, the event survives a crash and a power cut.
- **Never twice.** An event is known by its source and id. Appended again it is not stored again,
  so after `OutcomeUnknown`, a crash or a time-out, append it again.
- **At least once.** What a consumer has claimed and not acknowledged when the lease ends is
  delivered again, perhaps to another worker while the first is still running.
- **Sequences only grow**, and no two entries share one.

Leases, locks and ages are counted on the wall clock of the calling process (of the server, if the
log lives on one), because several processes must agree on them.
"""

from __future__ import annotations

import importlib
import math
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ..checks import seconds, whole_number
from ..event import CloudEvent, Event, to_cloud
from ..topics import InvalidTopic, check_pattern, check_topic
from ..wire import DEPTH, check_cloud_event, check_json

if TYPE_CHECKING:
    from ..bus import EventBus

_BACKENDS: dict[str, str] = {"nats": "eventkit.nats.log", "tls": "eventkit.nats.log"}
"""Which package takes a URL's scheme. What has no scheme is a path: sqlite."""


# What can go wrong


class LogError(Exception):
    """What a log says no with. Nothing was stored, unless it is OutcomeUnknown."""


class Conflict(LogError):
    """The topic's last event is not the expected one: another writer was quicker. Read what is
    new, decide again, append again. `expected` and `found` are the two sequences.
    """

    def __init__(self, topic: str, expected: int, found: int) -> None:
        super().__init__(
            f"the last event on {topic!r} was expected to be {_number(expected)} and is "
            f"{_number(found)}: another writer was quicker. Read what is new and decide again."
        )
        self.topic = topic
        self.expected = expected
        self.found = found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.topic, self.expected, self.found), self.__dict__


class QuotaExceeded(LogError):
    """The log is as large as it may get. The message has the figures."""


class PermissionDenied(LogError):
    """The caller is not allowed to do this to this log or on this bus."""


class Held(LogError):
    """The lock is held, for up to `seconds` more unless it is renewed or released."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"the lock {name!r} is held, for {max(0.0, seconds):.3g} s more unless it is "
            "renewed or released. Try again later, or give lock(..., wait=) seconds to wait."
        )
        self.name = name
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.seconds), self.__dict__


class LeaseLost(LogError):
    """The lease of a lock or a claim has ended, and another process may have it by now."""


class OutcomeUnknown(LogError):
    """Whether it was done cannot be known: the disk failed while it was being written, or no
    answer came. Append again: what is there already is not stored twice.
    """


class LogUnusable(LogError):
    """What is there is no log, is damaged or newer than this eventkit, or cannot be reached."""


class LogClosed(LogError, RuntimeError):
    """The log was used after `close`, or in a process forked from the one that opened it."""


# What is in a log


class Entry(NamedTuple):
    """An event and its place in the log. `stored` is when that was, in seconds since 1970."""

    sequence: int
    event: CloudEvent
    stored: float

    @property
    def topic(self) -> str:
        """The event's topic, which CloudEvents call its type."""
        return self.event.type

    @property
    def data(self) -> Any:
        """What the event carries: what JSON made of it, or bytes."""
        wire = self.event
        payload = wire.data if wire.data_base64 is msgspec.UNSET else wire.data_base64
        return None if payload is msgspec.UNSET else payload

    @property
    def key(self) -> str | None:
        """The event's key, which CloudEvents call its subject."""
        return None if self.event.subject is msgspec.UNSET else self.event.subject

    def to_event(self) -> Replayed:
        """The same event for this process, due now. It can be fired on a bus, and told from new
        ones; appended to any log it is still the event that it was.
        """
        return Replayed(
            self.topic, self.data, key=self.key, sequence=self.sequence, original=self.event
        )


class Replayed(Event, frozen=True, gc=False, kw_only=True):
    """An Event that has come out of a log. A handler whose work must not be done again, such as
    to send a letter, looks whether it was given one.
    """

    sequence: int
    original: CloudEvent


class Delivery(NamedTuple):
    """An entry handed to a consumer for a while. `tries` says how often it has been by now, and
    `claim` is what the log knows this very delivery by.
    """

    entry: Entry
    tries: int
    claim: Any

    @property
    def sequence(self) -> int:
        """The entry's place in the log."""
        return self.entry.sequence

    @property
    def event(self) -> CloudEvent:
        """The event; its source and id together are what an idempotent consumer remembers."""
        return self.entry.event

    @property
    def topic(self) -> str:
        """The event's topic."""
        return self.entry.topic

    @property
    def data(self) -> Any:
        """What the event carries."""
        return self.entry.data

    @property
    def key(self) -> str | None:
        """The event's key."""
        return self.entry.key


class Usage(NamedTuple):
    """How much is in a log, and how much may be; None is no limit. `bytes` counts the events as
    they are stored, without what the backend needs around them.
    """

    events: int
    bytes: int
    max_events: int | None
    max_bytes: int | None


class Progress(NamedTuple):
    """How far a consumer is: entries never claimed yet, claimed or put off, and given up."""

    waiting: int
    unfinished: int
    dead: int


# The contract


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
        bus: EventBus,
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


def open_log(where: str | os.PathLike[str], **options: Any) -> EventLog:
    """The log at a path, which is a file that SQLite keeps, or at the URL of a NATS server.

    A new one is made if there is none, unless `create=False` is given. `clock` is what leases,
    locks and ages are counted on, a function that returns seconds since 1970. What else a log on a
    server takes is in `eventkit.nats.log`.

    Raises LogUnusable if what is there cannot be used as a log: it is left as it is.
    PermissionDenied if this process may not write there.
    """
    place = os.fspath(where)
    scheme, separator, _ = place.partition("://")
    if separator and scheme not in _BACKENDS:
        raise ValueError(
            f"no log can be opened at an address with the scheme {scheme!r}: give the path of a "
            "file, or nats://host:port."
        )
    if not separator and _looks_like_a_server(place):
        raise ValueError(
            "this looks like a server's address, with a name and a password, that lacks its "
            "scheme: write nats:// before it. For a file of such a name, write ./ before it."
        )
    backend = importlib.import_module(_BACKENDS[scheme] if separator else "eventkit.log.sqlite")
    log: EventLog = backend.open(place, **options)
    return log


_looks_like_a_server = re.compile(r"[^/\\]+:[^/\\]*@[^/\\]+:\d+").match

# What backends share


class Packed(NamedTuple):
    """An event ready to be stored: what it is known by, and its CloudEvents JSON."""

    topic: str
    source: str
    id: str
    body: bytes


def pack(event: Event | CloudEvent) -> Packed:
    """Return the event as it is stored, from which `unpack` returns an equal one.

    Raises InvalidTopic, TypeError or ValueError, with the reason, if there is no such form.
    """
    wire = _as_cloud(event)
    check_topic(wire.type)
    check_cloud_event(wire)
    body = msgspec.json.encode(wire)
    try:
        unpack(body)
    except LogUnusable as problem:  # such as an integer of 4,300 digits
        raise ValueError(f"this event cannot be read back from JSON: {problem}") from problem
    return Packed(wire.type, wire.source, wire.id, body)


def _as_cloud(event: Event | CloudEvent) -> CloudEvent:
    if isinstance(event, Replayed):
        event = event.original
    if isinstance(event, CloudEvent):
        return event
    if not isinstance(event, Event):
        raise TypeError(f"a log takes an Event or a CloudEvent; got {event!r}.")
    if event.key == "":  # CloudEvents have no empty subject
        raise ValueError("an event's key is None or a string that is not empty.")
    try:
        return to_cloud(event, _source.name)
    except (OverflowError, OSError) as problem:
        raise ValueError(f"an event's time cannot be {event.time!r}: {problem}.") from problem


def unpack(body: bytes) -> CloudEvent:
    """The event that `pack` made `body` of. Raises LogUnusable if it has been damaged since."""
    try:
        check_json(body, DEPTH + 1)
        event = _decoder.decode(body)
        _check_topic_once(event.type)
    except (ValueError, InvalidTopic) as problem:  # JSON and UTF-8 errors among them
        raise LogUnusable(f"an entry of this log is damaged: {problem}.") from problem
    return event


def check_name(name: object, what: str) -> None:
    """Raise ValueError unless every backend can call a consumer or a lock so."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"a {what} has a name of letters, digits, - and _, such as 'mail-senders'; "
            f"got {name!r}."
        )


def check_append(expect: object, fence: object) -> None:
    """Raise ValueError unless one can append so."""
    if expect is not None:
        _count("expect", expect, "the sequence of the last event on the topic, or 0 for none")
    if fence is not None:
        _count("fence", fence, "the token of a lock", least=1)


def check_reading(after: object, topic: object, limit: object = None) -> None:
    """Raise InvalidTopic or ValueError unless one can read so."""
    check_pattern(topic)
    _count("after", after, "a sequence, or 0 for the beginning")
    if limit is not None:
        _count("limit", limit, "a number of entries, or None for no limit")


def check_seconds(name: str, value: object, *, above: float | None = None) -> None:
    """Raise ValueError unless it is a time that one can wait for."""
    seconds(name, value, above_zero=above == 0)


def check_consumer(name: object, topic: object, max_tries: object, after: object) -> None:
    """Raise InvalidTopic or ValueError unless there can be such a consumer."""
    check_name(name, "consumer")
    check_reading(after, topic)
    _count("max_tries", max_tries, "a number of tries", least=1)


def check_claim(n: object, lease: object, wait: object) -> None:
    """Raise ValueError unless one can claim so."""
    _count("n", n, "how many to claim at most", least=1)
    check_seconds("lease", lease, above=0)
    check_seconds("wait", wait)


def check_sequences(sequences: Iterable[object]) -> None:
    """Raise ValueError unless all of them may be sequences of entries."""
    for sequence in sequences:
        _count("a dead letter's number", sequence, "a sequence", least=1)


def check_lock(name: object, ttl: object, wait: object) -> None:
    """Raise ValueError unless there can be such a lock."""
    check_name(name, "lock")
    check_seconds("ttl", ttl, above=0)
    check_seconds("wait", wait)


def check_quota(events: object, bytes: object) -> None:
    """Raise ValueError unless a log can be limited so."""
    for name, value in (("events", events), ("bytes", bytes)):
        if value is not None:
            _count(name, value, "a number, or None for no limit")


def check_trim(keep: object, older_than: object) -> None:
    """Raise ValueError unless a log can be trimmed so."""
    if keep is None and older_than is None:
        raise ValueError("say what may go: all but the newest keep=, or what is older_than=.")
    if keep is not None:
        _count("keep", keep, "a number of entries")
    if older_than is not None:
        check_seconds("older_than", older_than)


def check_speed(speed: object) -> None:
    """Raise ValueError unless a replay can be so fast."""
    if speed is None:
        return
    is_number = isinstance(speed, int | float) and not isinstance(speed, bool)
    if not is_number or not 0 < speed < math.inf:  # type: ignore[operator]
        raise ValueError(f"speed is a factor above 0, or None for at once; got {speed!r}.")


def _count(name: str, value: object, meaning: str, *, least: int = 0) -> None:
    """Raise ValueError unless it is a number that every backend can store."""
    if whole_number(name, value, meaning, least=least) > _LARGEST_NUMBER:
        raise ValueError(f"{name} is {meaning}, at most {_LARGEST_NUMBER}; got {value!r}.")


def no_room(what: str, has: int, more: int, most: int) -> QuotaExceeded:
    """The error for what does not fit into a log's quota."""
    return QuotaExceeded(
        f"the log holds {has:,} of at most {most:,} {what}, and {more:,} more do not "
        "fit. trim() what is not needed any more, or raise the quota by set_quota()."
    )


def claim_lost(consumer: str, sequences: list[int]) -> LeaseLost:
    """The error for deliveries that are no longer the caller's."""
    return LeaseLost(
        f"{consumer!r} no longer has number {', '.join(map(str, sequences))} from this claim: "
        "it was done, put back or its lease ended and another worker has it. Ask for a "
        "longer lease, or extend it while you work."
    )


def lock_lost(token: int, *, has_ended: bool) -> LeaseLost:
    """The error for a token whose lock is no longer held."""
    why = "its lease has ended" if has_ended else "it was released or taken by another"
    return LeaseLost(
        f"the lock with token {token} is no longer held: {why}. Take it again and read "
        "what has changed before you write."
    )


def other_pattern(consumer: str, found: str, asked: str) -> ValueError:
    """The error for a consumer that is asked for with another pattern than it has."""
    return ValueError(
        f"the consumer {consumer!r} takes {found!r}, not {asked!r}: ask for it "
        "with that pattern, or give this one another name."
    )


def consumer_gone(consumer: str) -> LogError:
    """The error for a consumer that was removed."""
    return LogError(
        f"the consumer {consumer!r} was removed, perhaps by another process: ask the log for it "
        "again with consumer()."
    )


_LARGEST_NUMBER = 2**63 - 1
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_decoder = msgspec.json.Decoder(CloudEvent)
_check_topic_once = lru_cache(maxsize=10_000)(check_topic)  # what it refuses is not remembered


class _Source:
    """Says of which process run an Event's id is: ids count up anew in every one, forks too."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.name = f"/eventkit/{os.urandom(8).hex()}"


_source = _Source()


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


def _number(sequence: int) -> str:
    return f"number {sequence}" if sequence else "none (0)"
