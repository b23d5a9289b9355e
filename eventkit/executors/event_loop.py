"""EventLoop: run coroutine functions on an asyncio event loop. One thread, many waits at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from typing import Any

from ..queues import BusClosed, Job, JobQueue, Overflow
from . import Queued, WaitsBy, whole_number

_JOBS_BEFORE_A_YIELD = 256


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
        super().__init__(name, queue, _Lanes(loop, queue, concurrency, name))

    def pause(self, seconds: float) -> Any:
        return asyncio.sleep(seconds)


class _Lanes:
    """The tasks that run the jobs of one queue. There is always one lane more than there are
    handlers that wait, so that a waiting handler holds nobody up; lanes are kept and used again,
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
        try:
            self._started_loop().call_soon_threadsafe(self._woken)
        except RuntimeError as closed:
            raise BusClosed(
                f"the event loop of {self._name} is closed, so nothing can run on it any more. "
                "Close the bus before its loop ends, or let EventLoop() have a loop of its own."
            ) from closed

    def stop(self, timeout: float = 0.0) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(self._cancel)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _woken(self) -> None:
        self._queue.answer_bell()
        self._call_a_lane()

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
            task = asyncio.get_running_loop().create_task(self._lane(name), name=name)
            task.add_done_callback(self._lane_ended)
            self._tasks.add(task)
            self._lane_due = True

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """It was cancelled, by us or by somebody else who has the loop: others do its work."""
        self._tasks.discard(task)
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
                        work.run(event)
                except GeneratorExit:
                    raise
                except BaseException as error:
                    work.failed(event, error)
                    if _is_being_cancelled():
                        raise  # this lane is being stopped; else it was the handler alone
                since_a_yield += 1
                if since_a_yield == _JOBS_BEFORE_A_YIELD:
                    since_a_yield = 0
                    await asyncio.sleep(0)
                del job, work, event  # while it rests, it keeps nothing alive
            await self._rest(name)

    async def _rest(self, name: str) -> None:
        self._current[name] = None
        future = asyncio.get_running_loop().create_future()
        self._resting.append(future)
        await future

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._thread:
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_run_loop, args=(self._loop,), name=self._name, daemon=True
            )
            self._thread.start()
        return self._loop


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        cancelled = asyncio.all_tasks(loop)
        if cancelled:
            loop.run_until_complete(asyncio.wait(cancelled, timeout=1))
        loop.close()
