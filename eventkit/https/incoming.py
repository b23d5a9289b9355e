"""What a client sent, turned into an event, or refused with a status that says what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from ..event import CloudEvent, Event, InvalidEvent, check_cloud_event, decode
from ..topics import InvalidTopic, check_topic
from ..wire import check_json

Headers = Mapping[str, str]

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
BYTES = "application/octet-stream"
_ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "cause")


class Refused(Exception):
    """A request that is turned down with an HTTP status. `detail` is for the client to read and
    tells it about its own request only.
    """

    def __init__(self, status: int, detail: str, headers: Headers | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.detail, self.headers), self.__dict__


class Received(Event, frozen=True, gc=False, kw_only=True):
    """An event that came over HTTPS. Its id is this process's and it is due when it arrived.
    `principal` is who sent it, which has been checked. `original` is the CloudEvent that was sent,
    if it was one: its source, id and time are no more than what the client says.
    """

    principal: str
    original: CloudEvent | None = None


def check_cloud_headers(headers: Headers) -> None:
    """Raise Refused (415) unless a CloudEvent may begin so; before its body has come."""
    kind = _media_type(headers)
    if kind != STRUCTURED and not ("ce-specversion" in headers and kind in (JSON, BYTES)):
        raise Refused(
            415,
            f"send a CloudEvent: as {STRUCTURED}, or in ce- headers with a body of {JSON} or "
            f"{BYTES}, in UTF-8 and not compressed.",
        )


def check_plain_headers(headers: Headers) -> None:
    """Raise Refused (415) unless plain JSON may begin so."""
    if _media_type(headers) != JSON:
        raise Refused(415, f"send {JSON}, in UTF-8 and not compressed.")


def read_cloud(principal: str, headers: Headers, body: bytes) -> Received:
    """The CloudEvent in a request, in structured or binary mode. Raises Refused."""
    text = body if _media_type(headers) == STRUCTURED else _structured(headers, body)
    try:
        wire = decode(text)
        check_cloud_event(wire)
    except (InvalidEvent, TypeError, ValueError) as problem:
        raise Refused(400, str(problem)) from None
    data = wire.data if wire.data_base64 is msgspec.UNSET else wire.data_base64
    return Received(
        wire.type,
        None if data is msgspec.UNSET else data,
        key=None if wire.subject is msgspec.UNSET else wire.subject,
        principal=principal,
        original=wire,
    )


def read_plain(principal: str, topic: str, body: bytes) -> Received:
    """JSON that was posted to a topic. Raises Refused."""
    try:
        check_topic(topic)
    except InvalidTopic as problem:
        raise Refused(400, str(problem)) from None
    return Received(topic, _json(body), principal=principal)


def _structured(headers: Headers, body: bytes) -> bytes:
    """Binary mode, whose attributes are headers, as the JSON object of structured mode: one way
    into the house, with one lock.
    """
    try:
        said: dict[str, Any] = {
            name: unquote(headers[f"ce-{name}"], errors="strict")
            for name in _ATTRIBUTES
            if f"ce-{name}" in headers
        }
    except UnicodeDecodeError:
        raise Refused(400, "a ce- header must be UTF-8 where it is percent-encoded.") from None
    if _media_type(headers) == BYTES:
        said["data_base64"] = body
    elif body:
        said["data"] = _json(body)
    return msgspec.json.encode(said)


def _json(body: bytes) -> Any:
    try:
        check_json(body)
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as problem:
        raise Refused(400, f"the body is no JSON: {problem}.") from None


def _media_type(headers: Headers) -> str | None:
    """What the body is, in small letters; None if it is compressed or not in UTF-8."""
    kind, *parameters = headers.get("Content-Type", "").lower().split(";")
    charsets = [one.strip() for one in parameters if one.strip().startswith("charset")]
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    if any(one not in ("charset=utf-8", 'charset="utf-8"') for one in charsets):
        return None
    return kind.strip()
