"""Handle one request: authenticate it, authorize it, check it, and publish its event."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from tornado.web import HTTPError, RequestHandler, stream_request_body

from ..bus import EventBus
from ..errors import BusClosed, PermissionDenied, QueueFull
from ..security.access import Identity, is_current, principal_of
from ..security.tokens import Tokens
from .incoming import (
    Received,
    Refused,
    check_cloud_headers,
    check_plain_headers,
    read_cloud,
    read_plain,
)
from .server import LimitedServer


class Trigger(Protocol):
    """What requests ask of the trigger that serves them."""

    bus: EventBus
    tokens: Tokens | None
    max_bytes: int
    server: LimitedServer

    async def do(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Run a call in a worker, and raise TimeoutError if it takes too long."""

    async def record(self, refusal: Refusal) -> None:
        """Wait until a refusal is in the audit."""

    def note(self, refusal: Refusal) -> object:
        """Put a refusal into the audit, without waiting."""

    def quota_of(self, principal: str) -> int:
        """Return how many seconds a principal must wait, 0 for none."""


PROBLEM = "application/problem+json"
_DISCARDABLE = 1 << 20  # bytes
"""The number of bytes of a refused body that are read and discarded before the connection ends."""


class Refusal(msgspec.Struct, frozen=True):
    """The data of an event on `audit.refused`: which client was refused, and why.

    `principal` is None for an unauthenticated client. `status` is an HTTP status, even if the
    connection ended without an answer, or 0 for a failed TLS handshake. `reason` never quotes what
    the client sent.
    """

    principal: str | None
    address: str
    status: int
    reason: str


@stream_request_body
class Guarded(RequestHandler):
    """A handler that accepts or refuses a request by its headers, before it reads the body.

    An answer tells the client no more than it needs to know. The body of a refused request is
    read and discarded, so that the client can read the answer and keep using the connection. If
    the body is too large for that, the connection ends.
    """

    ALLOWED = ("POST",)
    trigger: Trigger
    identity: Identity | None
    refusal: Refused | None

    def initialize(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.identity = self.refusal = None
        self._discarded = 0
        self._is_complete = False
        self._stream = self.request.connection.stream  # type: ignore[union-attr]
        self._body = bytearray()
        trigger.server.begin(self._stream)

    async def prepare(self) -> None:
        await self._or_refuse(self._admit)
        announced = self.request.headers.get("Content-Length", "0")
        if self.refusal and (_number(announced) > _DISCARDABLE or "Expect" in self.request.headers):
            self._answer_refused()

    async def handle(self, *path: str) -> None:
        """Answer a request of any method, once its body is complete."""
        self._is_complete = True
        if not self.refusal:
            await self._or_refuse(lambda: self.serve(*path))
        if self.refusal and not self._finished:
            self._answer_refused()

    get = head = post = put = patch = delete = options = handle

    async def serve(self, *path: str) -> None:
        """Answer a request that has been admitted. Raises Refused."""
        raise NotImplementedError

    async def _admit(self) -> None:
        self.check_method()
        self.check_origin()
        self.identity = self.identify()
        self.check_quota(self.identity.principal)
        self.check_headers()

    def check_method(self) -> None:
        if self.request.method not in self.ALLOWED:
            raise Refused(405, "method not allowed.", {"Allow": ", ".join(self.ALLOWED)})

    def check_origin(self) -> None:
        """Raise Refused (403) if a web page made this request: the browser may have added its
        user's certificate.
        """
        if "Origin" in self.request.headers:
            raise Refused(403, "cross-origin requests are not accepted.")

    def identify(self) -> Identity:
        """Return the client's identity, by its token, its certificate, or both if they agree.

        Raises Refused (401).
        """
        named = set()
        socket = self._stream.socket  # None once the client has left
        shown: dict[str, object] = getattr(socket, "getpeercert", dict)()
        if shown:
            named.add(principal_of(shown) if is_current(shown, time.time()) else None)
        authorization = self.request.headers.get("Authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            known = scheme.lower() == "bearer" and self.trigger.tokens is not None
            named.add(self.trigger.tokens.principal_of(token) if known else None)  # type: ignore[union-attr]
        if len(named) != 1 or None in named:
            raise Refused(
                401,
                "authenticate with a valid bearer token or client certificate.",
                {"WWW-Authenticate": "Bearer"},
            )
        identity: Identity = self.trigger.bus.as_(str(named.pop()))
        return identity

    def check_quota(self, principal: str) -> None:
        wait = self.trigger.quota_of(principal)
        if wait:
            raise Refused(429, "too many requests: try again later.", {"Retry-After": str(wait)})

    def check_headers(self) -> None:
        """Raise Refused if the headers announce a body that is too large or of the wrong type."""
        if _number(self.request.headers.get("Content-Length", "0")) > self.trigger.max_bytes:
            raise self._too_large()

    async def data_received(self, chunk: bytes) -> None:
        if not self.refusal:
            await self._or_refuse(lambda: self._append(chunk))
        else:
            self._discarded += len(chunk)
            if self._discarded > _DISCARDABLE and not self._finished:
                self._answer_refused()

    async def _append(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self.trigger.max_bytes:
            self._body.clear()
            raise self._too_large()

    def _too_large(self) -> Refused:
        return Refused(413, f"the body must have at most {self.trigger.max_bytes} bytes.")

    async def _or_refuse(self, step: Any) -> None:
        try:
            await step()
        except Refused as refusal:
            await self.trigger.record(self._refusal_of(refusal.status))
            self.refusal = refusal

    def _refusal_of(self, status: int) -> Refusal:
        name = self.identity.principal if self.identity else None
        return Refusal(name, self.request.remote_ip or "", status, HTTPStatus(status).phrase)

    def _answer_refused(self) -> None:
        refusal = self.refusal
        assert refusal is not None
        self.clear()
        self.set_status(refusal.status)
        for name, value in refusal.headers.items():
            self.set_header(name, value)
        self._problem(refusal.status, refusal.detail)

    def _problem(self, status: int, detail: str = "") -> None:
        phrase = HTTPStatus(status).phrase
        text = {"title": phrase, "status": status, **({"detail": detail} if detail else {})}
        if not self._is_complete:  # tornado closes the connection rather than read the rest
            self.set_header("Connection", "close")
        self.set_header("Content-Type", PROBLEM)
        self.finish(msgspec.json.encode(text))

    # Called by tornado

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.clear_header("Content-Type")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:  # a method that tornado does not know
            self.set_header("Allow", ", ".join(self.ALLOWED))
        self.trigger.note(self._refusal_of(status_code))
        self._problem(status_code)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log the error's type and traceback, but not its text, which might quote the request."""
        if not isinstance(value, HTTPError):
            where = "".join(traceback.format_tb(tb))
            logging.getLogger("eventkit").error("a request failed with %s\n%s", typ.__name__, where)

    def on_finish(self) -> None:
        self.trigger.server.end(self._stream, is_last=not self._is_complete)


class NotFound(Guarded):
    """A handler for paths that do not exist."""

    async def _admit(self) -> None:
        raise Refused(404, "not found: POST to /events or /topics/<topic>.")


class Posting(Guarded):
    """A handler that publishes the event in the body of a request."""

    async def serve(self, *path: str) -> None:
        assert self.identity is not None
        event = self.read(self.identity.principal, bytes(self._body), *path)
        try:
            await self.trigger.do(self.identity.publish, event)
        except PermissionDenied:
            raise Refused(403, "you do not have permission to publish on this topic.") from None
        except (QueueFull, BusClosed):
            raise Refused(
                503, "the server is busy: try again later.", {"Retry-After": "1"}
            ) from None
        except TimeoutError:
            raise Refused(504, "the time limit passed; the event may still be handled.") from None
        self.set_status(202)
        self.finish()

    def read(self, principal: str, body: bytes, *path: str) -> Received:
        """Return the event that was sent. Raises Refused."""
        raise NotImplementedError


class PostPlain(Posting):
    """POST /topics/{topic}: plain JSON."""

    def check_headers(self) -> None:
        super().check_headers()
        check_plain_headers(self.request.headers)

    def read(self, principal: str, body: bytes, *path: str) -> Received:
        return read_plain(principal, path[0], body)


class PostCloud(Posting):
    """POST /events: a CloudEvent, in structured or binary mode."""

    def check_headers(self) -> None:
        super().check_headers()
        check_cloud_headers(self.request.headers)

    def read(self, principal: str, body: bytes, *path: str) -> Received:
        return read_cloud(principal, self.request.headers, body)


def _number(text: str) -> int:
    """Return the number in a header, or 0 if it is not one: tornado refuses such a request."""
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else 0


async def within(seconds: float, waiting: Any) -> Any:
    """Await something for at most this many seconds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await waiting
