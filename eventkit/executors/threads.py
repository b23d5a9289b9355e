"""Threads: run handlers on a pool of worker threads. The caller hands over and goes on."""

from __future__ import annotations

import threading
import time

from ..queues import Job, JobQueue, Overflow
from . import Queued, whole_number


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
        super().__init__(name, queue, _Pool(queue, workers, name))


class _Pool:
    """The threads, started by the first event."""

    def __init__(self, queue: JobQueue, workers: int, name: str) -> None:
        self._threads: list[threading.Thread] = []
        self._queue = queue
        self._name = name
        self._current: list[Job | None] = [None] * workers
        queue.bell = self._ring

    def is_here(self) -> bool:
        return threading.current_thread() in self._threads

    def running(self) -> list[tuple[str, Job | None]]:
        names = [thread.name for thread in self._threads]
        return list(zip(names, self._current, strict=False))

    def lane(self) -> str:
        return threading.current_thread().name

    def stop(self, timeout: float = 0.0) -> None:
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _ring(self) -> None:
        if self._threads:
            self._queue.wake_one()
            return
        self._threads = [
            threading.Thread(
                target=_work,
                args=(self._queue, self._current, place),
                name=f"{self._name}-{place + 1}",
                daemon=True,
            )
            for place in range(len(self._current))
        ]
        for thread in self._threads:
            thread.start()


def _work(queue: JobQueue, current: list[Job | None], place: int) -> None:
    """A worker's life."""
    while queue.sleep():
        for job in queue.jobs():
            current[place] = job
            work, event = job
            try:
                work.run(event)
            except BaseException as error:
                work.failed(event, error)
            current[place] = None
            del job, work, event  # while it sleeps, it keeps nothing alive
