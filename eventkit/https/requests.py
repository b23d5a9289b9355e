"""What is done with one request: who is it, may they, is it sound; then it goes to the bus."""

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
_PATIENCE = 1 << 20
"""How many bytes of a refused body are read to throw them away."""


class Refusal(msgspec.Struct, frozen=True):
    """What an event on `audit.refused` carries: who was refused (None for a stranger), from where
    and why. It never quotes what they sent.

    `status` is one of HTTP's, also where the connection ended without an answer, or 0 for a TLS
    handshake that failed.
    """

    principal: str | None
    address: str
    status: int
    reason: str


@stream_request_body
class Guarded(RequestHandler):
    """Decides by the headers, before the body is read, and never answers with more than the client
    needs to know.

    The body of a request that is refused is thrown away as it comes, so that the client can read
    why and go on with the same connection; if it is too large for that, the connection ends.
    """

    ALLOWED = ("POST",)
    trigger: Trigger
    identity: Identity | None
    refusal: Refused | None

    def initialize(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.identity = self.refusal = None
        self._thrown_away = 0
        self._has_come = False
        self._stream = self.request.connection.stream  # type: ignore[union-attr]
        self._body = bytearray()
        trigger.server.begin(self._stream)

    async def prepare(self) -> None:
        await self._or_refuse(self._admit)
        announced = self.request.headers.get("Content-Length", "0")
        if self.refusal and (_number(announced) > _PATIENCE or "Expect" in self.request.headers):
            self._answer_refused()

    async def handle(self, *path: str) -> None:
        """Do what was asked, whatever the method. The body has come."""
        self._has_come = True
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
            raise Refused(405, "not so.", {"Allow": ", ".join(self.ALLOWED)})

    def check_origin(self) -> None:
        """A browser sends this for a page, and would show its user's certificate along with it."""
        if "Origin" in self.request.headers:
            raise Refused(403, "pages of other sites have no business here: CORS is off.")

    def identify(self) -> Identity:
        """Who is asking, by token, by certificate, or by both if they agree. Raises Refused."""
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
                401, "say who you are: a token or a certificate.", {"WWW-Authenticate": "Bearer"}
            )
        identity: Identity = self.trigger.bus.as_(str(named.pop()))
        return identity

    def check_quota(self, principal: str) -> None:
        wait = self.trigger.quota_of(principal)
        if wait:
            raise Refused(429, "too many requests: come back later.", {"Retry-After": str(wait)})

    def check_headers(self) -> None:
        """Raise Refused if a body that is announced so is not wanted."""
        if _number(self.request.headers.get("Content-Length", "0")) > self.trigger.max_bytes:
            raise self._too_large()

    async def data_received(self, chunk: bytes) -> None:
        if not self.refusal:
            await self._or_refuse(lambda: self._append(chunk))
        else:
            self._thrown_away += len(chunk)
            if self._thrown_away > _PATIENCE and not self._finished:
                self._answer_refused()

    async def _append(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self.trigger.max_bytes:
            self._body.clear()
            raise self._too_large()

    def _too_large(self) -> Refused:
        return Refused(413, f"a body has at most {self.trigger.max_bytes} bytes here.")

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
        if not self._has_come:  # tornado closes the connection instead of reading the rest
            self.set_header("Connection", "close")
        self.set_header("Content-Type", PROBLEM)
        self.finish(msgspec.json.encode(text))

    # What tornado asks

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.clear_header("Content-Type")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:  # a method that tornado has never heard of
            self.set_header("Allow", ", ".join(self.ALLOWED))
        self.trigger.note(self._refusal_of(status_code))
        self._problem(status_code)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Where it failed and with what type; its text might quote the request."""
        if not isinstance(value, HTTPError):
            where = "".join(traceback.format_tb(tb))
            logging.getLogger("eventkit").error("a request failed with %s\n%s", typ.__name__, where)

    def on_finish(self) -> None:
        self.trigger.server.end(self._stream, is_last=not self._has_come)


class Nothing(Guarded):
    """Every path that there is not."""

    async def _admit(self) -> None:
        raise Refused(404, "there is nothing here: POST to /events or /topics/<topic>.")


class Posting(Guarded):
    """A body that becomes an event."""

    async def serve(self, *path: str) -> None:
        assert self.identity is not None
        event = self.read(self.identity.principal, bytes(self._body), *path)
        try:
            await self.trigger.do(self.identity.publish, event)
        except PermissionDenied:
            raise Refused(403, "you may not publish on this topic.") from None
        except (QueueFull, BusClosed):
            raise Refused(503, "there is no room at present.", {"Retry-After": "1"}) from None
        except TimeoutError:
            raise Refused(504, "this takes long; it may still be done.") from None
        self.set_status(202)
        self.finish()

    def read(self, principal: str, body: bytes, *path: str) -> Received:
        """The event that was sent. Raises Refused."""
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
    """What is no number is tornado's to refuse."""
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else 0


async def within(seconds: float, waiting: Any) -> Any:
    """Await something for so long at most. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await waiting
