"""Connection: questions to a NATS server, asked again until they are answered or time is up.

The client is nats-py's, on a loop in a thread of its own. The caller waits in its own thread,
for a result that the loop fills in; there is nothing else between the two.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from ...log import LogClosed, LogError, LogUnusable, OutcomeUnknown, PermissionDenied, QuotaExceeded
from ...log.paging import Row

try:
    from nats.aio.msg import Msg
    from nats.errors import Error as NatsError

    from ..client import DirectClient, message
    from ..connecting import places
    from ..waiting import Result, run_on
except ImportError as missing:
    raise ImportError(
        "a log on a NATS server needs nats-py, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[nats]'"
    ) from missing

Headers = dict[str, str]

_ATTEMPT = 1.0  # seconds after which a question is asked again: a leader may be gone
_PAUSE = 0.05
_PING = 2  # seconds; a server that is frozen is noticed after two of them
_HEADERS = 1_000  # bytes that are left to them
_NOT_NOW = {
    10008,  # there is no leader
    10009,  # it was asked of another
    10158,  # the same message is on its way to the other servers
    10163,  # so is one on the same subject
}
_find_refusal = re.compile(r"permissions violation for publish to \"([^\"]*)\"", re.I).search


class Refused(LogError):
    """The server's answer is no: `code` is its number for the reason."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("description", "no reason given"))
        self.code: int = error.get("err_code", 0)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ({"description": str(self), "err_code": self.code},), self.__dict__


class _Unanswered(Exception):
    """No server answered; one may do so soon."""


class Question:
    """What is asked on a subject, and the answer to come: one message, in JSON."""

    def __init__(self, subject: str, body: bytes, headers: Headers | None = None) -> None:
        self.subject = subject
        self.body = body
        self.headers = headers
        self.answer: Result[Any] = Result()
        self.forget: Callable[[], object] = lambda: None
        self.problem: Exception | None = None  # why there is none

    def hear(self, headers: Headers, body: bytes) -> None:
        """A message has come for it, on the loop."""
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
        """There will be no answer, unless there is one."""
        if not self.answer.is_set:
            self.problem = problem
            self._end(None)

    def take_problem(self) -> Exception:
        """What to raise. It holds the frames it passes, which hold the question: a circle."""
        problem, self.problem = self.problem, None
        assert problem is not None
        return problem

    def again(self) -> Question:
        """The same question, to be asked once more."""
        return Question(self.subject, self.body, self.headers)

    def _end(self, found: Any) -> None:
        self.answer.set(found)
        self.forget()


class PageQuestion(Question):
    """Its answer is several messages, and one without a body: their rows, and how many more there
    are behind them.
    """

    def __init__(self, subject: str, body: bytes) -> None:
        super().__init__(subject, body)
        self._rows: list[Row] = []
        self._more = 0

    def hear(self, headers: Headers, body: bytes) -> None:
        if "Nats-Sequence" in headers:
            stored = seconds_of(headers["Nats-Time-Stamp"])
            self._rows.append((int(headers["Nats-Sequence"]), body, stored))
            self._more = int(headers["Nats-Num-Pending"])
        elif headers.get("Status") in ("204", "404"):
            self._end((self._rows, self._more))
        else:
            self.fail(_Unanswered("no server is there that keeps this log"))

    def again(self) -> Question:
        return PageQuestion(self.subject, self.body)


class Connection:
    """A connection that may be used from any thread, and mends itself for as long as it is open.

    A question that gets no answer is asked again, so each of them must bear being asked twice.
    """

    def __init__(self, url: str, timeout: float, options: dict[str, Any]) -> None:
        self.timeout = timeout
        self._urls = url.split(",")
        self._process = os.getpid()
        self._refusal = ""  # why nothing new is begun
        self._beginning = threading.Lock()
        self._problem: Exception | None = None  # the last that nats-py told of
        self._asked: dict[str, Question] = {}  # by the last word of the subject of their answers
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._outgoing: deque[tuple[Question, bytes]] = deque()
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
        """What JetStream's API answers. Raises Refused."""
        body = json.dumps(question).encode()
        asked = self._begin(Question(f"$JS.API.{path}", body))
        return self._until_answered(asked, changes=changes)[0]

    def tell(self, subject: str, body: bytes, headers: Headers) -> int:
        """Store a message in the stream that has this subject; its sequence. Raises Refused."""
        question = self._begin(Question(subject, body, headers))
        return int(self._until_answered(question, changes=True)[0]["seq"])

    def tell_all(self, messages: list[tuple[str, bytes, Headers]]) -> list[int]:
        """The same for several, in their order, all of them on their way at once."""
        asked = [self._begin(Question(*message)) for message in messages]
        return [int(answer["seq"]) for answer in self._until_answered(*asked, changes=True)]

    def page(
        self, stream: str, after: int, subject: str, limit: int, size: int
    ) -> tuple[list[Row], int]:
        """The next messages behind `after` whose subject fits, from any server that has them; and
        how many more there are behind the last of these.
        """
        question = {"seq": after + 1, "next_by_subj": subject, "batch": limit, "max_bytes": size}
        body = json.dumps(question).encode()
        asked = self._begin(PageQuestion(f"$JS.API.DIRECT.GET.{stream}", body))
        found: tuple[list[Row], int] = self._until_answered(asked, changes=False)[0]
        return found

    def listen(self, subject: str, ring: Callable[[], object]) -> None:
        """Ring for each message on the subject, from soon on."""

        async def receive(_: Msg) -> None:
            ring()

        with self._beginning:
            self.check_open()
        try:
            run_on(self._loop, self._nats.subscribe(subject, cb=receive), self.timeout)
        except (NatsError, CancelledError, TimeoutError, RuntimeError) as problem:
            raise self._unanswered(changes=False) from problem

    def check_open(self) -> None:
        if self._refusal:
            raise LogClosed(self._refusal)
        if os.getpid() != self._process:
            raise LogClosed(
                "the log was opened before this process was forked, and its connection is the "
                "parent's. Open it in the child, with open_log()."
            )

    def close(self) -> None:
        """Wait for what was begun, and end. Can be called twice, and does nothing in a fork."""
        if os.getpid() != self._process:
            return
        with self._beginning:
            self._refusal = f"the log at {self!r} is closed: open it again with open_log()."
        if not self._thread.is_alive():
            return
        if self._thread is not threading.current_thread():
            deadline = time.monotonic() + _ATTEMPT
            for question in list(self._asked.values()):
                question.answer.wait(max(0.0, deadline - time.monotonic()))
        with suppress(RuntimeError):  # another thread has closed it
            self._loop.call_soon_threadsafe(self._end)
        if self._thread is not threading.current_thread():
            self._thread.join(self.timeout)

    # Asking: in the asker's thread

    def _begin(self, question: Question) -> Question:
        if len(question.body) + _HEADERS > self._nats.max_payload:
            raise QuotaExceeded(
                f"{len(question.body):,} bytes are more than the server takes at once, which is "
                f"{self._nats.max_payload:,}. Store such data elsewhere, and where that is in the "
                "event."
            )
        number = str(next(self._numbers))
        sent = message(question.subject, question.body, f"{self._inbox}.{number}", question.headers)
        with self._beginning:
            self.check_open()
            question.forget = partial(self._asked.pop, number, None)
            self._asked[number] = question
            self._outgoing.append((question, sent))
            if not self._is_woken:
                self._wake()
        return question

    def _wake(self) -> None:
        try:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._send)
        except BaseException:  # an interrupt: the next question wakes the loop
            self._is_woken = False
            raise

    def _until_answered(self, *questions: Question, changes: bool) -> list[Any]:
        """The answers, in the order of the questions, which were begun."""
        asked = list(questions)
        deadline = time.monotonic() + self.timeout
        try:
            while problem := _first_problem(asked):
                if not self._is_to_be_asked_again(deadline):
                    raise self._unanswered(changes=changes) from problem
                asked = [one if _is_answered(one) else self._begin(one.again()) for one in asked]
            return [one.answer.value for one in asked]
        finally:
            for one in asked:
                one.fail(_Unanswered("it is no longer waited for"))

    def _is_to_be_asked_again(self, deadline: float) -> bool:
        """Wait for the connection to be there, if that is still worth it."""
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
            f"no answer came from {self!r} within {self.timeout} s ({state}). Is the server "
            "there, with JetStream, and more than half of its cluster?"
        )
        if not changes:
            return LogUnusable(what)
        return OutcomeUnknown(f"{what} Whether it was done is open: do it again, which is safe.")

    # The connection: on the loop

    def _send(self) -> None:
        self._is_woken = False  # a question that begins from now on wakes the loop again
        messages = []
        while self._outgoing:
            question, sent = self._outgoing.popleft()
            if self._nats.is_connected:
                messages.append(sent)
            else:
                question.fail(_Unanswered("there is no connection"))
        if messages:
            self._nats.send(b"".join(messages))

    def _take(self, number: int, subject: str, body: bytes, headers: bytes | None) -> bool:
        """An answer as it comes; but headers are nats-py's to read."""
        return not headers and self._answer(subject, {}, body)

    async def _hear(self, message: Msg) -> None:
        self._answer(message.subject, message.headers or {}, message.data)

    def _answer(self, subject: str, headers: Headers, body: bytes) -> bool:
        """Whether it was an answer, and to a question that is open."""
        inbox, _, number = subject.rpartition(".")
        question = self._asked.get(number) if inbox == self._inbox else None
        if question is not None:
            question.hear(headers, body)
        return question is not None

    async def _connect(self, options: dict[str, Any]) -> None:
        deadline = self._loop.time() + self.timeout
        while not self._nats.is_connected:
            try:
                await self._nats.connect(
                    self._urls, name="eventkit log", max_reconnect_attempts=1,
                    reconnect_time_wait=_PAUSE,  # type: ignore[arg-type]
                    error_cb=self._on_error, disconnected_cb=self._on_disconnected,
                    **({"ping_interval": _PING} | options),
                )  # fmt: skip
                self._nats.options["max_reconnect_attempts"] = -1
            except (NatsError, OSError) as problem:
                if turned_away := self._turned_away_by(self._problem or problem):
                    raise turned_away from problem
                if self._loop.time() > deadline:
                    raise LogUnusable(
                        f"no NATS server answers at {self!r} within {self.timeout} s "
                        f"({self._problem or problem}). Start one, such as NatsServer(), and give "
                        "its url."
                    ) from problem
                await asyncio.sleep(_PAUSE)
        self._inbox = self._nats.new_inbox()
        await self._nats.subscribe(f"{self._inbox}.*", cb=self._hear)

    def _turned_away_by(self, problem: Exception) -> LogError | None:
        """What it means, if to try again is in vain."""
        if "authorization" in str(problem).lower():
            return PermissionDenied(f"{self!r} refused this name and password, or certificate.")
        if not isinstance(problem, ssl.SSLError):
            return None
        why = getattr(problem, "verify_message", None) or problem.reason
        if "ALERT" in str(problem.reason):  # which is how the other side says it
            return PermissionDenied(f"{self!r} does not take this client's certificate: {why}.")
        return LogUnusable(
            f"no data was sent to {self!r}: the server could not be authenticated ({why})."
        )

    async def _on_error(self, problem: Exception) -> None:
        """What is denied is never answered: the server says so here, and names the subject."""
        self._problem = problem
        if not self._nats.is_connected:
            self._nats.close_failed_attempt()
        if found := _find_refusal(str(problem)):
            for question in list(self._asked.values()):
                if question.subject.lower() == found[1].lower():
                    question.fail(
                        PermissionDenied(
                            f"{self!r} does not let this user publish to {question.subject!r}."
                        )
                    )

    async def _on_disconnected(self) -> None:
        """What was on its way may be there or not; no answer to it will come any more."""
        for question in list(self._asked.values()):
            question.fail(_Unanswered("the connection broke"))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._closing)
        self._loop.run_until_complete(self._take_leave())
        self._loop.close()

    def _end(self) -> None:
        if not self._closing.done():  # several threads may close it
            self._closing.set_result(None)

    async def _take_leave(self) -> None:
        with suppress(NatsError, OSError, TimeoutError):
            await asyncio.wait_for(self._nats.close(), self.timeout)
        others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for question in list(self._asked.values()):
            question.fail(_Unanswered("the log was closed"))


def _first_problem(asked: list[Question]) -> Exception | None:
    """Wait until all are answered, or one of them is not. Raises what an answer says no with."""
    for question in asked:
        question.answer.wait(_ATTEMPT)
        question.fail(_Unanswered(f"nothing was heard for {_ATTEMPT} s"))
        if isinstance(question.problem, _Unanswered):
            return question.problem
        if question.problem is not None:
            raise question.take_problem()
    return None


def _is_answered(question: Question) -> bool:
    return question.answer.is_set and question.problem is None


def seconds_of(stamp: str) -> float:
    """A server's time stamp, in seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()
