"""DirectClient: nats-py's client, sending and receiving without its tasks; and how it connects.

nats-py has one task that sends what is published, and one task for each subscription. Waking a task
takes a turn of the loop, and messages of two subscriptions can overtake each other.

This is the only file that uses private attributes of nats-py and of asyncio's streams, where they
offer no other way:

- `_process_msg` of nats-py: the bridge gets messages in the order in which they arrive, and a
  message that cannot be read does not end the task that reads.
- `_process_op_err` and `_transport`: a failed connection is dropped at once. nats-py waits until
  the last byte has been sent, which is for ever if the server no longer reads.
- `_transport`: to send at once, to find out how much is still unsent, and to close what a failed
  attempt to connect has left open.
- `_over_ssl` of asyncio's stream protocol, which nats-py does not set.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..log import PermissionDenied
from .waiting import end_other_tasks

try:
    from nats.aio.client import Client
    from nats.errors import Error, UnexpectedEOF
except ImportError as missing:
    raise ImportError(
        "a bridge or a log on a NATS server needs nats-py, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[nats]'"
    ) from missing

E = TypeVar("E", bound=Exception)

NatsError = Error
CONNECTION_ERRORS = (UnexpectedEOF, OSError)

Take = Callable[[int, str, bytes, bytes | None], bool]
"""Takes a subscription's number, counted from 1, a subject, a body and the raw headers. Returns
True if it has handled the message.
"""
MUCH = 2**20  # bytes
_GREETING = 0.5  # seconds that a server has to greet
_log = logging.getLogger("eventkit")


class DirectClient(Client):
    """A client that offers each message to `take` first, on the loop, in the order of arrival.

    Do not use nats-py's own `publish` beside `send`, which would overtake it.
    """

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take
        self._was_tried = False
        self.problem: Exception | None = None
        """The last error that nats-py reported."""

    async def try_to_connect(
        self, urls: list[str], on_error: Callable[[Exception], object], **options: Any
    ) -> None:
        """Try each server once. Once connected, reconnect whenever that becomes necessary.

        `on_error` is called on the loop with each error that nats-py reports.
        """

        async def report(problem: Exception) -> None:
            self.problem = problem
            if not self.is_connected:
                self._close_failed_attempt()
            on_error(problem)

        self._was_tried = True
        await self.connect(urls, max_reconnect_attempts=1, error_cb=report, **options)
        self.options["max_reconnect_attempts"] = -1

    def send(self, messages: bytes) -> None:
        """Send one or more messages at once. Call it on the loop, while connected."""
        self._transport.write(messages)  # type: ignore[union-attr]

    async def close(self) -> None:
        """Close the connection. nats-py raises an AssertionError if none was ever tried."""
        if self._was_tried:
            await super().close()

    async def end(self, timeout: float) -> None:
        """Close the connection within `timeout` seconds, and end all other tasks of the loop.

        What a stalled line does not take in that time is dropped. Python 3.11's `wait_for` can lose
        a cancellation. Then an attempt to connect succeeds on a closed client, so that is closed
        once more.
        """
        for _ in range(2):
            with suppress(NatsError, OSError, TimeoutError):
                async with asyncio.timeout(timeout):
                    await self.close()
            await end_other_tasks()
        self._drop()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn

    async def disconnect(self) -> None:
        """Handle what has arrived, if there is a connection, and close it."""
        if self.is_connected:
            await self.drain()
        else:
            await self.close()

    @property
    def is_behind(self) -> bool:
        """Return True if more than `MUCH` bytes are still unsent."""
        writer = getattr(self._transport, "_io_writer", None)
        return writer is not None and writer.transport.get_write_buffer_size() > MUCH

    def _close_failed_attempt(self) -> None:
        """Close what an attempt to connect has left open.

        nats-py forgets the connection to a server that was killed during its greeting. After a
        failed handshake it would wait in vain for the end of the connection.
        """
        with suppress(AttributeError, OSError):
            self._transport.close()  # type: ignore[union-attr]
            self._transport._bare_io_writer.close()  # type: ignore[union-attr]
        self._transport = None

    async def _process_op_err(self, e: Exception) -> None:
        """Drop a failed connection. nats-py would wait until the last byte has been sent."""
        if self.is_connected:
            self._drop()
        await super()._process_op_err(e)

    def _drop(self) -> None:
        """Close the socket, and forget what is still unsent."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        try:
            is_taken = self._take(sid, subject.decode("utf-8", "replace"), bytes(data), headers)
        except Exception:  # it would end the task that reads, and no message would arrive any more
            _log.exception("skipped a message from the server that cannot be read:")
            return
        if not is_taken:
            await super()._process_msg(sid, subject, reply, data, headers)


class QuietLoop(asyncio.SelectorEventLoop):
    """A loop without asyncio's warning at the end of each TLS connection.

    asyncio warns because nats-py does not tell the stream reader that it reads from TLS.
    """

    async def start_tls(
        self, transport: Any, protocol: Any, *arguments: Any, **options: Any
    ) -> Any:
        protocol._over_ssl = True
        return await super().start_tls(transport, protocol, *arguments, **options)


def message(subject: str, body: bytes) -> bytes:
    """Return a message in NATS's wire format."""
    return b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(body), body)


# Connecting


def options_for(url: str, tls: ssl.SSLContext | None, options: dict[str, Any]) -> dict[str, Any]:
    """Return nats-py's options for one url, or for several separated by commas.

    `options` override the name and password in the urls. With `tls`, the client sends nothing
    before the server has shown its certificate. Raises ValueError for a `tls://` address without
    `tls`, and for an address without a host or with a port that is not a number. Raises TypeError
    for options that nats-py does not have.
    """
    if unknown := options.keys() - inspect.signature(Client.connect).parameters.keys():
        raise TypeError(
            f"unknown option {', '.join(sorted(unknown))}: further options are those of nats-py's "
            "connect(), such as connect_timeout=2."
        )
    if tls is None and "tls://" in url:
        raise ValueError(
            "a tls:// address needs tls=, such as an authority's client_context(): without it "
            "the server could not be authenticated."
        )
    if not all(_is_place(_place_in(one)) for one in url.split(",")):
        raise ValueError("a server's address is nats://host:port; got one that cannot be read.")
    encryption = {} if tls is None else {"tls": tls, "tls_handshake_first": True}
    return _credentials_in(url.split(",")) | options | encryption


def _credentials_in(urls: list[str]) -> dict[str, str]:
    """Return the name and password in the urls, unless the urls name several users.

    A cluster announces further servers by address alone. nats-py would send them no name and
    password if it knew those from a url only.
    """
    found = {(url.username, url.password) for url in map(urlsplit, urls)}
    user, password = found.pop()
    if found or user is None or password is None:
        return {}
    return {"user": user, "password": password}


def places(urls: Iterable[str]) -> str:
    """Return the hosts and ports in the urls, for messages: never a name, password or token."""
    return ", ".join(map(_place_in, urls))


_is_place = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d*)?", re.ASCII).fullmatch


def _place_in(url: str) -> str:
    """Return what follows the last @, if it looks like a host and a port."""
    _, _, rest = url.rpartition("://")
    place = rest.partition("/")[0].rpartition("@")[2]
    return place if _is_place(place) else "an address that cannot be read"


async def offers_plaintext(urls: Iterable[str]) -> bool:
    """Return True if one of the servers greets without TLS."""
    for where in map(urlsplit, urls):
        with suppress(OSError, TimeoutError, ValueError):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            try:
                greeting = await asyncio.wait_for(reader.read(4), _GREETING)
            finally:
                writer.close()
            if greeting == b"INFO":
                return True
    return False


# Refusals

_find_denial = re.compile(r"permissions violation for (\w+)(?: to)? \"([^\"]*)\"", re.I).search


def denial_in(problem: Exception) -> tuple[str, str] | None:
    """Return what the server did not allow, such as "publish", and on which subject.

    The server reports both in lower case. Return None if the problem is another one.
    """
    found = _find_denial(str(problem))
    return (found[1].lower(), found[2].lower()) if found else None


def final_error(
    problem: Exception, name: str, not_trusted: Callable[[str], E]
) -> PermissionDenied | E | None:
    """Return the error to raise if another attempt to connect would fail as well, else None.

    It is PermissionDenied if the server rejects this client, and `not_trusted` with a message if
    the server could not be authenticated.
    """
    if "authorization" in str(problem).lower():
        return PermissionDenied(
            f"{name}: the server refused this name and password, or certificate."
        )
    if not isinstance(problem, ssl.SSLError):
        return None
    why = getattr(problem, "verify_message", None) or problem.reason
    if "ALERT" in str(problem.reason):  # the alert comes from the server
        return PermissionDenied(
            f"{name}: the server does not accept this client's certificate, or requires one "
            f"({why}). Show one that its authority has signed."
        )
    if problem.reason == "WRONG_VERSION_NUMBER":
        why = "it offers plaintext"
    return not_trusted(not_authenticated(name, why))


def not_authenticated(name: str, why: object) -> str:
    """Return the message for a server that could not be authenticated."""
    return f"{name}: no data was sent, since the server could not be authenticated ({why})."
