"""Threads: run handlers on a pool of worker threads. The caller hands over and goes on."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextvars import Context, copy_context

from ..checks import whole_number
from ..handlers import check_returned
from .base import Queued
from .queue import Job, JobQueue, Overflow, report_failure


class Threads(Queued):
    """`workers` threads take events from one queue, oldest first.

    Events with the same key run one after another; without keys, order is kept by `Threads(1)`
    only. `capacity` bounds how many events may wait (None: no bound) and `overflow` says what
    happens to one too many. The threads start with the first event and are named `name-1`,
    `name-2`, …
    """

    def __init__(
        self,
        workers: int = 4,
        *,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "threads",
    ):
        self.workers = whole_number("workers", workers, "the number of threads")
        queue = JobQueue(f"{name} ({workers} workers)", capacity, overflow, workers)
        super().__init__(name, queue, WorkerThreads(queue, workers, name))

    def is_only_worker(self) -> bool:
        return self.workers == 1 and self.is_own_thread()


class WorkerThreads:
    """The threads, started by the first event."""

    def __init__(self, queue: JobQueue, workers: int, name: str) -> None:
        self._queue = queue
        self._name = name
        self._missing = workers  # how many have not been started
        self._places = deque(range(1, workers + 1))  # each running thread takes one
        self._current: dict[threading.Thread, Job | None] = {}
        self._starting = threading.RLock()
        queue.bell = self._ring

    def is_here(self) -> bool:
        return threading.current_thread() in self._current

    def running(self) -> list[tuple[str, Job | None]]:
        return [(thread.name, job) for thread, job in list(self._current.items())]

    def lane(self) -> str:
        return threading.current_thread().name

    def rest(self) -> None:
        for _ in list(self._current):
            self._queue.wake_one()

    def stop(self, timeout: float = 0.0) -> None:
        deadline = time.monotonic() + timeout
        for thread in list(self._current):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _ring(self) -> None:
        if self._missing:
            with self._starting:
                self._start()
        self._queue.wake_one()

    def _start(self) -> None:
        while self._missing:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # can't start new thread
                if not self._current:
                    raise
                break  # those that run do the work, and the next event tries again
            self._current.setdefault(thread, None)
            self._missing -= 1

    def _work(self) -> None:
        """A worker's life."""
        me = threading.current_thread()
        try:
            place = self._places.popleft()
        except IndexError:  # an interrupt had one thread too many started
            with self._starting:  # its starter has written it down
                self._current.pop(me, None)
            return
        me.name = f"{self._name}-{place}"
        self._current[me] = None
        self._queue.begin()
        while Context().run(_work_in_context, self._queue, self._current, me):
            pass
        self._leave(me, place)

    def _leave(self, me: threading.Thread, place: int) -> None:
        """End, so that the next ring starts a thread in this place."""
        with self._starting:
            self._current.pop(me, None)
            self._places.append(place)
            self._missing += 1
        self._queue.pass_on()


def _work_in_context(
    queue: JobQueue, current: dict[threading.Thread, Job | None], me: threading.Thread
) -> bool:
    """Work until a handler has set a context variable, which the next must not see (True), or
    until the queue is closed (False).
    """
    while queue.sleep():
        for job in queue.jobs():
            current[me] = job
            work, event = job
            try:
                returned = work.run(event)
                if returned is not None:
                    check_returned(returned)
                    del returned
            except BaseException as error:
                report_failure(work, event, error)
            current[me] = None
            del job, work, event  # while it sleeps, it keeps nothing alive
            if copy_context():
                return True
    return False
