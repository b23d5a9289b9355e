"""Connection: requests to a NATS server, repeated until they are answered or time is up.

nats-py's client runs on a loop in a thread of its own. The caller waits in its own thread for a
Result that the loop sets. The two threads share nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...log import LogClosed, LogError, LogUnusable, OutcomeUnknown, PermissionDenied, QuotaExceeded
from ...log.paging import Row
from ..client import DirectClient, NatsError, denial_in, final_error, message, places
from ..waiting import Result, end_other_tasks, run_on

if TYPE_CHECKING:
    from nats.aio.msg import Msg

Headers = dict[str, str]

_ATTEMPT = 1.0  # seconds before a request is repeated: a leader may be gone
_PAUSE = 0.05
_PING = 2  # seconds; a frozen server is noticed after two of them
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


class Request:
    """A message to the server. Its answer is one message, in JSON."""

    def __init__(self, subject: str, body: bytes, headers: Headers | None = None) -> None:
        self.subject = subject
        self.body = body
        self.headers = headers
        self.answer: Result[Any] = Result()
        self.forget: Callable[[], object] = lambda: None
        self.problem: Exception | None = None  # why there is no answer

    def receive(self, headers: Headers, body: bytes) -> None:
        """Read a message of the answer, on the loop."""
        if headers.get("Status") == "503":
            self.fail(_Unanswered("no server is there that keeps this log"))
            return
        found = json.loads(body)
        if "error" not in found:
            self._end(found)
        elif found["error"].get("err_code") in _NOT_NOW:
            self.fail(_Unanswered(found["error"]["description"]))
        else:
            self.fail(Refused(found["error"]))

    def fail(self, problem: Exception) -> None:
        """End the request without an answer, unless it has one."""
        if not self.answer.is_set:
            self.problem = problem
            self._end(None)

    def take_problem(self) -> Exception:
        """Return the error to raise, and forget it.

        Its traceback holds frames that hold this request, which would be a reference cycle.
        """
        problem, self.problem = self.problem, None
        assert problem is not None
        return problem

    def repeated(self) -> Request:
        """Return the same request, to be sent once more."""
        return Request(self.subject, self.body, self.headers)

    def _end(self, found: Any) -> None:
        self.answer.set(found)
        self.forget()


class PageRequest(Request):
    """A request that is answered by one message for each row and a last one without a body.

    The answer is the rows and how many more there are behind them.
    """

    def __init__(self, subject: str, body: bytes) -> None:
        super().__init__(subject, body)
        self._rows: list[Row] = []
        self._more = 0

    def receive(self, headers: Headers, body: bytes) -> None:
        if "Nats-Sequence" in headers:
            stored = seconds_of(headers["Nats-Time-Stamp"])
            self._rows.append((int(headers["Nats-Sequence"]), body, stored))
            self._more = int(headers["Nats-Num-Pending"])
        elif headers.get("Status") in ("204", "404"):
            self._end((self._rows, self._more))
        else:
            self.fail(_Unanswered("no server is there that keeps this log"))

    def repeated(self) -> Request:
        return PageRequest(self.subject, self.body)


class Connection:
    """A connection for any number of threads. It reconnects until it is closed.

    Unanswered requests are repeated, so every request must be idempotent.
    """

    def __init__(self, url: str, timeout: float, options: dict[str, Any]) -> None:
        self.timeout = timeout
        self._urls = url.split(",")
        self._process = os.getpid()
        self._refusal = ""  # why no request is sent any more
        self._beginning = threading.Lock()
        self._requests: dict[str, Request] = {}  # by the last word of their answers' subject
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._outgoing: deque[tuple[Request, bytes]] = deque()
        self._is_woken = False
        self._nats = DirectClient(self._take)
        self._loop = asyncio.new_event_loop()
        self._closing: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="log on NATS", daemon=True)
        self._thread.start()
        try:
            run_on(self._loop, self._connect(options), threading.TIMEOUT_MAX)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return places(self._urls)

    def ask(self, path: str, question: dict[str, Any], *, changes: bool = False) -> Any:
        """Return the answer of JetStream's API. Raises Refused."""
        body = json.dumps(question).encode()
        request = self._begin(Request(f"$JS.API.{path}", body))
        return self._wait_for(request, changes=changes)[0]

    def publish(self, subject: str, body: bytes, headers: Headers) -> int:
        """Store a message in the stream of this subject. Return its sequence. Raises Refused."""
        request = self._begin(Request(subject, body, headers))
        return int(self._wait_for(request, changes=True)[0]["seq"])

    def publish_all(self, messages: list[tuple[str, bytes, Headers]]) -> list[int]:
        """Store several messages in their order. Send all before waiting for an answer."""
        requests = [self._begin(Request(*message)) for message in messages]
        return [int(answer["seq"]) for answer in self._wait_for(*requests, changes=True)]

    def page(
        self, stream: str, after: int, subject: str, limit: int, size: int
    ) -> tuple[list[Row], int]:
        """Return the next messages behind `after` that match the subject, and how many follow.

        Any server that stores them may answer.
        """
        question = {"seq": after + 1, "next_by_subj": subject, "batch": limit, "max_bytes": size}
        body = json.dumps(question).encode()
        request = self._begin(PageRequest(f"$JS.API.DIRECT.GET.{stream}", body))
        found: tuple[list[Row], int] = self._wait_for(request, changes=False)[0]
        return found

    def listen(self, subject: str, callback: Callable[[], object]) -> None:
        """Call `callback` on the loop for each later message on the subject."""

        async def receive(_: Msg) -> None:
            callback()

        with self._beginning:
            self.check_open()
        try:
            run_on(self._loop, self._nats.subscribe(subject, cb=receive), self.timeout)
        except (NatsError, CancelledError, TimeoutError, RuntimeError) as problem:
            raise self._unanswered(changes=False) from problem

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
        with self._beginning:
            self._refusal = f"the log at {self!r} is closed: open it again with open_log()."
        if not self._thread.is_alive():
            return
        if self._thread is not threading.current_thread():
            deadline = time.monotonic() + _ATTEMPT
            for request in list(self._requests.values()):
                request.answer.wait(max(0.0, deadline - time.monotonic()))
        with suppress(RuntimeError):  # another thread has closed it
            self._loop.call_soon_threadsafe(self._end)
        if self._thread is not threading.current_thread():
            self._thread.join(self.timeout)

    # Requests, on the caller's thread

    def _begin(self, request: Request) -> Request:
        if len(request.body) + _HEADERS > self._nats.max_payload:
            raise QuotaExceeded(
                f"{len(request.body):,} bytes are more than the server takes at once, which is "
                f"{self._nats.max_payload:,}. Store such data elsewhere, and its address in the "
                "event."
            )
        number = str(next(self._numbers))
        sent = message(request.subject, request.body, f"{self._inbox}.{number}", request.headers)
        with self._beginning:
            self.check_open()
            request.forget = partial(self._requests.pop, number, None)
            self._requests[number] = request
            self._outgoing.append((request, sent))
            if not self._is_woken:
                self._wake()
        return request

    def _wake(self) -> None:
        try:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._send)
        except BaseException:  # an interrupt: the next request wakes the loop
            self._is_woken = False
            raise

    def _wait_for(self, *requests: Request, changes: bool) -> list[Any]:
        """Return the answers in the order of the requests, which were begun."""
        waiting = list(requests)
        deadline = time.monotonic() + self.timeout
        try:
            while problem := _first_problem(waiting):
                if not self._can_repeat(deadline):
                    raise self._unanswered(changes=changes) from problem
                waiting = [
                    one if _is_answered(one) else self._begin(one.repeated()) for one in waiting
                ]
            return [one.answer.value for one in waiting]
        finally:
            for one in waiting:
                one.fail(_Unanswered("the caller no longer waits"))

    def _can_repeat(self, deadline: float) -> bool:
        """Wait until there is a connection. Return False if it is closed or time is up."""
        while time.monotonic() < deadline and not self._refusal:
            time.sleep(_PAUSE)
            if self._nats.is_connected:
                return True
        return False

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

    # The connection, on the loop

    def _send(self) -> None:
        self._is_woken = False  # the next request wakes the loop again
        messages = []
        while self._outgoing:
            request, sent = self._outgoing.popleft()
            if self._nats.is_connected:
                messages.append(sent)
            else:
                request.fail(_Unanswered("there is no connection"))
        if messages:
            self._nats.send(b"".join(messages))

    def _take(self, number: int, subject: str, body: bytes, headers: bytes | None) -> bool:
        """Handle an answer without headers. nats-py reads the others for `_receive`."""
        return not headers and self._answer(subject, {}, body)

    async def _receive(self, message: Msg) -> None:
        self._answer(message.subject, message.headers or {}, message.data)

    def _answer(self, subject: str, headers: Headers, body: bytes) -> bool:
        """Return True if the message answers an open request."""
        inbox, _, number = subject.rpartition(".")
        request = self._requests.get(number) if inbox == self._inbox else None
        if request is not None:
            request.receive(headers, body)
        return request is not None

    async def _connect(self, options: dict[str, Any]) -> None:
        deadline = self._loop.time() + self.timeout
        while not self._nats.is_connected:
            try:
                await self._nats.try_to_connect(
                    self._urls, self._on_error, name="eventkit log", reconnect_time_wait=_PAUSE,
                    disconnected_cb=self._on_disconnected, **({"ping_interval": _PING} | options),
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
        self._inbox = self._nats.new_inbox()
        await self._nats.subscribe(f"{self._inbox}.*", cb=self._receive)

    def _on_error(self, problem: Exception) -> None:
        """Fail the requests that the server denied.

        It never answers them. It reports an error that names the subject alone.
        """
        denial = denial_in(problem)
        for request in list(self._requests.values()):
            if denial == ("publish", request.subject.lower()):
                request.fail(
                    PermissionDenied(
                        f"{self!r} does not let this user publish to {request.subject!r}."
                    )
                )

    async def _on_disconnected(self) -> None:
        """Fail open requests: no answer to them will arrive any more."""
        self._fail_all("the connection broke")

    def _fail_all(self, why: str) -> None:
        for request in list(self._requests.values()):
            request.fail(_Unanswered(why))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._closing)
        self._loop.run_until_complete(self._disconnect())
        self._loop.close()

    def _end(self) -> None:
        if not self._closing.done():  # several threads may close it
            self._closing.set_result(None)

    async def _disconnect(self) -> None:
        with suppress(NatsError, OSError, TimeoutError):
            await asyncio.wait_for(self._nats.close(), self.timeout)
        await end_other_tasks()
        self._fail_all("the log was closed")


def _first_problem(requests: list[Request]) -> Exception | None:
    """Wait until all are answered, or return why one of them is not. Raises a server's refusal."""
    for request in requests:
        request.answer.wait(_ATTEMPT)
        request.fail(_Unanswered(f"no answer came within {_ATTEMPT} s"))
        if isinstance(request.problem, _Unanswered):
            return request.problem
        if request.problem is not None:
            raise request.take_problem()
    return None


def _is_answered(request: Request) -> bool:
    return request.answer.is_set and request.problem is None


def seconds_of(stamp: str) -> float:
    """Return a server's time stamp as seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()
