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
import logging
import math
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

try:
    from tornado.log import gen_log
    from tornado.web import Application
except ImportError as missing:
    raise ImportError(
        "HttpsTrigger needs tornado, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[https]'"
    ) from missing

from ..checks import seconds, whole_number
from ..flow import TokenBucket
from ..forks import renew_in_child
from .incoming import Received
from .requests import Nothing, PostCloud, PostPlain, Refusal, within
from .server import LimitedServer
from .workers import Returns, Workers

if TYPE_CHECKING:
    from ..bus import EventBus
    from ..security.tokens import Tokens

__all__ = ["HttpsTrigger", "Received", "Refusal"]

REFUSED = "audit.refused"
_WORKERS = 4
_RECORDS = 10_000
_LONGEST_WAIT = 86_400
_LAST_PORT = 65_535


class _Life:
    """One life of the server's thread, from a start to a stop.

    Waits on plain locks only: an interrupt never leaves one of these half taken.
    """

    def __init__(self) -> None:
        self.listening: socket.socket | None = None
        self.problem: BaseException | None = None
        self.stopping = asyncio.Event()
        self.is_serving = False
        self._is_over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._first: dict[str, str] = {}
        self._until_ready = threading.Lock()
        self._until_ended = threading.Lock()
        self._until_ready.acquire()
        self._until_ended.acquire()

    def wait_until_ready(self) -> None:
        """Wait until the thread serves. Raise what kept it from that."""
        with self._until_ready:
            if self.problem is not None:
                raise self.problem

    def end(self) -> None:
        """Have the thread end, wait for it, and give the port back. Can be called again, also
        after an interrupt.
        """
        self._is_over = True
        if self._who_is_first("end") == "thread":
            self._wake()
            with self._until_ended:
                self.close()
        else:
            self.close()

    def close(self) -> None:
        """Close the listening socket."""
        if self.listening is not None:
            self.listening.close()

    # For the thread

    def run(self, serve: Callable[[_Life], Coroutine[Any, Any, None]]) -> None:
        """Serve until the end, unless that came first."""
        if self._who_is_first("thread") == "end":
            self.problem = RuntimeError("it was stopped before it had started.")
            self._until_ready.release()
            return
        try:
            asyncio.run(serve(self))
        except BaseException as problem:
            if self.is_serving:
                raise
            self.problem = problem
        finally:
            was_ready, self.is_serving = self.is_serving, False
            self.close()
            self._until_ended.release()
            if not was_ready:
                self._until_ready.release()

    def enter_loop(self) -> None:
        """Remember the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        if self._is_over:
            self.stopping.set()

    def say_ready(self) -> None:
        """Let `wait_until_ready` return."""
        self.is_serving = True
        self._until_ready.release()

    def _who_is_first(self, one: str) -> str:
        """Return which of "thread" and "end" came first, in one step that cannot be cut in two."""
        return self._first.setdefault("first", one)

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.stopping.set)


class HttpsTrigger:
    """Serves a bus over TLS, on a thread of its own, from `start` to `stop`.

    `context` is the server's, such as CertificateAuthority.server_context makes; it decides
    whether clients may or must show certificates. `tokens` are the other way to be known. `port` 0
    takes a free one; `url` says which.

    Limits: `max_bytes` of a body (its headers have 16 KiB); `timeout` seconds for a request to
    come in and for its inline handlers to run; `rate` requests a second for each principal, `burst`
    at once; `max_connections` in all, but at most half of the files that the process may open.
    Idle connections give way to new ones.

    Inline handlers run on a few daemon threads of the trigger's, each call with context variables
    of its own, and hold up the request that they answer. Raises ValueError or TypeError for an
    option of the wrong kind and for a bus without a policy.

    A process that is forked while a trigger serves has no part in it: its sockets are closed in
    the child, where `start` raises RuntimeError.
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
        _check_ends(bus, context, tokens, host)
        self.bus = bus
        self.tokens = tokens
        self.host = host
        self.port = _port(port)
        self.max_bytes = whole_number("max_bytes", max_bytes, "the largest body in bytes")
        self.timeout = seconds("timeout", timeout, above_zero=True)
        self._context = context
        self._max_connections = whole_number(
            "max_connections", max_connections, "the number of connections at a time"
        )
        TokenBucket(rate, burst)  # refuses a bad quota now rather than at the first request
        self._quota = rate, burst
        self._retry_after = max(1, math.ceil(min(1 / rate, _LONGEST_WAIT)))
        self._buckets: dict[str, TokenBucket] = {}
        self._life: _Life | None = None
        self._is_parents = False
        self._workers = Workers(_WORKERS, "https-worker")
        self._auditor = Workers(1, "https-audit")
        self.server: LimitedServer
        renew_in_child(self)

    @property
    def url(self) -> str:
        """Where it is served: `https://127.0.0.1:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    def start(self) -> None:
        """Serve from now on. When this returns, requests are answered.

        Raises RuntimeError if it is running, OSError if the port is taken, and whatever else keeps
        the server from starting. What an interrupted start or stop left behind is removed first.
        """
        if self._is_parents:
            raise RuntimeError(
                f"{self!r} was serving when this process was forked, and its thread lives in the "
                "parent only: make a bus and a trigger in the child, or fork first."
            )
        if self._life is not None and self._life.is_serving:
            raise RuntimeError(f"{self!r} is running already: stop() first.")
        self.stop()
        life = self._life = _Life()
        try:
            self._listen(life)
            threading.Thread(
                target=life.run, args=(self._serve,), name="https", daemon=True
            ).start()
            life.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Answer no more requests and close every connection. Can be called twice."""
        life = self._life
        if life is None:
            return
        life.end()
        self._workers.stop()
        self._auditor.stop()
        self._life = None

    def renew(self) -> None:
        """Leave the sockets to the parent, in the child of a fork."""
        life, self._life = self._life, None
        if life is not None:
            self._is_parents = True
            life.close()
            if life.is_serving:
                self.server.let_go()

    def __enter__(self) -> HttpsTrigger:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<HttpsTrigger at {self.url}>"

    # For the handlers of requests, on the loop

    async def do(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Run a call that may block, away from the loop. Raises TimeoutError, and what the call
        raises; HandlerExited stands for SystemExit and the like.
        """
        return await self._result(self._workers.submit(call, *arguments))

    async def record(self, refusal: Refusal) -> None:
        """Fire the event that says that a request was refused. Return when it is handled."""
        if done := self.note(refusal):
            with suppress(TimeoutError, RuntimeError):  # the bus is closed, or a listener is stuck
                await self._result(done)

    def note(self, refusal: Refusal) -> Future[Returns] | None:
        """Fire the event that says that a request was refused, soon and in order.

        If listeners are so slow that 10,000 records wait, this one goes into the log only.
        """
        if self._auditor.waiting < _RECORDS:
            return self._auditor.submit(self.bus.fire, REFUSED, refusal)
        logging.getLogger("eventkit").warning("too many refusals to record all: %r", refusal)
        return None

    async def _result(self, done: Future[Returns]) -> Any:
        returns = await within(self.timeout, asyncio.shield(asyncio.wrap_future(done)))
        return returns()

    def quota_of(self, principal: str) -> int:
        """Whole seconds after which a principal may ask again; 0 if it may now, and has."""
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(*self._quota)
        return 0 if bucket.try_take() else self._retry_after

    # The server's thread

    def _listen(self, life: _Life) -> None:
        life.listening = socket.create_server(
            (self.host, self.port),
            family=socket.AF_INET6 if ":" in self.host else socket.AF_INET,
            backlog=1_024,
        )
        life.listening.setblocking(False)
        self.port = life.listening.getsockname()[1]

    async def _serve(self, life: _Life) -> None:
        life.enter_loop()
        self.server = self._new_server(ssl_options=self._context)
        assert life.listening is not None
        self.server.serve(life.listening)
        with _without_quotes_in_the_log():
            life.say_ready()
            await life.stopping.wait()
            self.server.stop()
            await self.server.close_all_connections()

    def _new_server(self, **options: Any) -> LimitedServer:
        given = {"trigger": self}
        routes = [(r"/events", PostCloud, given), (r"/topics/([^/]+)", PostPlain, given)]
        application = Application(
            routes,
            default_handler_class=Nothing,
            default_handler_args=given,
            log_function=lambda handler: None,  # a path may hold a secret
        )
        return LimitedServer(
            application,
            max_connections=self._max_connections,
            told=lambda address, status, reason: self.note(Refusal(None, address, status, reason)),
            idle_connection_timeout=self.timeout,
            body_timeout=self.timeout,
            max_header_size=16_384,
            max_body_size=1 << 62,  # the handlers count, and say 413 rather than hang up
            max_buffer_size=max(2 * self.max_bytes, 262_144),
            **options,
        )


def _check_ends(bus: object, context: object, tokens: object, host: object) -> None:
    """Raise TypeError or ValueError unless these can be connected. Quote none of them: a token
    given by mistake must not get into a log.
    """
    if getattr(bus, "policy", None) is None:
        raise ValueError(
            "this bus has no policy, so anybody could do anything on it from outside. Make it "
            "with EventBus(AccessPolicy())."
        )
    if not isinstance(context, ssl.SSLContext) or context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise TypeError(
            "context is an ssl.SSLContext of a server, such as CertificateAuthority."
            f"server_context() makes: there is no HTTPS without one; got {type(context).__name__}."
        )
    if tokens is not None and not callable(getattr(tokens, "principal_of", None)):
        raise TypeError(f"tokens is a Tokens() or None; got {type(tokens).__name__}.")
    if not isinstance(host, str) or not host:
        raise ValueError("host is an address of this machine, such as '127.0.0.1'.")


def _port(port: object) -> int:
    number = whole_number("port", port, "0 for a free one or a number up to 65535", least=0)
    if number > _LAST_PORT:
        raise ValueError(f"port is a number up to {_LAST_PORT}; got {port!r}.")
    return number


@contextmanager
def _without_quotes_in_the_log() -> Iterator[None]:
    """Keep tornado from quoting malformed headers, and so tokens, in its log on this thread.

    Such requests are recorded on `audit.refused` instead.
    """
    own = threading.get_ident()

    def allows(record: logging.LogRecord) -> bool:
        return record.thread != own or not str(record.msg).startswith("Malformed")

    gen_log.addFilter(allows)
    try:
        yield
    finally:
        gen_log.removeFilter(allows)
