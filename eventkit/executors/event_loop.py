"""EventLoop: run coroutine functions on an asyncio event loop. One thread, many waits at once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

from ..checks import optional_seconds, whole_number
from ..handlers import check_returned
from .base import Queued, WaitsBy
from .queue import BusClosed, Job, JobQueue, Overflow, report_failure

_JOBS_BEFORE_A_YIELD = 256
_LOOK_AT_LOOP = 0.2  # seconds between two looks at whether a given loop has ended


class EventLoop(Queued):
    """Runs handlers on an asyncio loop: its own, in a thread of its own, or the `loop` given,
    such as `asyncio.get_running_loop()`.

    Handlers start in the order fired; while one awaits, the next starts, up to `concurrency` at
    once. `concurrency=1` keeps order strictly, and so does a common key. `capacity` and `overflow`
    bound what waits, as for Threads. A plain function is allowed: it freezes the loop while it
    runs, and so every other handler on it.
    """

    waits_by: WaitsBy = "await"

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        concurrency: int = 1024,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "loop",
    ):
        if loop is not None and not isinstance(loop, asyncio.AbstractEventLoop):
            raise TypeError(
                f"loop is an asyncio event loop, such as asyncio.get_running_loop(), "
                f"or None for one of its own; got {loop!r}."
            )
        whole_number("concurrency", concurrency, "how many handlers may be under way at once")
        queue = JobQueue(name, capacity, overflow)
        self._given = loop
        self._lanes = _Lanes(loop, queue, concurrency, name)
        super().__init__(name, queue, self._lanes)

    def pause(self, seconds: float) -> Any:
        return asyncio.sleep(seconds)

    def wait_idle(self, timeout: float | None) -> bool:
        if self._given is None:
            return super().wait_idle(timeout)
        timeout = optional_seconds("timeout", timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._given.is_closed():
                self._give_up()
            if super().wait_idle(_within(deadline)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def _give_up(self) -> None:
        """The loop that was given has ended, and what still waits with it."""
        self._queue.close(f"the event loop of {self.name} ended before this event was handled.")
        self._lanes.abandon()


class _Lanes:
    """The tasks that run the jobs of one queue. There is always one lane more than there are
    handlers that wait, so that a waiting handler holds up no other; lanes are kept and used again,
    which costs far less than a task for each event.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None, queue: JobQueue, limit: int, name: str
    ):
        self._current: dict[str, Job | None] = {}
        self._loop = loop
        self._thread: threading.Thread | None = None
        self._queue = queue
        self._limit = limit
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_number = itertools.count(1).__next__
        self._resting: deque[asyncio.Future[None]] = deque()
        self._lane_due = False
        self._starting = threading.RLock()
        self._stopping = False
        queue.bell = self._ring

    def is_here(self) -> bool:
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def lane(self) -> str:
        task = asyncio.current_task()
        return task.get_name() if task else self._name

    def running(self) -> list[tuple[str, Job | None]]:
        return list(self._current.items())

    def _ring(self) -> None:
        if self.is_here():
            self._call_a_lane()
            if self._lane_due:  # it answers the bell when it begins
                return
        loop = self._loop
        if loop is None:
            with self._starting:
                if self._loop is None:
                    self._start()
                    return  # it looks at the queue when it begins
                loop = self._loop
        try:
            loop.call_soon_threadsafe(self._woken, context=Context())
        except RuntimeError as closed:
            if loop is not self._loop:  # it has ended to rest
                self._ring()
                return
            raise BusClosed(
                f"the event loop of {self._name} is closed, so nothing can run on it any more. "
                "Close the bus before its loop ends, or let EventLoop() have a loop of its own."
            ) from closed

    def rest(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._leave, context=Context())

    def stop(self, timeout: float = 0.0) -> None:
        with self._starting:
            self._stopping = True
            loop, thread = self._loop, self._thread
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(self._cancel)
        if thread and thread is not threading.current_thread():
            thread.join(timeout)

    def abandon(self) -> None:
        """End the lanes of a loop that runs no more: each reports the event that it is at."""
        for task in list(self._tasks):
            with suppress(BaseException):
                task.get_coro().close()
            self._tasks.discard(task)

    def _woken(self) -> None:
        if not self.is_here():
            return  # this loop ends to rest, and another has taken its place
        self._queue.answer_bell()
        self._call_a_lane()
        if self._queue.resting:
            self._leave()

    def _leave(self) -> None:
        """End the loop's thread if the queue is at rest and nothing is left to do here: first the
        lanes, of which each comes back to this when it has ended. Tasks that handlers have started
        are waited for. A loop that was given goes on.
        """
        if not (self.is_here() and self._thread and self._queue.resting and self._queue.is_idle):
            return
        for task in self._tasks or asyncio.all_tasks():
            if task in self._tasks:
                task.cancel()
            else:
                task.add_done_callback(lambda _: self._leave(), context=Context())
                return
        if not self._tasks:
            self._hand_over()

    def _hand_over(self) -> None:
        """The next ring starts another thread with another loop."""
        loop = asyncio.get_running_loop()
        self._queue.answer_bell()
        with self._starting:
            if self._stopping:
                return
            self._loop = self._thread = None
        self._queue.pass_on()
        loop.stop()

    def _call_a_lane(self) -> None:
        if self._lane_due or not self._queue.waiting:
            return
        while self._resting and not self._lane_due:
            future = self._resting.popleft()
            if not future.done():  # else its lane was cancelled
                future.set_result(None)
                self._lane_due = True
        if not self._lane_due and len(self._tasks) < self._limit:
            name = f"{self._name}-{self._next_number()}"
            task = asyncio.get_running_loop().create_task(
                self._lane(name), name=name, context=Context()
            )
            task.add_done_callback(self._lane_ended)
            self._tasks.add(task)
            self._lane_due = True

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """A lane was cancelled, perhaps by other code on the loop: the others do its work."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # reported with its event: asyncio need not mention it again
        self._current.pop(task.get_name(), None)
        self._lane_due = False
        self._woken()

    async def _lane(self, name: str) -> None:
        while True:
            self._lane_due = False
            self._queue.answer_bell()
            since_a_yield = 0
            for job in self._queue.jobs():
                self._current[name] = job
                work, event = job
                try:
                    if work.is_async:
                        if not self._lane_due:  # one for the rest, while this handler waits
                            self._call_a_lane()
                        await work.run(event)
                    else:
                        returned = work.run(event)
                        if returned is not None:
                            check_returned(returned)
                            del returned
                except BaseException as error:
                    report_failure(work, event, error)
                    if isinstance(error, GeneratorExit) or _is_being_cancelled():
                        raise  # this lane is being stopped; else it was the handler alone
                since_a_yield += 1
                if since_a_yield == _JOBS_BEFORE_A_YIELD:
                    since_a_yield = 0
                    await asyncio.sleep(0)
                del job, work, event  # while it rests, it keeps nothing alive
                if copy_context():  # set by a handler, and not for the next one to see
                    return
            await self._rest(name)

    async def _rest(self, name: str) -> None:
        self._current[name] = None
        if self._queue.resting:
            asyncio.get_running_loop().call_soon(self._leave, context=Context())
        future = asyncio.get_running_loop().create_future()
        self._resting.append(future)
        await future

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._thread:
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)

    def _start(self) -> None:
        threading.Thread(target=self._run_loop, name=self._name, daemon=True).start()

    def _run_loop(self) -> None:
        """Run a loop of one's own, unless another thread does: an interrupt of `start` can leave
        a thread that its caller has not heard of.
        """
        with self._starting:
            if self._loop is not None or self._stopping:
                return
            self._thread = threading.current_thread()
            self._loop = loop = asyncio.new_event_loop()
        loop.call_soon(self._woken, context=Context())
        _run_loop(loop)


def _within(deadline: float | None) -> float:
    """Return the seconds until `deadline`, but not more than until the next look at the loop."""
    if deadline is None:
        return _LOOK_AT_LOOP
    return max(0.0, min(_LOOK_AT_LOOP, deadline - time.monotonic()))


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        _run_until_stopped(loop)
    finally:
        cancelled = asyncio.all_tasks(loop)
        if cancelled:
            loop.run_until_complete(asyncio.wait(cancelled, timeout=1))
        loop.close()


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """A task of a handler's own that calls sys.exit would end the loop: go on."""
    while not loop.is_closed():
        try:
            loop.run_forever()
            return
        except BaseException as error:
            with suppress(BaseException):
                logging.getLogger("eventkit").error(
                    "a task on %r raised; the loop goes on", loop, exc_info=error
                )
