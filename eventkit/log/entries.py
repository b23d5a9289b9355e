"""Entries: the contents of a log, and the form in which they are stored."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ..errors import LogUnusable
from ..event import CloudEvent, Event, check_cloud_event, to_cloud
from ..topics import InvalidTopic, check_topic
from ..wire import DEPTH, check_json


class Entry(NamedTuple):
    """An event and its place in the log. `stored` is when it was stored, in seconds since 1970."""

    sequence: int
    event: CloudEvent
    stored: float

    @property
    def topic(self) -> str:
        """The event's topic, which CloudEvents call its type."""
        return self.event.type

    @property
    def data(self) -> Any:
        """The event's data as JSON returns it, or bytes."""
        wire = self.event
        payload = wire.data if wire.data_base64 is msgspec.UNSET else wire.data_base64
        return None if payload is msgspec.UNSET else payload

    @property
    def key(self) -> str | None:
        """The event's key, which CloudEvents call its subject."""
        return None if self.event.subject is msgspec.UNSET else self.event.subject

    def to_event(self) -> Replayed:
        """Return the same event for this process, due now. It can be published on a bus, and is
        distinguishable from new ones. Appended to a log, it is still the original event.
        """
        return Replayed(
            self.topic, self.data, key=self.key, sequence=self.sequence, original=self.event
        )


class Replayed(Event, frozen=True, gc=False, kw_only=True):
    """An Event that was read from a log. A handler whose work must not be repeated, such as
    sending a letter, checks for this class.
    """

    sequence: int
    original: CloudEvent


class Delivery(NamedTuple):
    """An entry that a consumer has claimed for the time of its lease. `tries` counts its
    deliveries. `claim` identifies this delivery in the log.
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
    """How much a log holds, and its limits, where None means no limit. `bytes` counts the events as
    stored, on a server with its overhead and the held locks.
    """

    events: int
    bytes: int
    max_events: int | None
    max_bytes: int | None


class Progress(NamedTuple):
    """A consumer's progress: entries not claimed yet, claimed or delayed, and dead letters."""

    waiting: int
    unfinished: int
    dead: int


class Packed(NamedTuple):
    """An event ready to be stored: its topic, its identity and its CloudEvents JSON."""

    topic: str
    source: str
    id: str
    body: bytes


def pack(event: Event | CloudEvent) -> Packed:
    """Return an event in the form in which it is stored. `unpack` returns an equal event from it.

    Raises InvalidTopic, TypeError or ValueError, with the reason, if it cannot be stored.
    """
    wire = _as_cloud(event)
    check_topic(wire.type)
    check_cloud_event(wire)
    body = msgspec.json.encode(wire)
    try:
        unpack(body)
    except LogUnusable as problem:  # a longer integer than Python reads, if encoding allowed it
        raise ValueError(f"this event cannot be read back: {problem.__cause__}.") from problem
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
    """Return the event from a body that `pack` made. Raises LogUnusable if it is damaged."""
    try:
        check_json(body, DEPTH + 1)
        event = _decoder.decode(body)
        _check_topic_once(event.type)
    except (ValueError, InvalidTopic) as problem:  # JSON and UTF-8 errors among them
        reason = str(problem).rstrip(".")
        raise LogUnusable(f"an entry of this log is damaged: {reason}.") from problem
    return event


_decoder = msgspec.json.Decoder(CloudEvent)


_check_topic_once = lru_cache(maxsize=10_000)(check_topic)  # refusals are not cached


class _Source:
    """Identifies this run of the process: event ids start from 1 again in each, forks included."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.name = f"/eventkit/{os.urandom(8).hex()}"


_source = _Source()
