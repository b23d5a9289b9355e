"""Connection: questions to a NATS server, asked again until they are answered or time is up."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ...log import LogClosed, LogError, LogUnusable, OutcomeUnknown, PermissionDenied, QuotaExceeded

try:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.errors import Error as NatsError, MaxPayloadError
except ImportError as missing:
    raise ImportError(
        "a log on a NATS server needs nats-py, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[nats]'"
    ) from missing

T = TypeVar("T")
Headers = dict[str, str]
Row = tuple[int, bytes, float]
"""A message's sequence, its body, and when it was stored."""

_ATTEMPT = 1.0  # seconds after which a question is asked again: a leader may be gone
_PAUSE = 0.05
_NO_LEADER = {10008, 10009}  # which will change
_find_refusal = re.compile(r"permissions violation for publish to \"([^\"]*)\"", re.I).search


class Refused(LogError):
    """The server's answer is no: `code` is its number for the reason."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("description", "no reason given"))
        self.code: int = error.get("err_code", 0)


class Connection:
    """A client on a loop in a thread of its own; all methods may be called from any thread.

    A question that gets no answer is asked again, so each of them must bear being asked twice.
    """

    def __init__(self, url: str, timeout: float, options: dict[str, Any]) -> None:
        self.timeout = timeout
        self._urls = url.split(",")
        self._process = os.getpid()
        self._refusal = ""  # why nothing new is begun
        self._beginning = threading.Lock()
        self._begun: set[asyncio.Task[Any] | None] = set()
        self._problem: Exception | None = None  # the last that nats-py told of
        self._asking: dict[str, set[asyncio.Task[Msg]]] = {}
        self._denied: set[asyncio.Task[Msg]] = set()
        self._nats = Client()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="log on NATS", daemon=True)
        self._thread.start()
        try:
            self.run(self._connect(options))
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in self._urls)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the loop, and wait for it."""
        try:
            with self._beginning:
                self.check_open()
                future = asyncio.run_coroutine_threadsafe(self._begin(work), self._loop)
        except LogClosed:
            work.close()
            raise
        try:
            return future.result()
        except BaseException:  # an interrupt, too
            future.cancel()
            raise

    async def _begin(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        self._begun.add(task)
        try:
            return await work
        finally:
            self._begun.discard(task)

    async def tell(self, subject: str, body: bytes, headers: Headers) -> int:
        """Store a message in the stream that has this subject; its sequence there."""
        return int((await self._ask_json(subject, body, headers))["seq"])

    async def ask(self, path: str, question: dict[str, Any], *, changes: bool = False) -> Any:
        """What JetStream's API answers. Raises Refused."""
        body = json.dumps(question).encode()
        return await self._ask_json(f"$JS.API.{path}", body, None, changes=changes)

    async def page(
        self, stream: str, after: int, subject: str, limit: int, size: int
    ) -> tuple[list[Row], int]:
        """The next messages behind `after` whose subject fits, from any server that has them; and
        how many more there are behind the last of these.
        """
        question = {"seq": after + 1, "next_by_subj": subject, "batch": limit, "max_bytes": size}
        return await self._until_answered(
            lambda: self._collect(f"$JS.API.DIRECT.GET.{stream}", json.dumps(question).encode()),
            changes=False,
        )

    async def listen(self, subject: str, ring: Callable[[], object]) -> None:
        """Ring for each message on the subject."""

        async def receive(_: Msg) -> None:
            ring()

        await self._nats.subscribe(subject, cb=receive)

    def check_open(self) -> None:
        if self._refusal:
            raise LogClosed(self._refusal)
        if os.getpid() != self._process:
            raise LogClosed("the log was opened before this process was forked.")

    def close(self) -> None:
        """Finish what was begun, and end. Can be called twice, and does nothing in a fork."""
        if os.getpid() != self._process:
            return
        with self._beginning:
            if self._refusal:
                return
            self._refusal = f"the log at {self!r} is closed: open it again with open_log()."
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not threading.current_thread():
            self._thread.join(self.timeout)

    # Asking

    async def _ask_json(
        self, subject: str, body: bytes, headers: Headers | None, *, changes: bool = True
    ) -> Any:
        async def attempt() -> Any:
            message = await self._attempt(subject, body, headers)
            answer = json.loads(message.data)
            if "error" in answer:
                raise Refused(answer["error"])
            return answer

        return await self._until_answered(attempt, changes=changes)

    async def _until_answered(
        self, attempt: Callable[[], Coroutine[Any, Any, T]], *, changes: bool
    ) -> T:
        deadline = self._loop.time() + self.timeout
        problem: Exception | None = None
        while self._loop.time() < deadline:
            try:
                if self._nats.is_connected:  # or nats-py would keep it for later
                    return await attempt()
            except MaxPayloadError as refused:
                raise QuotaExceeded(
                    f"this is larger than the {self._nats.max_payload:,} bytes that the server "
                    "takes. Store such data elsewhere, and where that is in the event."
                ) from refused
            except Refused as refused:
                if refused.code not in _NO_LEADER:
                    raise
                problem = refused
            except (NatsError, OSError, TimeoutError) as nothing:
                problem = nothing
            if self._refusal:
                break
            await asyncio.sleep(_PAUSE)
        raise self._unanswered(changes=changes) from problem

    def _unanswered(self, *, changes: bool) -> LogError:
        if self._refusal and not changes:
            return LogClosed(self._refusal)
        state = "is connected" if self._nats.is_connected else "is not connected"
        what = (
            f"no answer came from {self!r} within {self.timeout} s (it {state}). Is the server "
            "there, with JetStream, and are more than half of its cluster?"
        )
        if not changes:
            return LogUnusable(what)
        return OutcomeUnknown(f"{what} Whether it was done is open: do it again, which is safe.")

    async def _attempt(self, subject: str, body: bytes, headers: Headers | None) -> Msg:
        """A denied question is never answered; only `_on_error` hears of it, and ends the task."""
        seconds = min(_ATTEMPT, self.timeout)
        task = self._loop.create_task(
            self._nats.request(subject, body, timeout=seconds, headers=headers)
        )
        asking = self._asking.setdefault(subject.lower(), set())
        asking.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._denied:
                raise PermissionDenied(
                    f"{self!r} does not allow this user to publish to {subject!r}."
                ) from None
            task.cancel()
            raise
        finally:
            self._denied.discard(task)
            asking.discard(task)
            if not asking:
                self._asking.pop(subject.lower(), None)

    async def _collect(self, subject: str, body: bytes) -> tuple[list[Row], int]:
        """A question whose answer is several messages and a last one without a body."""
        rows: list[Row] = []
        left = 0
        ended = self._loop.create_future()

        async def receive(message: Msg) -> None:
            nonlocal left
            headers = message.headers or {}
            if "Nats-Sequence" in headers:
                stored = seconds_of(headers["Nats-Time-Stamp"])
                rows.append((int(headers["Nats-Sequence"]), message.data, stored))
                left = int(headers["Nats-Num-Pending"])
            elif not ended.done():
                ended.set_result(headers.get("Status"))

        inbox = self._nats.new_inbox()
        subscription = await self._nats.subscribe(inbox, cb=receive)
        try:
            await self._nats.publish(subject, body, reply=inbox)
            status = await asyncio.wait_for(ended, min(_ATTEMPT, self.timeout))
        except TimeoutError:
            if not rows:
                raise
            return rows, left
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()
        if status not in ("204", "404"):
            raise TimeoutError(f"status {status}")  # nobody there who could answer
        return rows, left

    # The connection

    async def _connect(self, options: dict[str, Any]) -> None:
        deadline = self._loop.time() + self.timeout
        while not self._nats.is_connected:
            try:
                await self._nats.connect(
                    self._urls, name="eventkit log", max_reconnect_attempts=1,
                    reconnect_time_wait=_PAUSE,  # type: ignore[arg-type]
                    error_cb=self._on_error, **options,
                )  # fmt: skip
                self._nats.options["max_reconnect_attempts"] = -1
            except (NatsError, OSError) as problem:
                if "authorization" in f"{problem} {self._problem}".lower():
                    raise PermissionDenied(
                        f"{self!r} lets nobody in with that name and password."
                    ) from problem
                if self._loop.time() > deadline:
                    raise LogUnusable(
                        f"no NATS server answers at {self!r} within {self.timeout} s "
                        f"({self._problem or problem}). Start one, such as NatsServer(), and give "
                        "its url."
                    ) from problem
                await asyncio.sleep(_PAUSE)

    async def _on_error(self, problem: Exception) -> None:
        self._problem = problem
        if not self._nats.is_connected:
            with suppress(AttributeError, OSError):  # what a killed server leaves half open
                self._nats._transport.close()  # type: ignore[union-attr]
        if found := _find_refusal(str(problem)):
            for task in self._asking.get(found[1].lower(), ()):
                self._denied.add(task)
                task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._take_leave())
        self._loop.close()

    async def _take_leave(self) -> None:
        if self._begun:
            await asyncio.wait(list(self._begun), timeout=self.timeout)  # type: ignore[type-var]
        with suppress(NatsError, OSError, TimeoutError):
            await asyncio.wait_for(self._nats.close(), self.timeout)
        others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def seconds_of(stamp: str) -> float:
    """A server's time stamp, in seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()
