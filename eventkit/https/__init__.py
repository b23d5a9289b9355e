"""HttpsTrigger: takes events in from other programs, over TLS only.

    tokens = ek.security.Tokens()
    with ek.HttpsTrigger(bus, ca.server_context(ca.server()), tokens=tokens) as trigger:
        print(trigger.url, tokens.issue("ann"))

    POST /topics/{topic}     JSON becomes an event on the topic
    POST /events             a CloudEvent, in structured or binary mode

Who asks is told by a bearer token or a client's certificate, and may do what the bus's policy
allows. Whatever is refused is recorded as an event on `audit.refused` or `audit.denied`.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

try:
    from tornado.web import Application
except ImportError as missing:
    raise ImportError(
        "HttpsTrigger needs tornado, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[https]'"
    ) from missing

from ..flow import TokenBucket
from .handlers import Nothing, PostCloud, PostPlain, Refusal, within
from .incoming import Received
from .server import LimitedServer

if TYPE_CHECKING:
    from ..bus import EventBus
    from ..security.tokens import Tokens

__all__ = ["HttpsTrigger", "Received", "Refusal"]

REFUSED = "audit.refused"
_WORKERS = 4


class HttpsTrigger:
    """Serves a bus over TLS, on a thread of its own, from `start` to `stop`.

    `context` is the server's, such as CertificateAuthority.server_context makes; it decides
    whether clients may or must show certificates. `tokens` are the other way to be known. `port` 0
    takes a free one; `url` says which.

    Limits: `max_bytes` of a body (its headers have 16 KiB); `timeout` seconds for a request to
    come in and for its inline handlers to run; `rate` requests a second for each principal, `burst`
    at once; `max_connections` in all, of which idle ones give way.

    Inline handlers run on a few threads of the trigger's and hold up the request that they answer
    to. Raises ValueError for a bus without a policy, and OSError from `start`.
    """

    def __init__(
        self,
        bus: EventBus,
        context: ssl.SSLContext,
        *,
        tokens: Tokens | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        max_bytes: int = 65_536,
        timeout: float = 10.0,
        rate: float = 100.0,
        burst: int = 200,
        max_connections: int = 1_000,
    ) -> None:
        if bus.policy is None:
            raise ValueError(
                "this bus has no policy, so anybody could do anything on it from outside. Make it "
                "with EventBus(AccessPolicy())."
            )
        if not isinstance(context, ssl.SSLContext):
            raise TypeError(
                f"context is an ssl.SSLContext of a server, such as CertificateAuthority."
                f"server_context() makes: there is no HTTPS without one; got {context!r}."
            )
        self.bus = bus
        self.tokens = tokens
        self.host = host
        self.port = port
        self.max_bytes = max_bytes
        self.timeout = timeout
        self._context = context
        self._max_connections = max_connections
        TokenBucket(rate, burst)  # refuses a bad quota now rather than at the first request
        self._quota = rate, burst
        self._retry_after = max(1, math.ceil(1 / rate))
        self._buckets: dict[str, TokenBucket] = {}
        self._thread: threading.Thread | None = None
        self.server: LimitedServer

    @property
    def url(self) -> str:
        """Where it is served: `https://127.0.0.1:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    def start(self) -> None:
        """Serve from now on; it answers when this returns. Raises RuntimeError if it does so
        already, and OSError if the port is taken.
        """
        if self._thread is not None:
            raise RuntimeError(f"{self!r} is running already: stop() first.")
        listening = socket.create_server(
            (self.host, self.port),
            family=socket.AF_INET6 if ":" in self.host else socket.AF_INET,
            backlog=1_024,
        )
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="https-worker")
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, ready)), name="https", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Answer nobody any more and close every connection. Can be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> HttpsTrigger:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<HttpsTrigger at {self.url}>"

    # For the handlers of requests, on the loop

    async def do(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Have something done that may block, away from the loop. Raises TimeoutError."""
        done = asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        return await within(self.timeout, asyncio.shield(done))

    async def record(self, refusal: Refusal) -> None:
        """Fire the event that says that a request was turned down."""
        with suppress(TimeoutError, RuntimeError):  # nobody is left to record it: closed, or stuck
            await self.do(self.bus.fire, REFUSED, refusal)

    def quota_of(self, principal: str) -> int:
        """Whole seconds after which a principal may ask again; 0 if it may now, and has."""
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(*self._quota)
        return 0 if bucket.try_take() else self._retry_after

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.server = self._new_server(ssl_options=self._context)
        self.server.add_socket(listening)
        ready.set()
        await self._stopping.wait()
        self.server.stop()
        await self.server.close_all_connections()

    def _new_server(self, **options: Any) -> LimitedServer:
        given = {"trigger": self}
        routes = [(r"/events", PostCloud, given), (r"/topics/([^/]+)", PostPlain, given)]
        application = Application(
            routes,
            default_handler_class=Nothing,
            default_handler_args=given,
            log_function=lambda handler: None,  # a path may hold what nobody should read in a log
        )
        return LimitedServer(
            application,
            max_connections=self._max_connections,
            idle_connection_timeout=self.timeout,
            body_timeout=self.timeout,
            max_header_size=16_384,
            max_body_size=1 << 62,  # the handlers count, and say 413 rather than hang up
            max_buffer_size=max(2 * self.max_bytes, 262_144),
            **options,
        )
