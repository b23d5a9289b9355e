"""Store: the two streams of a log on its server, and waiting for changes."""

from __future__ import annotations

import base64
import hashlib
import os
import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ...log import LogUnusable, Packed, QuotaExceeded, Usage, no_room
from ...log.paging import News, Row
from .connection import Connection, Headers, Refused, seconds_of

T = TypeVar("T")

ID = "Nats-Msg-Id"
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_OF = f"{EXPECTED}-Subject"
EXPECTED_IN_ALL = "Nats-Expected-Last-Sequence"
WRONG_SEQUENCE = {10071, 10164}

_NOT_THERE = {10037, 10059}  # a message, a stream
_FULL = {10002, 10023, 10047, 10054, 10077}
_WRONG_ID = 10070
_NEVER = 2**53  # a sequence that no message has
_PAGE_BYTES = 1_000_000
_AT_ONCE = 500  # messages sent before their answers are awaited
_REMEMBERED = 100  # states of each consumer, so that a repeated change is recognised
_HOUR_NS = 3_600 * 10**9


class Message(NamedTuple):
    """A message as the stream's leader stores it."""

    sequence: int
    body: bytes


class Store:
    """The streams of one log: events and locks in one, consumers in the other.

    The connection is closed when nothing refers to the store any more.
    """

    def __init__(
        self, url: str, *, name: str, create: bool, replicas: int, timeout: float,
        clock: Callable[[], float] | None, options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.name = name
        self.root = f"eventlog.{name}"
        self.stream = f"eventlog_{name}"
        self.consumers_stream = f"{self.stream}_consumers"
        self.connection = Connection(url, timeout, options)
        weakref.finalize(self, self.connection.close)
        self._news = News()
        self._listens = False
        try:
            offset = self._find_streams(create=create, replicas=replicas)
        except BaseException:
            self.connection.close()
            raise
        self.clock = clock or (lambda: time.monotonic() + offset)

    # Events and locks

    def subject_of(self, topic: str) -> str:
        """Return the subject of a topic's or a pattern's events in the stream."""
        return f"{self.root}.event.{topic}"

    def add(self, packed: Packed, conditions: Headers) -> int:
        """Store an event unless it is stored already, and return its sequence.

        Raises Refused if a condition fails.
        """
        try:
            return self.connection.publish(*self._message(packed, conditions))
        except Refused as refused:
            raise self._reason(refused, len(packed.body)) from refused

    def add_all(self, all_packed: list[Packed]) -> list[int]:
        """Store events, sending many before the first answer. Return their sequences."""
        sequences: list[int] = []
        try:
            for start in range(0, len(all_packed), _AT_ONCE):
                some = all_packed[start : start + _AT_ONCE]
                sequences += self.connection.publish_all([self._message(one, {}) for one in some])
        except Refused as refused:
            raise self._reason(refused, 0) from refused
        return sequences

    def find(self, packed: Packed) -> int | None:
        """Return the sequence of an event if it is stored already."""
        return self._find(self.subject_of(packed.topic), _id_of(packed))

    def page(self, after: int, topic: str, limit: int) -> list[Row]:
        """Return the next entries after `after`, at most about 1 MB of them."""
        rows, _ = self._page(after, topic, limit)
        if rows or not self._is_replicated:
            return rows
        # a replica has answered, which may lag behind: ask the leader
        following = {"seq": after + 1, "next_by_subj": self.subject_of(topic)}
        message = self._got(self.stream, following)
        return [] if message is None else [_row_of(message)]

    def count(self, after: int, topic: str) -> int:
        """Return the number of entries after `after`."""
        rows, more = self._page(after, topic, 1)
        return len(rows) + more

    def row(self, sequence: int) -> Row | None:
        """Return the entry with this sequence as it is stored, or None if it was trimmed."""
        message = self._got(self.stream, {"seq": sequence})
        return None if message is None else _row_of(message)

    def last_on(self, subject: str) -> Message | None:
        """Return the last message in the events' stream whose subject matches."""
        return self._get(self.stream, last_by_subj=subject)

    def put(self, subject: str, body: bytes, conditions: Headers) -> int | None:
        """Store a lock or a consumer's state and return the new sequence.

        Return None if a condition fails: another client was faster.
        """
        headers = {ID: os.urandom(12).hex(), **conditions}
        try:
            return self.connection.publish(subject, body, headers)
        except Refused as refused:
            if refused.code not in WRONG_SEQUENCE:
                raise self._reason(refused, len(body)) from refused
            # if the first answer was lost, this client's own message may be the newer one
            return self._find(subject, headers[ID])

    def remove(self, sequence: int) -> bool:
        """Remove one message of the events' stream. Return False if it was not there."""
        try:
            self.ask(f"STREAM.MSG.DELETE.{self.stream}", changes=True, seq=sequence)
        except Refused:
            return False
        return True

    def purge(self, end: int) -> None:
        """Remove the entries up to `end`."""
        events = self.subject_of(">")
        self.ask(f"STREAM.PURGE.{self.stream}", changes=True, filter=events, seq=end + 1)

    def info(self, subjects: str | None = None) -> Any:
        """Return the server's figures on the events' stream."""
        filter = subjects or ""
        return self.ask(f"STREAM.INFO.{self.stream}", subjects_filter=filter)

    # Consumers

    def load(self, name: str) -> Message | None:
        """Return the message with a consumer's state."""
        return self._get(self.consumers_stream, last_by_subj=self.consumer_subject(name))

    def names(self) -> list[str]:
        """Return the names of all consumers."""
        pattern = self.consumer_subject("*")
        info = self.ask(f"STREAM.INFO.{self.consumers_stream}", subjects_filter=pattern)
        return sorted(subject.rpartition(".")[2] for subject in info["state"].get("subjects") or ())

    def consumer_subject(self, name: str) -> str:
        """Return the subject of a consumer's state."""
        return f"{self.root}.consumer.{name}"

    # Quota

    def usage(self) -> Usage:
        """Return the number of events and bytes, and the quota."""
        locks = f"{self.root}.lock.*"
        info = self.info(locks)
        state, quota = info["state"], info["config"]["metadata"]
        return Usage(
            state["messages"] - sum((state.get("subjects") or {}).values()),
            state["bytes"],
            _number(quota.get("events")),
            _number(quota.get("bytes")),
        )

    def set_quota(self, events: int | None, size: int | None) -> None:
        """Set the server's limits. To the server 0 means no limit, so one byte stands for 0."""
        config = self.info()["config"]
        for name, value in (("events", events), ("bytes", size)):
            config["metadata"][name] = "" if value is None else str(value)
        config["max_msgs"] = events or -1
        config["max_bytes"] = 1 if 0 in (events, size) else size or -1
        self.ask(f"STREAM.UPDATE.{self.stream}", changes=True, **config)

    # Waiting

    def until(self, attempt: Callable[[], T], seconds: float | None) -> T:
        """Wait as `News.until` does, and also wake on what other clients append."""
        result = attempt()
        if result or seconds == 0:
            return result
        if not self._listens:
            self.connection.listen(f"{self.root}.stored.>", self._news.ring)
            self._listens = True  # afterwards, so that the next call listens after an interrupt
        return self._news.until(attempt, seconds)

    def wake(self) -> None:
        """Wake the waiters."""
        self._news.ring()

    def ask(self, path: str, *, changes: bool = False, **question: Any) -> Any:
        """Return the answer of JetStream's API. Raises Refused."""
        return self.connection.ask(path, question, changes=changes)

    def check_open(self) -> None:
        """Raise LogClosed if the log is closed."""
        self.connection.check_open()

    def close(self) -> None:
        """Close the connection and wake the waiters."""
        self.connection.close()
        self.wake()

    # Inside

    def _find(self, subject: str, id: str) -> int | None:
        """Return the sequence of a message with this id, if there is one.

        Publish it under a condition that cannot be met, so that nothing is stored: the server
        checks the id first. That condition is an expected sequence on a replicated stream, whose
        replicas could disagree on an expected id. A single server checks an expected sequence
        before the id, so there it is an expected id.
        """
        if self._is_replicated:
            condition = {EXPECTED: str(_NEVER)}
        else:
            condition = {"Nats-Expected-Last-Msg-Id": "none"}
        try:
            return self.connection.publish(subject, b"", {ID: id, **condition})
        except Refused as refused:
            if refused.code != _WRONG_ID and refused.code not in WRONG_SEQUENCE:
                raise
            return None

    def _message(self, packed: Packed, conditions: Headers) -> tuple[str, bytes, Headers]:
        return self.subject_of(packed.topic), packed.body, {ID: _id_of(packed), **conditions}

    def _page(self, after: int, topic: str, limit: int) -> tuple[list[Row], int]:
        subject = self.subject_of(topic)
        return self.connection.page(self.stream, after, subject, limit, _PAGE_BYTES)

    def _get(self, stream: str, **question: Any) -> Message | None:
        message = self._got(stream, question)
        if message is None:
            return None
        sequence, body, _ = _row_of(message)
        return Message(sequence, body)

    def _got(self, stream: str, question: dict[str, Any]) -> Any:
        try:
            answer = self.connection.ask(f"STREAM.MSG.GET.{stream}", question)
        except Refused as refused:
            if refused.code not in _NOT_THERE:
                raise
            return None
        return answer["message"]

    def _reason(self, refused: Refused, size: int) -> Exception:
        if refused.code not in _FULL:
            return refused
        used = self.usage()
        if used.max_events is not None and used.events >= used.max_events:
            return no_room("events", used.events, 1, used.max_events)
        if used.max_bytes is not None:
            return no_room("bytes", used.bytes, size, used.max_bytes)
        return QuotaExceeded(f"the server has no more room for this log: {refused}.")

    def _find_streams(self, *, create: bool, replicas: int) -> float:
        """Find or create both streams. Return the server's time minus the monotonic clock."""
        events = {
            "subjects": [f"{self.root}.event.>", f"{self.root}.lock.*"],
            "allow_direct": True,
            "allow_msg_ttl": True,
            "republish": {
                "src": f"{self.root}.event.>",
                "dest": f"{self.root}.stored.>",
                "headers_only": True,
            },
        }
        consumers = {"subjects": [f"{self.root}.consumer.*"], "max_msgs_per_subject": _REMEMBERED}
        for name, special in ((self.consumers_stream, consumers), (self.stream, events)):
            info = self._find_stream(name, special, create=create, replicas=replicas)
        self._is_replicated = info["config"]["num_replicas"] > 1
        return seconds_of(info["ts"]) - time.monotonic()

    def _find_stream(
        self, name: str, special: dict[str, Any], *, create: bool, replicas: int
    ) -> Any:
        try:
            return self.ask(f"STREAM.INFO.{name}")
        except Refused as refused:
            if refused.code not in _NOT_THERE or not create:
                raise LogUnusable(
                    f"there is no log {self.name!r} at {self.connection!r}. Leave out create=False "
                    "to create one."
                ) from refused
        config = {
            "name": name,
            "storage": "file",
            "discard": "new",
            "num_replicas": replicas,
            "duplicate_window": _HOUR_NS,
            "allow_rollup_hdrs": True,
            "metadata": {},
        }
        try:
            return self.ask(f"STREAM.CREATE.{name}", changes=True, **(config | special))
        except Refused as refused:
            cluster = " Replicas need a cluster." if replicas > 1 else ""
            raise LogUnusable(
                f"the log {self.name!r} could not be created with replicas={replicas}: "
                f"{refused}.{cluster}"
            ) from refused


def _id_of(packed: Packed) -> str:
    """Return the id that the server stores for the event: short, and valid in a header."""
    return hashlib.blake2b(f"{packed.source}\0{packed.id}".encode(), digest_size=16).hexdigest()


def _row_of(message: dict[str, Any]) -> Row:
    body = base64.b64decode(message.get("data", ""))
    return message["seq"], body, seconds_of(message["time"])


def _number(text: str | None) -> int | None:
    return int(text) if text else None
