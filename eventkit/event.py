"""Event: what travels, in the process and on any wire."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import lru_cache
from time import perf_counter_ns, time_ns
from typing import Annotated, Any, Literal

import msgspec

from .topics import InvalidTopic, check_topic, plain
from .wire import DEPTH, check_data, check_json, check_text, check_time

_LONGEST_INTEGER = 4_300  # digits that Python reads; a shorter body cannot have more


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened. Immutable, so every subscriber may share the one object.

    `topic` says what kind of thing it was and `data` carries the particulars. `id` counts up
    within the process. `time` is when the event was *due*, in nanoseconds of
    `time.perf_counter_ns`; if it was fired late, that is in the past.
    Events with the same `key` keep their order on every executor. `cause` is the id of the
    event that led to this one.

    The garbage collector does not look inside events: `data` must not refer back to its own
    event, or neither is ever freed.
    """

    topic: str
    data: Any = None
    id: int = msgspec.field(default_factory=itertools.count(1).__next__)
    time: int = msgspec.field(default_factory=perf_counter_ns)
    key: str | None = None
    cause: int | None = None


class InvalidEvent(ValueError):
    """Bytes that are no CloudEvents 1.0 JSON object, or one that cannot become an Event."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on the wire: the CloudEvents 1.0 attributes, named as the specification has them.

    `source` and `id` together are unique. `time` is wall-clock time, because a monotonic clock
    means nothing on another machine. `type` holds our topic and `subject` our key.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    time: Annotated[datetime, msgspec.Meta(tz=True)] | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    cause: str | msgspec.UnsetType = msgspec.UNSET
    data: Any = msgspec.UNSET
    data_base64: bytes | msgspec.UnsetType = msgspec.UNSET

    def to_event(self) -> Event:
        """The same event for this process: with an id of its own, its time on our clock, and no
        cause, since the cause's id counted in another process.
        """
        payload = self.data if self.data_base64 is msgspec.UNSET else self.data_base64
        return Event(
            self.type,
            None if payload is msgspec.UNSET else payload,
            time=perf_counter_ns() if self.time is msgspec.UNSET else _on_our_clock(self.time),
            key=None if self.subject is msgspec.UNSET else self.subject,
        )


class _Wire(CloudEvent, frozen=True, kw_only=True):
    """What others send: they must say the version themselves."""

    specversion: Literal["1.0"]


_decoder = msgspec.json.Decoder(_Wire)
_check_topic_once = lru_cache(maxsize=10_000)(check_topic)  # what it refuses is not remembered


def to_cloud(event: Event, source: str) -> CloudEvent:
    """The event with its CloudEvents attributes. `source` names where its id counts."""
    is_bytes = isinstance(event.data, bytes)
    return CloudEvent(
        id=str(event.id),
        source=source,
        type=plain(event.topic),
        time=_wall_clock(event.time),
        subject=msgspec.UNSET if event.key in (None, "") else plain(event.key),
        cause=msgspec.UNSET if event.cause is None else str(event.cause),
        data=msgspec.UNSET if is_bytes else event.data,
        data_base64=event.data if is_bytes else msgspec.UNSET,
    )


def encode(event: Event, source: str) -> bytes:
    """The event as a CloudEvents 1.0 JSON object. `source` names where its id counts.

    A key that is "" is written as none. Raises TypeError or ValueError for what `decode` would not
    read as an equal value, such as NaN, too many levels of data, or an integer of 4,301 digits.
    """
    if not isinstance(source, str) or not source:
        raise ValueError(f"source is a string that is not empty; got {source!r}.")
    check_event(event if event.key != "" else msgspec.structs.replace(event, key=None))
    body = msgspec.json.encode(to_cloud(event, source))
    if len(body) > _LONGEST_INTEGER:
        decode(body)
    return body


def decode(raw: bytes | str) -> CloudEvent:
    """The CloudEvent that `raw` holds. Raises InvalidEvent, which says what is wrong with it."""
    try:
        check_json(raw, DEPTH + 1)
        wire = _decoder.decode(raw)
        _check_topic_once(wire.type)
    except (msgspec.DecodeError, InvalidTopic, UnicodeError, RecursionError) as problem:
        raise InvalidEvent(
            f"not a CloudEvents 1.0 JSON object that eventkit can take: {problem}. "
            "It needs specversion '1.0', id, source, and a type that is a valid topic."
        ) from problem
    if not wire.id or not wire.source:
        raise InvalidEvent("a CloudEvent needs an id and a source that are not empty.")
    return CloudEvent(
        id=wire.id,
        source=wire.source,
        type=wire.type,
        time=wire.time,
        subject=wire.subject,
        cause=wire.cause,
        data=wire.data,
        data_base64=wire.data_base64,
    )


def _wall_clock(monotonic_ns: int) -> datetime:
    return datetime.fromtimestamp((monotonic_ns + time_ns() - perf_counter_ns()) / 1e9, UTC)


def _on_our_clock(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9) - time_ns() + perf_counter_ns()


def check_cloud_event(event: CloudEvent) -> None:
    """Raise TypeError or ValueError unless this event, written as JSON, is read as an equal one.

    The id, source and type are needed and not empty. A subject (the key of an Event) is not empty,
    a time has an offset from UTC, and the data passes `check_data`.
    """
    for name in ("id", "source", "type", "subject", "cause"):
        check_text(name, getattr(event, name), needed=name in ("id", "source", "type"))
    if event.specversion != "1.0":
        raise ValueError(f"specversion is '1.0'; got {event.specversion!r}.")
    if event.time is not msgspec.UNSET:
        check_time(event.time)
    if event.data_base64 is msgspec.UNSET:
        if event.data is not msgspec.UNSET:
            check_data(event.data)
    elif type(event.data_base64) is not bytes or event.data is not msgspec.UNSET:
        raise TypeError("data_base64 is bytes, and an event that has it has no other data.")


def check_event(event: Event) -> None:
    """Do for an Event what `check_cloud_event` would do for the CloudEvent made of it.

    Its topic must have been checked. Its time is always written correctly.
    """
    if type(event.id) is not int:
        check_text("id", str(event.id), needed=True)
    if event.key is not None:
        check_text("subject", event.key, needed=True)
    if event.cause is not None:
        check_text("cause", str(event.cause), needed=True)
    if event.data is msgspec.UNSET:
        raise TypeError("an event without data has None as its data; got UNSET.")
    if type(event.data) is not bytes:
        check_data(event.data)
