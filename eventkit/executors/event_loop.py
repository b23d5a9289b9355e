"""EventLoop: run coroutine functions on an asyncio event loop. Many waits on one thread."""

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
from ..handlers import WaitsBy, check_returned
from .base import Queued
from .queue import BusClosed, Job, JobQueue, Overflow, report_failure

_JOBS_BEFORE_A_YIELD = 256
_LOOP_CHECK_INTERVAL = 0.2  # seconds between two checks whether a given loop has ended


class EventLoop(Queued):
    """Runs handlers on an asyncio loop: the `loop` given, such as `asyncio.get_running_loop()`, or
    one of its own in its own thread.

    Handlers start in the order fired. While one awaits, the next starts, up to `concurrency` at
    once. `concurrency=1` keeps the order strictly, and so does a common key. `capacity` and
    `overflow` bound the queue, as for Threads. A plain function is allowed, but it blocks the
    loop, and so every other handler on it, while it runs.
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
        whole_number("concurrency", concurrency, "the number of handlers that may run at once")
        queue = JobQueue(name, capacity, overflow)
        self._given = loop
        self._loop_workers = _LoopWorkers(loop, queue, concurrency, name)
        super().__init__(name, queue, self._loop_workers)

    def pause(self, seconds: float) -> Any:
        return asyncio.sleep(seconds)

    def wait_idle(self, timeout: float | None) -> bool:
        if self._given is None:
            return super().wait_idle(timeout)
        timeout = optional_seconds("timeout", timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._given.is_closed():
                self._abandon()
            if super().wait_idle(_within(deadline)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    async def wait_idle_async(self, timeout: float | None) -> bool:
        if self._given is None or self.is_own_thread():
            return await super().wait_idle_async(timeout)
        timeout = optional_seconds("timeout", timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._given.is_closed():
                self._abandon()
            if await super().wait_idle_async(_within(deadline)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def _abandon(self) -> None:
        """Abandon all events: the given loop has ended."""
        self._queue.close(f"the event loop of {self.name} ended before this event was handled.")
        self._loop_workers.abandon()


class _LoopWorkers:
    """The tasks on one loop that run the jobs of one queue.

    Below the limit there is always one worker more than there are waiting handlers, so that a
    waiting handler does not delay others. Workers are reused, which costs far less than a task for
    each event.
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
        self._sleeping: deque[asyncio.Future[None]] = deque()
        self._worker_due = False  # a worker has been woken and has not run yet
        self._starting = threading.RLock()
        self._stopping = False
        queue.wake_engine = self._wake

    def is_own_thread(self) -> bool:
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def worker(self) -> str:
        task = asyncio.current_task()
        return task.get_name() if task else self._name

    def running(self) -> list[tuple[str, Job | None]]:
        return list(self._current.items())

    def _wake(self) -> None:
        if self.is_own_thread():
            self._wake_worker()
            if self._worker_due:  # it re-arms the wake-up when it starts
                return
        loop = self._loop
        if loop is None:
            with self._starting:
                if self._loop is None:
                    self._start()
                    return  # the new loop polls the queue when it starts
                loop = self._loop
        try:
            loop.call_soon_threadsafe(self._on_wake, context=Context())
        except RuntimeError as closed:
            if loop is not self._loop:  # this loop has ended, because it was idle
                self._wake()
                return
            raise BusClosed(
                f"the event loop of {self._name} is closed, so nothing can run on it any more. "
                "Close the bus before its loop ends, or let EventLoop() have a loop of its own."
            ) from closed

    def rest(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._stop_if_idle, context=Context())

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
        """End the workers of a loop that has ended: each reports its current event as failed."""
        for task in list(self._tasks):
            with suppress(BaseException):
                task.get_coro().close()
            self._tasks.discard(task)

    def _on_wake(self) -> None:
        if not self.is_own_thread():
            return  # this loop ends, because it was idle, and another has replaced it
        self._queue.rearm_wake()
        self._wake_worker()
        if self._queue.stop_when_idle:
            self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        """End this engine's own loop and thread if they are no longer needed.

        Cancels the workers first: when one has ended, this is called again. Waits for tasks that
        handlers have started. A given loop keeps running.
        """
        can_stop = self._thread is not None and self._queue.stop_when_idle
        if not (can_stop and self.is_own_thread() and self._queue.is_idle):
            return
        for task in self._tasks or asyncio.all_tasks():
            if task in self._tasks:
                task.cancel()
            else:
                task.add_done_callback(lambda _: self._stop_if_idle(), context=Context())
                return
        if not self._tasks:
            self._stop_loop()

    def _stop_loop(self) -> None:
        """Stop this loop. The next wake-up starts another one in another thread."""
        loop = asyncio.get_running_loop()
        self._queue.rearm_wake()
        with self._starting:
            if self._stopping:
                return
            self._loop = self._thread = None
        self._queue.wake_if_waiting()
        loop.stop()

    def _wake_worker(self) -> None:
        if self._worker_due or not self._queue.waiting:
            return
        while self._sleeping and not self._worker_due:
            future = self._sleeping.popleft()
            if not future.done():  # else its worker was cancelled
                future.set_result(None)
                self._worker_due = True
        if not self._worker_due and len(self._tasks) < self._limit:
            name = f"{self._name}-{self._next_number()}"
            task = asyncio.get_running_loop().create_task(
                self._work(name), name=name, context=Context()
            )
            task.add_done_callback(self._on_worker_end)
            self._tasks.add(task)
            self._worker_due = True

    def _on_worker_end(self, task: asyncio.Task[None]) -> None:
        """Replace a worker that was cancelled, perhaps by other code on the loop."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # already reported with its event: asyncio must not log it again
        self._current.pop(task.get_name(), None)
        self._worker_due = False
        self._on_wake()

    async def _work(self, name: str) -> None:
        while True:
            self._worker_due = False
            self._queue.rearm_wake()
            since_a_yield = 0
            for job in self._queue.jobs():
                self._current[name] = job
                work, event = job
                try:
                    if work.is_async:
                        if not self._worker_due:  # another worker, while this handler waits
                            self._wake_worker()
                        await work.run(event)
                    else:
                        check_returned(work.run(event))
                except BaseException as error:
                    report_failure(work, event, error)
                    if isinstance(error, GeneratorExit) or _is_being_cancelled():
                        raise  # this worker is cancelled, and not the handler alone
                since_a_yield += 1
                if since_a_yield == _JOBS_BEFORE_A_YIELD:
                    since_a_yield = 0
                    await asyncio.sleep(0)
                del job, work, event  # a sleeping worker keeps no event alive
                if copy_context():  # set by a handler: the next one needs a fresh context
                    return
            await self._sleep(name)

    async def _sleep(self, name: str) -> None:
        self._current[name] = None
        if self._queue.stop_when_idle:
            asyncio.get_running_loop().call_soon(self._stop_if_idle, context=Context())
        future = asyncio.get_running_loop().create_future()
        self._sleeping.append(future)
        await future

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._thread:
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)

    def _start(self) -> None:
        threading.Thread(target=self._run_loop, name=self._name, daemon=True).start()

    def _run_loop(self) -> None:
        """Run a loop in this thread, unless another thread already does. An interrupt of
        `Thread.start` can lead to two threads.
        """
        with self._starting:
            if self._loop is not None or self._stopping:
                return
            self._thread = threading.current_thread()
            self._loop = loop = asyncio.new_event_loop()
        loop.call_soon(self._on_wake, context=Context())
        _run_loop(loop)


def _within(deadline: float | None) -> float:
    """Return the seconds until `deadline` or the next check of the loop, whichever is sooner."""
    if deadline is None:
        return _LOOP_CHECK_INTERVAL
    return max(0.0, min(_LOOP_CHECK_INTERVAL, deadline - time.monotonic()))


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
    """Run the loop until it is stopped. Run it again if a task ends it, as with sys.exit."""
    while not loop.is_closed():
        try:
            loop.run_forever()
            return
        except BaseException as error:
            with suppress(BaseException):
                logging.getLogger("eventkit").error(
                    "a task on %r raised; the loop goes on", loop, exc_info=error
                )
