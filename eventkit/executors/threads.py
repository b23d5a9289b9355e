"""Threads: run handlers on a pool of worker threads. The caller hands over and goes on."""

from __future__ import annotations

import threading
import time
import weakref

from ..event import Event
from ..queues import NOTHING, Job, JobQueue, Overflow, Work
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
        super().__init__(JobQueue(f"{name} ({workers} workers)", capacity, overflow))
        self._running: list[Job | None] = [None] * workers
        self._threads: list[threading.Thread] = []
        self._start_lock = threading.Lock()
        weakref.finalize(self, self._queue.close)  # a forgotten executor's threads end with it

    def submit(self, work: Work, event: Event) -> Job | None:
        if not self._threads:
            self._start()
        queue = self._queue
        may_wait = queue.capacity is None or not self.is_own_thread()
        return queue.put(Job(work, event), may_wait)

    def worker(self) -> str:
        return threading.current_thread().name

    def is_own_thread(self) -> bool:
        return threading.current_thread() in self._threads

    def unfinished(self) -> list[str]:
        names = [thread.name for thread in self._threads]
        return self._unfinished(list(zip(names, self._running, strict=False)))

    def close(self, timeout: float) -> list[Job]:
        deadline = time.monotonic() + timeout
        if not self.is_own_thread():
            self._queue.wait_idle(timeout)
        left = self._queue.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return left

    def _start(self) -> None:
        with self._start_lock:
            if self._threads:
                return
            threads = [
                threading.Thread(
                    target=_work,
                    args=(self._queue, self._running, place),
                    name=f"{self.name}-{place + 1}",
                    daemon=True,
                )
                for place in range(self.workers)
            ]
            for thread in threads:
                thread.start()
            self._threads = threads

    def __repr__(self) -> str:
        return (
            f"Threads({self.workers}, capacity={self._queue.capacity}, "
            f"overflow={self._queue.overflow!r})"
        )


def _work(queue: JobQueue, running: list[Job | None], place: int) -> None:
    """A worker's life. It knows the queue but not the executor, so that a forgotten executor can
    be collected.
    """
    finished = NOTHING
    while job := queue.take(finished):
        running[place] = job
        job.work.run(job.event)
        running[place] = None
        finished = job.event.key
        del job
