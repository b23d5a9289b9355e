"""Turn a request into an event, or refuse it with an HTTP status that says what is wrong."""

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
    """A request that is refused with an HTTP status.

    The client gets `detail` to read, so it describes the client's own request only.
    """

    def __init__(self, status: int, detail: str, headers: Headers | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.detail, self.headers), self.__dict__


class Received(Event, frozen=True, gc=False, kw_only=True):
    """An event that arrived over HTTPS. Its id is new, and it is due when it arrived.

    `principal` is the authenticated sender. `original` is the CloudEvent that was sent, if it was
    one: its source, id and time are the client's claims and have not been verified.
    """

    principal: str
    original: CloudEvent | None = None


def check_cloud_headers(headers: Headers) -> None:
    """Raise Refused (415) unless these headers announce a CloudEvent. Needs no body."""
    kind = _media_type(headers)
    if kind != STRUCTURED and not ("ce-specversion" in headers and kind in (JSON, BYTES)):
        raise Refused(
            415,
            f"send a CloudEvent: as {STRUCTURED}, or with ce- headers and a body of {JSON} or "
            f"{BYTES}, in UTF-8 and uncompressed.",
        )


def check_plain_headers(headers: Headers) -> None:
    """Raise Refused (415) unless these headers announce plain JSON."""
    if _media_type(headers) != JSON:
        raise Refused(415, f"send {JSON}, in UTF-8 and uncompressed.")


def read_cloud(principal: str, headers: Headers, body: bytes) -> Received:
    """Return the event in a request that holds a CloudEvent, in structured or binary mode.

    Raises Refused (400).
    """
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
    """Return an event with JSON that was posted to a topic. Raises Refused (400)."""
    try:
        check_topic(topic)
    except InvalidTopic as problem:
        raise Refused(400, str(problem)) from None
    return Received(topic, _json(body), principal=principal)


def _structured(headers: Headers, body: bytes) -> bytes:
    """Return a request in binary mode, with its attributes in headers, as structured JSON.

    Both modes are then decoded and checked by the same code.
    """
    try:
        attributes: dict[str, Any] = {
            name: unquote(headers[f"ce-{name}"], errors="strict")
            for name in _ATTRIBUTES
            if f"ce-{name}" in headers
        }
    except UnicodeDecodeError:
        raise Refused(400, "the percent-encoded bytes of a ce- header must be UTF-8.") from None
    if _media_type(headers) == BYTES:
        attributes["data_base64"] = body
    elif body:
        attributes["data"] = _json(body)
    return msgspec.json.encode(attributes)


def _json(body: bytes) -> Any:
    try:
        check_json(body)
        return msgspec.json.decode(body)
    except ValueError as problem:
        reason = str(problem).rstrip(".")
        raise Refused(400, f"the body is not JSON that can be read: {reason}.") from None


def _media_type(headers: Headers) -> str | None:
    """Return the media type in lower case, or None if the body is compressed or not UTF-8."""
    kind, *parameters = headers.get("Content-Type", "").lower().split(";")
    charsets = [one.strip() for one in parameters if one.strip().startswith("charset")]
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    if any(one not in ("charset=utf-8", 'charset="utf-8"') for one in charsets):
        return None
    return kind.strip()
