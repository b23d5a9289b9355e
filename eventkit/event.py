"""Event: what a bus carries, and its form on the wire, a CloudEvent."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from time import perf_counter_ns, time_ns
from typing import Annotated, Any, Literal

import msgspec

from .topics import InvalidTopic, check_topic, plain
from .wire import DEPTH, check_data, check_json, check_text, check_time

_LONGEST_INTEGER = 4_300  # the most digits that Python parses


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened. Immutable, so all subscribers share one object.

    `topic` names the kind of event, and `data` holds the details. `id` is a number that increases
    within the process. `time` is when the event was *due*, in nanoseconds of
    `time.perf_counter_ns`. For an event that was fired late, it is in the past. Events with the
    same `key` keep their order on every executor. `cause` is the id of the event that led to this
    one.

    The garbage collector does not track events. If `data` refers back to its own event, neither is
    ever freed.
    """

    topic: str
    data: Any = None
    id: int = msgspec.field(default_factory=itertools.count(1).__next__)
    time: int = msgspec.field(default_factory=perf_counter_ns)
    key: str | None = None
    cause: int | None = None


class InvalidEvent(ValueError):
    """Raised for bytes that are not a CloudEvents 1.0 JSON object, or not one for an Event."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on the wire, with the attributes of CloudEvents 1.0 under their specified names.

    `source` and `id` together are unique. `time` is wall-clock time, because a monotonic clock
    means nothing on another machine. `type` is the event's topic and `subject` its key.
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
        """Return this event as an Event of this process, with a new id and its time on the local
        monotonic clock. Its cause is None, because that id belongs to another process.
        """
        payload = self.data if self.data_base64 is msgspec.UNSET else self.data_base64
        return Event(
            self.type,
            None if payload is msgspec.UNSET else payload,
            time=perf_counter_ns() if self.time is msgspec.UNSET else _monotonic_ns(self.time),
            key=None if self.subject is msgspec.UNSET else self.subject,
        )


class _Received(CloudEvent, frozen=True, kw_only=True):
    """A received CloudEvent, in which the version is required."""

    specversion: Literal["1.0"]


_decoder = msgspec.json.Decoder(_Received)


def to_cloud(event: Event, source: str) -> CloudEvent:
    """Return the event as a CloudEvent. `source` names the bus or process that counts its id."""
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
    """Return the event as a CloudEvents 1.0 JSON object.

    `source` names the bus or process that counts its id. An empty key is written as no key. Tuples,
    sets, dates and the like are read back as lists and strings.

    Raises InvalidTopic; OverflowError for a time that no date can hold; TypeError or ValueError for
    data that `decode` could not read, such as NaN, data nested too deeply, or an integer of 4,301
    digits.
    """
    if not isinstance(source, str) or not source:
        raise ValueError(f"source is a string that is not empty; got {source!r}.")
    check_topic(event.topic)
    check_event(event if event.key != "" else msgspec.structs.replace(event, key=None))
    body = msgspec.json.encode(to_cloud(event, source))
    if len(body) > _LONGEST_INTEGER:  # it may hold an integer that is too long
        decode(body)
    return body


def decode(raw: bytes | str) -> CloudEvent:
    """Return the CloudEvent in `raw`. Raises InvalidEvent, which says what is wrong."""
    if not isinstance(raw, bytes | str):
        raise TypeError(f"raw is bytes or a string of JSON; got {raw!r}.")
    try:
        check_json(raw, DEPTH + 1)
        wire = _decoder.decode(raw)
        check_topic(wire.type)
    except (msgspec.DecodeError, InvalidTopic, UnicodeError, RecursionError) as problem:
        reason = str(problem).rstrip(".")
        raise InvalidEvent(
            f"not a CloudEvents 1.0 JSON object that eventkit can take: {reason}. "
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


def _monotonic_ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9) - time_ns() + perf_counter_ns()


def check_cloud_event(event: CloudEvent) -> None:
    """Raise TypeError or ValueError for attributes and data that cannot be written as JSON and read
    again. The caller checks the topic. Text that is not valid Unicode fails when it is written.

    The id, source and type are required and not empty. A subject (the key of an Event) is not
    empty. A time has an offset from UTC. The data passes `check_data`.
    """
    for name in ("id", "source", "type", "subject", "cause"):
        check_text(name, getattr(event, name), required=name in ("id", "source", "type"))
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
    """Check an Event as `check_cloud_event` would check the CloudEvent made from it.

    The caller has checked its topic. Its time needs no check.
    """
    if type(event.id) is not int:
        check_text("id", str(event.id), required=True)
    if event.key is not None:
        check_text("subject", event.key, required=True)
    if event.cause is not None:
        check_text("cause", str(event.cause), required=True)
    if event.data is msgspec.UNSET:
        raise TypeError("an event without data has None as its data; got UNSET.")
    if type(event.data) is not bytes:
        check_data(event.data)
