"""Connection: requests to a NATS server, repeated until they are answered or time is up.

nats-py's client runs on a loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ...log import LogClosed, LogError, LogUnusable, OutcomeUnknown, PermissionDenied, QuotaExceeded
from ...log.paging import Row
from ..client import DirectClient, NatsError, denial_in, final_error, places
from ..waiting import run_on

if TYPE_CHECKING:
    from nats.aio.msg import Msg

T = TypeVar("T")
Headers = dict[str, str]

_ATTEMPT = 1.0  # seconds before a request is repeated: a leader may be gone
_PAUSE = 0.05  # seconds
_PING = 2  # seconds; a frozen server is noticed after two to three of them
_HEADERS = 1_000  # bytes reserved for headers
_NOT_NOW = {
    10008,  # there is no leader
    10009,  # another server answered
    10158,  # the same message is being replicated
    10163,  # a message on the same subject is being replicated
}


class Refused(LogError):
    """The server refused a request. `code` is its number for the reason."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("description", "no reason given"))
        self.code: int = error.get("err_code", 0)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ({"description": str(self), "err_code": self.code},), self.__dict__


class _Unanswered(Exception):
    """No server answered. One may answer soon."""


class Connection:
    """A connection for any number of threads. It reconnects until it is closed.

    Unanswered requests are repeated, so every request must be idempotent.
    """

    def __init__(self, url: str, timeout: float, options: dict[str, Any]) -> None:
        self.timeout = timeout
        self._urls = url.split(",")
        self._process = os.getpid()
        self._refusal = ""  # why no request is sent any more
        self._open: dict[asyncio.Task[Any], str] = {}  # attempts, and the subject of each
        self._problems: dict[asyncio.Task[Any], Exception] = {}  # why an attempt was ended
        self._nats = DirectClient(lambda *_: False)
        self._loop = asyncio.new_event_loop()
        self._closing: asyncio.Future[None] = self._loop.create_future()
        self._runner: dict[str, str] = {}  # who has the loop: its thread, or nobody ever
        self._thread = threading.Thread(target=self._run, name="log on NATS", daemon=True)
        try:
            self._thread.start()
            run_on(self._loop, self._connect(options), threading.TIMEOUT_MAX)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return places(self._urls)

    def ask(self, path: str, question: dict[str, Any], *, changes: bool = False) -> Any:
        """Return the answer of JetStream's API. Raises Refused."""
        body = json.dumps(question).encode()
        return self._answer(lambda: self._request(f"$JS.API.{path}", body), changes=changes)

    def publish(self, subject: str, body: bytes, headers: Headers) -> int:
        """Store a message in the stream of this subject. Return its sequence. Raises Refused."""
        self._check_size(body)
        answer = self._answer(lambda: self._request(subject, body, headers), changes=True)
        return int(answer["seq"])

    def publish_all(self, messages: list[tuple[str, bytes, Headers]]) -> list[int]:
        """Store several messages in their order. Send all before waiting for an answer."""
        for _, body, _ in messages:
            self._check_size(body)

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(self._request(*message) for message in messages))

        return [int(answer["seq"]) for answer in self._answer(all_of_them, changes=True)]

    def page(
        self, stream: str, after: int, subject: str, limit: int, size: int
    ) -> tuple[list[Row], int]:
        """Return the next messages after `after` that match the subject, and how many follow.

        Any server that stores them may answer.
        """
        question = {"seq": after + 1, "next_by_subj": subject, "batch": limit, "max_bytes": size}
        body = json.dumps(question).encode()
        return self._answer(lambda: self._page(f"$JS.API.DIRECT.GET.{stream}", body), changes=False)

    def listen(self, subject: str, callback: Callable[[], object]) -> None:
        """Call `callback` on the loop for each later message on the subject."""

        async def receive(_: Msg) -> None:
            callback()

        async def subscribe() -> None:
            await self._nats.subscribe(subject, cb=receive)

        self._answer(subscribe, changes=False)

    def check_open(self) -> None:
        """Raise LogClosed if it is closed or belongs to the parent process."""
        if self._refusal:
            raise LogClosed(self._refusal)
        if os.getpid() != self._process:
            raise LogClosed(
                "the log was opened before this process was forked, and its connection is the "
                "parent's. Open it in the child, with open_log()."
            )

    def close(self) -> None:
        """Wait up to 1 s for open requests, and disconnect.

        Can be called twice. Does nothing in a forked child.
        """
        if os.getpid() != self._process:
            return
        self._refusal = f"the log at {self!r} is closed: open it again with open_log()."
        if self._runner.setdefault("loop", "nobody") == "nobody":  # its start was interrupted
            self._loop.close()
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end)
            if self._thread is not threading.current_thread():
                self._thread.join(self.timeout)

    # On the caller's thread

    def _answer(self, work: Callable[[], Coroutine[Any, Any, T]], *, changes: bool) -> T:
        self.check_open()
        try:
            return run_on(self._loop, work(), self.timeout + 3 * _ATTEMPT)
        except (_Unanswered, NatsError, TimeoutError) as problem:
            raise self._unanswered(changes=changes) from problem
        except (CancelledError, RuntimeError) as problem:
            if not self._refusal:
                raise
            raise self._unanswered(changes=changes) from problem

    def _check_size(self, body: bytes) -> None:
        if len(body) + _HEADERS > self._nats.max_payload:
            raise QuotaExceeded(
                f"{len(body):,} bytes are more than the server takes at once, which is "
                f"{self._nats.max_payload:,}. Store such data elsewhere, and its address in the "
                "event."
            )

    def _unanswered(self, *, changes: bool) -> LogError:
        if self._refusal and not changes:
            return LogClosed(self._refusal)
        state = "there is a connection" if self._nats.is_connected else "there is no connection"
        what = (
            f"no answer came from {self!r} within {self.timeout} s ({state}). Does the server "
            "run, with JetStream, and more than half of its cluster?"
        )
        if not changes:
            return LogUnusable(what)
        return OutcomeUnknown(f"{what} The change may have been made: do it again, which is safe.")

    # Requests, on the loop

    async def _request(self, subject: str, body: bytes, headers: Headers | None = None) -> Any:
        """Return the answer, which is JSON. Raises Refused, PermissionDenied or _Unanswered."""

        async def attempt() -> Any:
            reply = await self._nats.request(subject, body, _ATTEMPT, headers=headers)
            return _read(reply.data)

        return await self._repeated(subject, attempt)

    async def _page(self, subject: str, body: bytes) -> tuple[list[Row], int]:
        """Return the rows of an answer in several messages, and how many rows follow them."""

        async def attempt() -> tuple[list[Row], int]:
            inbox = self._nats.new_inbox()
            subscription = await self._nats.subscribe(inbox)
            try:
                await self._nats.publish(subject, body, reply=inbox)
                return await _rows(partial(subscription.next_msg, _ATTEMPT))
            finally:
                await subscription.unsubscribe()

        return await self._repeated(subject, attempt)

    async def _repeated(self, subject: str, attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
        deadline = self._loop.time() + self.timeout
        while True:
            try:
                if self._nats.is_connected:
                    return await self._attempt(subject, attempt())
                raise _Unanswered("there is no connection")
            except (NatsError, TimeoutError, _Unanswered) as problem:
                if self._loop.time() >= deadline or self._refusal:
                    raise _Unanswered(str(problem)) from problem
            await asyncio.sleep(_PAUSE)

    async def _attempt(self, subject: str, attempt: Coroutine[Any, Any, T]) -> T:
        """Wait for one attempt, which ends early if the server denies it or the connection breaks.

        The server does not answer what it denies.
        """
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = subject.lower()
        try:
            return await attempt
        except asyncio.CancelledError:
            problem = self._problems.pop(task, None)
            if problem is None or task.uncancel():  # the caller no longer waits
                raise
            raise problem from None
        finally:
            del self._open[task]
            self._problems.pop(task, None)
            problem = None  # or the error and this frame would keep each other alive
            del task

    def _fail(self, task: asyncio.Task[Any], problem: Exception) -> None:
        if task not in self._problems:
            self._problems[task] = problem
            task.cancel()

    # The connection, on the loop

    async def _connect(self, options: dict[str, Any]) -> None:
        deadline = self._loop.time() + self.timeout
        while not self._nats.is_connected:
            try:
                await self._nats.try_to_connect(
                    self._urls, self._on_error, name="eventkit log", reconnect_time_wait=_PAUSE,
                    disconnected_cb=self._on_disconnected, skip_subject_validation=True,
                    **({"ping_interval": _PING} | options),
                )  # fmt: skip
            except (NatsError, OSError) as problem:
                cause = self._nats.problem or problem
                if error := final_error(cause, repr(self), LogUnusable):
                    raise error from problem
                if self._loop.time() > deadline:
                    raise LogUnusable(
                        f"no NATS server answers at {self!r} within {self.timeout} s ({cause}). "
                        "Start one, such as NatsServer(), and give its url."
                    ) from problem
                await asyncio.sleep(_PAUSE)

    def _on_error(self, problem: Exception) -> None:
        denial = denial_in(problem)
        for task, subject in list(self._open.items()):
            if denial == ("publish", subject):
                denied = f"{self!r} does not let this user publish to {subject!r}."
                self._fail(task, PermissionDenied(denied))

    async def _on_disconnected(self) -> None:
        """End open attempts: no answer to them will arrive any more."""
        for task in list(self._open):
            self._fail(task, _Unanswered("the connection broke"))

    def _run(self) -> None:
        if self._runner.setdefault("loop", "thread") != "thread":
            return  # it was closed before this thread had begun
        try:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._closing)
            self._loop.run_until_complete(self._disconnect())
        finally:
            self._loop.close()

    def _end(self) -> None:
        if not self._closing.done():  # several threads may close it
            self._closing.set_result(None)

    async def _disconnect(self) -> None:
        if self._open:
            await asyncio.wait(self._open, timeout=_ATTEMPT)
        await self._nats.end(self.timeout)


def _read(body: bytes) -> Any:
    found = json.loads(body)
    if "error" not in found:
        return found
    if found["error"].get("err_code") in _NOT_NOW:
        raise _Unanswered(found["error"]["description"])
    raise Refused(found["error"])


async def _rows(next_message: Callable[[], Coroutine[Any, Any, Msg]]) -> tuple[list[Row], int]:
    """Read one message for each row, and a last one without a body."""
    rows: list[Row] = []
    more = 0
    while True:
        message = await next_message()
        headers = message.headers or {}
        if "Nats-Sequence" in headers:
            stored = seconds_of(headers["Nats-Time-Stamp"])
            rows.append((int(headers["Nats-Sequence"]), message.data, stored))
            more = int(headers["Nats-Num-Pending"])
        elif headers.get("Status") in ("204", "404"):
            return rows, more
        else:
            raise _Unanswered("no server is there that keeps this log")


def seconds_of(stamp: str) -> float:
    """Return a server's time stamp as seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()
