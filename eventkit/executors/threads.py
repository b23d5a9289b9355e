"""Threads: run handlers on a pool of worker threads. The caller hands over and goes on."""

from __future__ import annotations

import threading
import time
import weakref

from ..queues import NOTHING, Job, JobQueue, Overflow
from . import Queued


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
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
            raise ValueError(f"workers is the number of threads, 1 or more; got {workers!r}.")
        self.workers = workers
        self.name = name
        super().__init__(JobQueue(f"{name} ({workers} workers)", capacity, overflow, workers))
        self._pool = _Pool(self._queue, workers, name)
        weakref.finalize(self, self._queue.close)  # a forgotten executor's threads end with it

    def worker(self) -> str:
        return threading.current_thread().name

    def is_own_thread(self) -> bool:
        return self._pool.is_here()

    def unfinished(self) -> list[str]:
        return self._unfinished(self._pool.running())

    def close(self, timeout: float) -> list[Job]:
        deadline = time.monotonic() + timeout
        if not self.is_own_thread():
            self._queue.wait_idle(timeout)
        left = self._queue.close()
        for thread in self._pool.threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return left

    def __repr__(self) -> str:
        return (
            f"Threads({self.workers}, capacity={self._queue.capacity}, "
            f"overflow={self._queue.overflow!r})"
        )


class _Pool:
    """The threads, started by the first event. They know the queue but not the executor, so that a
    forgotten executor can be collected.
    """

    def __init__(self, queue: JobQueue, workers: int, name: str) -> None:
        self.threads: list[threading.Thread] = []
        self._queue = queue
        self._name = name
        self._current: list[Job | None] = [None] * workers
        queue.bell = self._ring
        queue.is_worker = self.is_here

    def is_here(self) -> bool:
        """Whether the calling thread is one of the pool's."""
        return threading.current_thread() in self.threads

    def running(self) -> list[tuple[str, Job | None]]:
        """Each worker and the job that it is at."""
        names = [thread.name for thread in self.threads]
        return list(zip(names, self._current, strict=False))

    def _ring(self) -> None:
        if self.threads:
            self._queue.wake_one()
            return
        self.threads = [
            threading.Thread(
                target=_work,
                args=(self._queue, self._current, place),
                name=f"{self._name}-{place + 1}",
                daemon=True,
            )
            for place in range(len(self._current))
        ]
        for thread in self.threads:
            thread.start()


def _work(queue: JobQueue, current: list[Job | None], place: int) -> None:
    """A worker's life."""
    finished = NOTHING
    while job := queue.take(finished):
        current[place] = job
        work, event = job
        work.run(event)
        current[place] = None
        finished = event.key
        del job, work, event  # while it sleeps, it keeps nothing alive
