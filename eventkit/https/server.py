"""LimitedServer: an HTTP server with a limited number of connections, where idle ones give way."""

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

Told = Callable[[str, int, str], object]

TLS_FAILED = 0
"""The status of a refusal that is none of HTTP's: the TLS handshake failed."""

_AT_ONCE = 128
_PAUSE = 0.1
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_BAD_FRAMING = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # what tornado writes, and no handler does
_HUNG_UP = {ssl.SSL_ERROR_EOF, ssl.SSL_ERROR_ZERO_RETURN}
_WINDOWS = 512
"""How many sockets `select` can watch on Windows, where tornado uses it."""


class _Watched:
    """A connection that remembers how far it came, for the record of refusals."""

    address = ""
    has_begun = False
    """Part of a request has come, and its answer is not out."""
    is_settled = False
    """The server has answered, and closes the connection for a reason that is on record."""
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
    """For comparison with TLS, in tests and benchmarks."""


class _TlsStream(_Watched, SSLIOStream):
    """A connection under TLS."""


class LimitedServer(HTTPServer):
    """Serves at most `max_connections` at a time, and at most half of the files that this process
    may open. When all places are taken, the connection that has been idle longest is closed for
    the newcomer. If none is idle, the newcomer is closed.

    A connection is idle if no request has come in full since its last answer: a client that sends
    a header a byte a minute counts as idle.

    `told(address, status, reason)` is called for each client that is refused before a handler has
    its request.
    """

    def initialize(
        self, *args: Any, max_connections: int = 1_000, told: Told | None = None, **options: Any
    ) -> None:
        super().initialize(*args, **options)
        self.max_connections = min(max_connections, connections_allowed())
        self._told: Told = told or (lambda address, status, reason: None)
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
        self._idle.clear()  # what ends from now on is no refusal
        self._busy.clear()

    def let_go(self) -> None:
        """Close every connection's socket in the child of a fork.

        The streams stay as they are: closing these would end the parent's interest in the sockets,
        because parent and child share what the loop waits with.
        """
        for stream in (*self._idle, *self._busy):
            if stream.socket is not None:
                stream.socket.close()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._idle) + len(self._busy) >= self.max_connections and not self._make_room():
            stream.close()
            self._told(str(address[0]), 503, "all connections are in use")
            return
        self._idle[stream] = None
        super().handle_stream(stream, address)

    def begin(self, stream: IOStream) -> None:
        """Note that a request has come in on this connection."""
        if stream in self._idle:
            del self._idle[stream]
            self._busy.add(stream)

    def end(self, stream: IOStream, *, is_last: bool = False) -> None:
        """Note that its answer is out, and with `is_last` that the connection will be closed."""
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
                self._told(stream.address, *refusal)

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
                continue  # this client has left already
            self._take(connection, address)
            if self._listening is None:
                return

    def _pause(self) -> None:
        """Wait a little: without a free file, accepting would fail again at once, for ever."""
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
        except (OSError, ValueError):  # the client has left already
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
    """Return how many connections this process can have: half of the files that it may open."""
    if sys.platform == "win32":
        return _WINDOWS // 2
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, files // 2)


def _refusal(stream: _Watched) -> tuple[int, str] | None:
    """Return the status and the reason if the server ended this connection, and no handler did."""
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
