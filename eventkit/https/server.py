"""LimitedServer: an HTTP server with room for so many connections, where idle ones give way."""

from __future__ import annotations

from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream


class LimitedServer(HTTPServer):
    """When all places are taken, whoever has been idle longest is shown out for the newcomer.

    Idle is a connection on which no request has come in full since the last answer: somebody who
    sends a header a byte a minute counts as idle. If everybody is busy, the newcomer has to go.
    """

    def initialize(self, *args: Any, max_connections: int = 1_000, **options: Any) -> None:
        super().initialize(*args, **options)
        self.max_connections = max_connections
        self._idle: dict[IOStream, None] = {}  # in the order in which they became idle
        self._busy: set[IOStream] = set()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._connections) >= self.max_connections and not self._make_room():
            stream.close()
            return
        self._idle[stream] = None
        super().handle_stream(stream, address)

    def begin(self, stream: IOStream) -> None:
        """A request has come in on it."""
        self._idle.pop(stream, None)
        self._busy.add(stream)

    def end(self, stream: IOStream) -> None:
        """Its answer is out."""
        self._busy.discard(stream)
        if not stream.closed():
            self._idle[stream] = None

    def on_close(self, server_conn: Any) -> None:
        super().on_close(server_conn)
        self._idle.pop(server_conn.stream, None)
        self._busy.discard(server_conn.stream)

    def _make_room(self) -> bool:
        """Whether there was somebody idle. Who has just hung up is counted for a moment longer, and
        makes room as well.
        """
        if not self._idle:
            return False
        stream = next(iter(self._idle))
        del self._idle[stream]
        stream.close()
        return True
