"""Executor: the protocol of all executors. Queued: the base class of those with a queue."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from ..checks import optional_seconds, seconds
from ..event import Event
from ..handlers import WaitsBy
from .queue import Job, JobQueue, Work


class Executor(Protocol):
    """The methods of an executor that the bus uses."""

    name: str
    waits_by: WaitsBy

    def submit(self, work: Work, event: Event, /) -> None:
        """Accept an event for some work, or raise QueueFull or BusClosed."""

    @property
    def activations(self) -> int:
        """Number of idle-to-busy transitions. If it is unchanged and the executor is idle, nothing
        ran in between.
        """

    def pause(self, seconds: float) -> Any:
        """Wait between two attempts of a handler. If `waits_by` is not None, this returns at once,
        and the handler must await what it returns.
        """

    def worker(self) -> str:
        """Return the name of the calling worker, as recordings show it."""

    def is_own_thread(self) -> bool:
        """Return True if events that wait here are handled on the calling thread."""

    def is_only_worker(self) -> bool:
        """Return True if all events here are handled on the calling thread. While it blocks, no
        handler runs.
        """

    def is_at(self, key: str) -> bool:
        """Return True if the calling worker is handling an event with this key. The next event
        with the key then waits for it.
        """

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait until nothing waits or runs. Return False if `timeout` seconds pass first."""

    async def wait_idle_async(self, timeout: float | None) -> bool:
        """As `wait_idle`, without holding up the running event loop."""

    def unfinished(self) -> list[str]:
        """Describe each running handler, and how many events wait."""

    def rest(self) -> None:
        """Have the threads end once nothing waits or runs. The next event starts them again.

        Returns at once.
        """

    def close(self, timeout: float) -> None:
        """Stop, after waiting up to `timeout` seconds for accepted events to be handled.

        Events that no worker has started by then are given up with BusClosed. Can be called twice.
        On a thread of its own it does not wait. Inline and Awaited have nothing to stop.
        """


class Engine(Protocol):
    """The threads, tasks or green threads that run the jobs of a queue, which wakes them.

    An engine refers to the queue but not to the executor, so an unused executor can be collected.
    """

    def is_own_thread(self) -> bool:
        """Return True if this engine runs handlers on the calling thread."""

    def worker(self) -> str:
        """Return the name of the calling worker."""

    def running(self) -> list[tuple[str, Job | None]]:
        """Return the name of each worker, with its current job."""

    def rest(self) -> None:
        """Wake sleeping workers, which end if the queue is empty and `stop_when_idle` is set."""

    def stop(self, timeout: float = 0.0) -> None:
        """Cancel running handlers where possible, and end. Can be called twice."""


class Queued:
    """An executor that keeps jobs in a queue, from which an engine takes and runs them."""

    waits_by: WaitsBy = None

    def __init__(self, name: str, queue: JobQueue, engine: Engine) -> None:
        self.name = name
        self._queue = queue
        self._engine = engine
        self.submit: Callable[[Work, Event], None] = queue.put
        queue.is_worker = engine.is_own_thread
        weakref.finalize(self, _end, queue, engine)

    @property
    def activations(self) -> int:
        return self._queue.activations

    @property
    def dropped(self) -> int:
        """Number of events dropped by the overflow policy."""
        return self._queue.dropped

    @property
    def waiting(self) -> int:
        """Number of events that wait for a worker."""
        return self._queue.waiting

    def pause(self, seconds: float) -> Any:
        time.sleep(seconds)

    def worker(self) -> str:
        return self._engine.worker()

    def is_own_thread(self) -> bool:
        return self._engine.is_own_thread()

    def is_only_worker(self) -> bool:
        return self.is_own_thread()

    def is_at(self, key: str) -> bool:
        if not self.is_own_thread():
            return False
        caller = self._engine.worker()
        return any(
            worker == caller and job and job[1].key == key for worker, job in self._engine.running()
        )

    def wait_idle(self, timeout: float | None) -> bool:
        return self._queue.wait_idle(optional_seconds("timeout", timeout))

    async def wait_idle_async(self, timeout: float | None) -> bool:
        return await self._queue.wait_idle_async(optional_seconds("timeout", timeout))

    def rest(self) -> None:
        self._queue.stop_when_idle = True
        self._engine.rest()

    def unfinished(self) -> list[str]:
        jobs = [(worker, *job) for worker, job in self._engine.running() if job]
        lines = [
            f"{work.name} with event {event.id} ({event.topic!r}) on {worker}"
            for worker, work, event in jobs
        ]
        if self._queue.waiting:
            lines.append(f"{self._queue.waiting} waiting in {self._queue.name}")
        return lines

    def close(self, timeout: float) -> None:
        deadline = time.monotonic() + seconds("timeout", timeout)
        if not self.is_own_thread():
            self._queue.wait_idle(timeout)
        self._queue.close()
        if not self._queue.forked:  # else the engine is the parent's, in an unknown state
            self._engine.stop(max(0.0, deadline - time.monotonic()))

    def __repr__(self) -> str:
        queue = self._queue
        return f"{type(self).__name__}(capacity={queue.capacity}, overflow={queue.overflow!r})"


def _end(queue: JobQueue, engine: Engine) -> None:
    """End the workers of an executor that was collected, or still open when the program ends."""
    unhandled = queue.waiting + sum(job is not None for _, job in engine.running())
    if unhandled and not queue.forked and not queue.closed:
        print(
            f"eventkit: {unhandled} accepted event(s) on {queue.name} were not handled, because "
            "the program ended first. Wait with bus.drain() or bus.close().",
            file=sys.stderr,
        )
        queue.discard_waiting()
    queue.close()
    if not queue.forked:
        engine.stop()
