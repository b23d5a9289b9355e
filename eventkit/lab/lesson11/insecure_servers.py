"""Deliberately insecure servers and an eavesdropper, for the attacks of lesson 11."""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

_PATIENCE = 10.0
HOST = "127.0.0.1"


class Posted(NamedTuple):
    """A request as the server got it: its operator can read all of it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]

    @property
    def token(self) -> str:
        """The bearer token; empty if there was none."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


class Door:
    """A naive HTTP server: it calls `take` with each post and answers with the status returned.

    With a context it speaks TLS. It is attacked in the lesson, or is the attacker's own; for a
    server of your own use HttpsTrigger. `refused` counts clients that hung up during the handshake.
    """

    def __init__(
        self, take: Callable[[Posted], int], context: ssl.SSLContext | None = None
    ) -> None:
        self._server = _Server((HOST, 0), _Handler)
        self._server.take = take
        self._server.context = context
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="door", daemon=True
        )
        self._thread.start()

    @property
    def refused(self) -> int:
        return self._server.refused

    def close(self) -> None:
        """Accept no more connections or requests, and answer those that have arrived."""
        self._server.shutdown()
        self._thread.join()
        self._server.hear_no_more()
        self._server.server_close()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FalseNats:
    """Poses as a NATS server, accepts every client and keeps what it receives in `heard`.

    With a context it speaks TLS from the first byte on; without, it offers plaintext.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.heard = b""
        self._server = _FalseServer((HOST, 0), _FalseHandler)
        self._server.context = context
        self._server.hear = self._hear
        self.address = f"{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="false nats", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Accept no more clients. Those that are connected are heard until they leave."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> FalseNats:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hear(self, line: bytes) -> None:
        self.heard += line


class Tap:
    """An eavesdropper between a client and a server, for one connection.

    It passes on all bytes, both ways, and keeps a copy in `heard`.
    """

    def __init__(self, port: int) -> None:
        self._there = port
        self._listening = socket.create_server((HOST, 0))
        self._listening.settimeout(_PATIENCE)
        self.port: int = self._listening.getsockname()[1]
        self._heard = bytearray()
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._thread.start()

    @property
    def heard(self) -> bytes:
        return bytes(self._heard)

    def close(self) -> None:
        """Wait until the connection has ended."""
        self._thread.join()
        self._listening.close()

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with suppress(OSError):
            client, _ = self._listening.accept()
            with client, socket.create_connection((HOST, self._there), _PATIENCE) as server:
                back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
                back.start()
                self._pass_on(client, server)
                back.join()

    def _pass_on(self, origin: socket.socket, to: socket.socket) -> None:
        origin.settimeout(_PATIENCE)
        with suppress(OSError):
            while some := origin.recv(65_536):
                self._heard += some
                to.sendall(some)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)


def connect(
    port: int, context: ssl.SSLContext | None = None, host: str = HOST
) -> http.client.HTTPConnection:
    """Return a client's connection, over TLS if there is a context. The first request opens it."""
    if context is None:
        return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)


def post(
    connection: http.client.HTTPConnection, topic: str, data: Any = None, token: str = ""
) -> int:
    """Post JSON to a topic and return the status of the answer.

    Raises OSError if the connection fails, or its subclass ssl.SSLError before anything is sent.
    """
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST", f"/topics/{topic}", json.dumps(data).encode(), headers)
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them
    take: Callable[[Posted], int]
    context: ssl.SSLContext | None
    refused = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Run in the connection's own thread, so that a slow handshake delays no other client."""
        if self.context is not None:
            request = self.context.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
        with request:
            self._open.add(request)
            try:
                self._shake_hands(request)
                super().finish_request(request, client_address)
            finally:
                self._open.discard(request)

    def hear_no_more(self) -> None:
        for one in [*self._open]:
            with suppress(OSError):  # the client has left
                socket.socket.shutdown(one, socket.SHUT_RD)  # TLS's own would drop the answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that leave early, also during a handshake."""

    def _shake_hands(self, request: Any) -> None:
        request.settimeout(_PATIENCE)
        if self.context is None:
            return
        try:
            request.do_handshake()
        except OSError:
            self.refused += 1
            raise


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the answer waits until the client has its TLS tickets
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        posted = Posted(self.path, dict(self.headers.items()), body)
        self.send_response(self.server.take(posted))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing: a path may hold a secret."""


class _FalseServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    context: ssl.SSLContext | None
    hear: Callable[[bytes], None]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up, for example during the handshake."""


class _FalseHandler(socketserver.StreamRequestHandler):
    server: _FalseServer
    timeout = _PATIENCE

    def handle(self) -> None:
        self.wfile.write(b'INFO {"server_id":"1","version":"2.0.0","max_payload":1048576}\r\n')
        begun = self.rfile.peek(1)[:1]  # type: ignore[attr-defined]
        if begun == b"\x16":  # a TLS handshake, which a plaintext server cannot read
            return
        for line in self.rfile:
            self.server.hear(line)
            if line == b"PING\r\n":
                self.wfile.write(b"PONG\r\n")
