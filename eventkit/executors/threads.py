"""Threads: run handlers on a pool of worker threads. The caller does not wait for them."""

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
    """Runs handlers on `workers` threads, which take events from one queue, oldest first.

    Events with the same key are handled one after another. Without keys, only `Threads(1)` keeps
    the order. At most `capacity` events wait (None: no bound), and `overflow` says what happens
    when one more comes. The threads start with the first event and are named `name-1`, `name-2`, …
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
    """The worker threads, started by the first event."""

    def __init__(self, queue: JobQueue, workers: int, name: str) -> None:
        self._queue = queue
        self._name = name
        self._missing = workers  # number of threads that are not started
        self._numbers = deque(range(1, workers + 1))  # each running thread takes one
        self._current: dict[threading.Thread, Job | None] = {}
        self._starting = threading.RLock()
        queue.wake_engine = self._wake

    def is_own_thread(self) -> bool:
        return threading.current_thread() in self._current

    def running(self) -> list[tuple[str, Job | None]]:
        return [(thread.name, job) for thread, job in list(self._current.items())]

    def worker(self) -> str:
        return threading.current_thread().name

    def rest(self) -> None:
        for _ in list(self._current):
            self._queue.wake_one()

    def stop(self, timeout: float = 0.0) -> None:
        deadline = time.monotonic() + timeout
        for thread in list(self._current):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _wake(self) -> None:
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
                break  # the running threads do the work, and the next event tries again
            self._current.setdefault(thread, None)
            self._missing -= 1

    def _work(self) -> None:
        """The body of a worker thread: run jobs until the queue has it end."""
        thread = threading.current_thread()
        try:
            number = self._numbers.popleft()
        except IndexError:  # an interrupt led to one thread too many
            with self._starting:  # wait until the starter has registered this thread
                self._current.pop(thread, None)
            return
        thread.name = f"{self._name}-{number}"
        self._current[thread] = None
        self._queue.worker_started()
        while Context().run(_work_in_context, self._queue, self._current, thread):
            pass
        self._leave(thread, number)

    def _leave(self, thread: threading.Thread, number: int) -> None:
        """End this thread. The next wake-up starts another one with its number."""
        with self._starting:
            self._current.pop(thread, None)
            self._numbers.append(number)
            self._missing += 1
        self._queue.wake_if_waiting()


def _work_in_context(
    queue: JobQueue, current: dict[threading.Thread, Job | None], thread: threading.Thread
) -> bool:
    """Run jobs until a handler sets a context variable. Return False if this worker must end.

    The caller then provides a new context, so the next handler does not see the variable.
    """
    while queue.sleep():
        for job in queue.jobs():
            current[thread] = job
            work, event = job
            try:
                check_returned(work.run(event))
            except BaseException as error:
                report_failure(work, event, error)
            current[thread] = None
            del job, work, event  # a sleeping worker keeps no event alive
            if copy_context():
                return True
    return False
