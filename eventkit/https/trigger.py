"""HttpsTrigger: receives events from other programs, over TLS only.

    tokens = ek.security.Tokens()
    with ek.HttpsTrigger(bus, ca.server_context(ca.server()), tokens=tokens) as trigger:
        print(trigger.url, tokens.issue("ann"))

    POST /topics/{topic}     JSON becomes an event on the topic
    POST /events             a CloudEvent, in structured or binary mode

Clients authenticate with a bearer token or a client certificate. The bus's policy decides what
they may do. Each refusal is recorded as an event on `audit.refused` or `audit.denied`.
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
from .requests import NotFound, PostCloud, PostPlain, Refusal, Trigger, within
from .server import LimitedServer
from .workers import Returns, Workers

if TYPE_CHECKING:
    from ..bus import EventBus
    from ..security.tokens import Tokens

__all__ = ["HttpsTrigger", "Received", "Refusal"]

REFUSED = "audit.refused"
_WORKERS = 4
_RECORDS = 10_000
_LONGEST_WAIT = 86_400  # seconds
_LAST_PORT = 65_535


class _Life:
    """One run of the server's thread, from `start` to `stop`.

    It waits on plain locks only: an interrupt cannot leave one of them half acquired.
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
        """Wait until the thread serves. Raise the error that kept it from serving."""
        with self._until_ready:
            if self.problem is not None:
                raise self.problem

    def end(self) -> None:
        """End the thread, wait for it, and release the port.

        It can be called again, for instance after an interrupt.
        """
        self._is_over = True
        if self._first_caller("end") == "thread":
            self._wake()
            with self._until_ended:
                self.close()
        else:
            self.close()

    def close(self) -> None:
        """Close the listening socket."""
        if self.listening is not None:
            self.listening.close()

    # Called by the thread

    def run(self, serve: Callable[[_Life], Coroutine[Any, Any, None]]) -> None:
        """Serve until `end` is called. Serve nothing if it was called before."""
        if self._first_caller("thread") == "end":
            self.problem = RuntimeError("the trigger was stopped before it had started.")
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
        """Remember the running loop, so that `end` can wake it."""
        self._loop = asyncio.get_running_loop()
        if self._is_over:
            self.stopping.set()

    def report_ready(self) -> None:
        """Let `wait_until_ready` return."""
        self.is_serving = True
        self._until_ready.release()

    def _first_caller(self, one: str) -> str:
        """Return which of "thread" and "end" called this first, in one atomic step."""
        return self._first.setdefault("first", one)

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.stopping.set)


class HttpsTrigger:
    """An HTTPS server that publishes the events it receives on a bus, from `start` to `stop`.

    `context` is a server's, such as CertificateAuthority.server_context makes. It decides whether
    clients may or must present certificates. `tokens` are the other way to authenticate. If `port`
    is 0, the server takes a free one, which `url` names.

    Limits:

    - `max_bytes` for a body; headers may have 16 KiB;
    - `timeout` seconds for a request to arrive, and again for its inline handlers to run;
    - `rate` requests a second for each principal, with bursts of `burst`;
    - `max_connections` in total, and never more than half the number of files that the process may
      open. New connections replace idle ones.

    The server runs on its own thread. Inline handlers run on a few daemon threads, each call in an
    empty context, and delay the answer to their request. Raises ValueError or TypeError for an
    invalid option and for a bus without a policy.

    If the process forks while the trigger serves, its sockets are closed in the child, where
    `start` raises RuntimeError.
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
            "max_connections", max_connections, "the greatest number of connections"
        )
        TokenBucket(rate, burst)  # raise for an invalid quota now, not at the first request
        self._quota = rate, burst
        self._retry_after = max(1, math.ceil(min(1 / rate, _LONGEST_WAIT)))
        self._buckets: dict[str, TokenBucket] = {}
        self._life: _Life | None = None
        self._was_forked = False
        self._workers = Workers(_WORKERS, "https-worker")
        self._auditor = Workers(1, "https-audit")
        self.server: LimitedServer
        renew_in_child(self)

    @property
    def url(self) -> str:
        """The address of the server, such as `https://127.0.0.1:8443`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    def start(self) -> None:
        """Start the server. When this returns, it answers requests.

        Raises RuntimeError if it is running, OSError if the port is taken, and any other error that
        keeps the server from starting. First cleans up after an interrupted `start` or `stop`.
        """
        if self._was_forked:
            raise RuntimeError(
                f"{self!r} was serving when this process was forked, and its thread exists only in "
                "the parent: make a bus and a trigger in the child, or fork first."
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
        """Stop answering requests and close every connection. It can be called twice."""
        life = self._life
        if life is None:
            return
        life.end()
        self._workers.stop()
        self._auditor.stop()
        self._life = None

    def renew(self) -> None:
        """Leave the sockets to the parent, in a forked child."""
        life, self._life = self._life, None
        if life is not None:
            self._was_forked = True
            life.close()
            if life.is_serving:
                self.server.close_sockets()

    def __enter__(self) -> HttpsTrigger:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<HttpsTrigger at {self.url}>"

    # Called by the request handlers, on the loop

    async def do(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Run a call that may block on a worker thread, and return its result.

        Raises TimeoutError after `timeout` seconds, and any error that the call raises. An exit
        such as SystemExit is raised as HandlerExited.
        """
        return await self._result(self._workers.submit(call, *arguments))

    async def record(self, refusal: Refusal) -> None:
        """Record a refusal. Wait at most `timeout` seconds until its event has been handled."""
        if done := self.note(refusal):
            with suppress(TimeoutError, RuntimeError):  # the bus is closed, or a listener is stuck
                await self._result(done)

    def note(self, refusal: Refusal) -> Future[Returns] | None:
        """Record a refusal: queue its event on `audit.refused`. Events are fired in order.

        If listeners are so slow that 10,000 records wait, only log this one.
        """
        if self._auditor.waiting < _RECORDS:
            return self._auditor.submit(self.bus.fire, REFUSED, refusal)
        logging.getLogger("eventkit").warning("too many refusals to record all: %r", refusal)
        return None

    async def _result(self, done: Future[Returns]) -> Any:
        returns = await within(self.timeout, asyncio.shield(asyncio.wrap_future(done)))
        return returns()

    def quota_of(self, principal: str) -> int:
        """Take one request from a principal's quota and return 0.

        If the quota is used up, return the whole seconds after which to try again.
        """
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(*self._quota)
        return 0 if bucket.try_take() else self._retry_after

    # The server

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
            life.report_ready()
            await life.stopping.wait()
            self.server.stop()
            await self.server.close_all_connections()

    def _new_server(self, **options: Any) -> LimitedServer:
        given: dict[str, Trigger] = {"trigger": self}
        routes = [(r"/events", PostCloud, given), (r"/topics/([^/]+)", PostPlain, given)]
        application = Application(
            routes,
            default_handler_class=NotFound,
            default_handler_args=given,
            log_function=lambda handler: None,  # a path may hold a secret
        )
        return LimitedServer(
            application,
            max_connections=self._max_connections,
            on_refusal=lambda address, status, reason: self.note(
                Refusal(None, address, status, reason)
            ),
            idle_connection_timeout=self.timeout,
            body_timeout=self.timeout,
            max_header_size=16_384,
            max_body_size=1 << 62,  # handlers answer 413, where tornado would hang up
            max_buffer_size=max(2 * self.max_bytes, 262_144),
            **options,
        )


def _check_ends(bus: object, context: object, tokens: object, host: object) -> None:
    """Raise TypeError or ValueError unless HttpsTrigger can use these arguments.

    Messages do not quote them: a token that was passed by mistake must not reach a log.
    """
    if getattr(bus, "policy", None) is None:
        raise ValueError(
            "this bus has no policy, so any client could do anything on it. Make it with "
            "EventBus(AccessPolicy())."
        )
    if not isinstance(context, ssl.SSLContext) or context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise TypeError(
            "context must be an ssl.SSLContext of a server, such as CertificateAuthority."
            f"server_context() makes: there is no HTTPS without one; got {type(context).__name__}."
        )
    if tokens is not None and not callable(getattr(tokens, "principal_of", None)):
        raise TypeError(f"tokens must be a Tokens() or None; got {type(tokens).__name__}.")
    if not isinstance(host, str) or not host:
        raise ValueError("host must be an address of this machine, such as '127.0.0.1'.")


def _port(port: object) -> int:
    number = whole_number("port", port, "0 for a free one or a number up to 65535", least=0)
    if number > _LAST_PORT:
        raise ValueError(f"port must be a number up to {_LAST_PORT}; got {port!r}.")
    return number


@contextmanager
def _without_quotes_in_the_log() -> Iterator[None]:
    """Keep malformed headers, which may hold tokens, out of tornado's log on this thread.

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
