"""LimitedServer: an HTTP server that limits connections and closes idle ones to make room."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, SSLIOStream, UnsatisfiableReadError

OnRefusal = Callable[[str, int, str], object]

TLS_FAILED = 0
"""The status of a refusal for a failed TLS handshake, where HTTP has none."""

_AT_ONCE = 128
_PAUSE = 0.1  # seconds
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_BAD_FRAMING = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # only tornado writes this, never a handler
_HUNG_UP = {ssl.SSL_ERROR_EOF, ssl.SSL_ERROR_ZERO_RETURN}
_WINDOWS = 512
"""The number of sockets that `select`, which tornado uses on Windows, can watch."""


class _Watched:
    """A connection that tracks its progress, so that the server can record refusals."""

    address = ""
    has_begun = False
    """Part of a request has arrived, and no answer has been sent."""
    is_settled = False
    """The server has answered and is closing the connection; the reason has been recorded."""
    peer_left = False
    has_bad_framing = False

    def read_from_fd(self, buf: Any) -> int | None:
        count: int | None = super().read_from_fd(buf)  # type: ignore[misc]
        self.has_begun |= bool(count)
        self.peer_left |= count == 0
        return count

    def write(self, data: bytes | memoryview) -> Any:
        self.has_bad_framing |= data == _BAD_FRAMING
        return super().write(data)  # type: ignore[misc]


class _PlainStream(_Watched, IOStream):
    """A connection without TLS, for comparison in tests and benchmarks."""


class _TlsStream(_Watched, SSLIOStream):
    """A connection with TLS."""


class LimitedServer(HTTPServer):
    """An HTTP server with at most `max_connections` connections at a time, and never more than
    half the number of files that this process may open.

    When all connections are in use, the one that has been idle longest is closed to accept a new
    one. If none is idle, the new one is closed. A connection is idle until the headers of its next
    request are complete, so a client that sends them a byte a minute is idle.

    The server calls `on_refusal(address, status, reason)` for each client that it refuses before a
    handler gets the request.
    """

    def initialize(
        self,
        *args: Any,
        max_connections: int = 1_000,
        on_refusal: OnRefusal | None = None,
        **options: Any,
    ) -> None:
        super().initialize(*args, **options)
        self.max_connections = min(max_connections, connections_allowed())
        self._on_refusal: OnRefusal = on_refusal or (lambda address, status, reason: None)
        self._context: ssl.SSLContext | None = options.get("ssl_options")
        self._listening: socket.socket | None = None
        self._idle: dict[IOStream, None] = {}  # in the order in which they became idle
        self._busy: set[IOStream] = set()

    def serve(self, listening: socket.socket) -> None:
        """Accept connections on this socket from now on."""
        self._listening = listening
        IOLoop.current().add_handler(listening, self._accept_some, IOLoop.READ)

    def stop(self) -> None:
        """Accept no more connections."""
        listening, self._listening = self._listening, None
        if listening is not None:
            IOLoop.current().remove_handler(listening)
            listening.close()
        self._idle.clear()  # connections that end from now on are not refusals
        self._busy.clear()

    def close_sockets(self) -> None:
        """Close every connection's socket in a forked child.

        The streams are not closed: parent and child share one epoll, so closing a stream would
        unregister its socket in the parent too.
        """
        for stream in (*self._idle, *self._busy):
            if stream.socket is not None:
                stream.socket.close()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._idle) + len(self._busy) >= self.max_connections and not self._make_room():
            stream.close()
            self._on_refusal(str(address[0]), 503, "all connections are in use")
            return
        self._idle[stream] = None
        super().handle_stream(stream, address)

    def begin(self, stream: IOStream) -> None:
        """Note that a request has arrived on this connection."""
        if stream in self._idle:
            del self._idle[stream]
            self._busy.add(stream)

    def end(self, stream: IOStream, *, is_last: bool = False) -> None:
        """Note that a request has been answered. With `is_last`, the connection will be closed."""
        if stream in self._busy and not stream.closed():
            self._busy.discard(stream)
            self._idle[stream] = None
        if isinstance(stream, _Watched):
            stream.has_begun = False
            stream.is_settled = is_last

    def on_close(self, server_conn: Any) -> None:
        super().on_close(server_conn)
        stream = server_conn.stream
        if stream in self._idle or stream in self._busy:
            self._idle.pop(stream, None)
            self._busy.discard(stream)
            if isinstance(stream, _Watched) and (refusal := _refusal(stream)):
                self._on_refusal(stream.address, *refusal)

    def _accept_some(self, listening: Any, events: int) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in _EXHAUSTED:
                    self._pause()
                    return
                continue  # this client has already left
            self._take(connection, address)
            if self._listening is None:
                return

    def _pause(self) -> None:
        """Stop accepting for a moment: with no file free, `accept` would fail again at once."""
        loop, listening = IOLoop.current(), self._listening
        assert listening is not None
        self._make_room()
        loop.remove_handler(listening)
        loop.call_later(_PAUSE, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if self._listening is listening:
            self.serve(listening)

    def _take(self, connection: socket.socket, address: Any) -> None:
        options = {"max_buffer_size": self.max_buffer_size, "read_chunk_size": self.read_chunk_size}
        stream: IOStream
        try:
            connection.setblocking(False)
            if self._context is None:
                stream = _PlainStream(connection, **options)
            else:
                wrapped = self._context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                stream = _TlsStream(wrapped, **options)
        except (OSError, ValueError):  # the client has already left
            connection.close()
            return
        stream.address = str(address[0])
        self.handle_stream(stream, address)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest. Return False if none is idle."""
        if not self._idle:
            return False
        stream = next(iter(self._idle))
        del self._idle[stream]
        stream.close()
        return True


def connections_allowed() -> int:
    """Return half the number of files that this process may open."""
    if sys.platform == "win32":
        return _WINDOWS // 2
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, files // 2)


def _refusal(stream: _Watched) -> tuple[int, str] | None:
    """Return a status and a reason if the server, not a handler, refused this connection."""
    error: BaseException | None = stream.error  # type: ignore[attr-defined]
    if stream.is_settled:
        return None
    if isinstance(error, ssl.SSLError):
        return None if error.errno in _HUNG_UP else (TLS_FAILED, f"TLS: {error.reason}")
    if isinstance(error, UnsatisfiableReadError):
        return 431, HTTPStatus(431).phrase
    if stream.has_bad_framing:
        return 400, HTTPStatus(400).phrase
    if stream.has_begun and not stream.peer_left and error is None:
        return 408, HTTPStatus(408).phrase
    return None
