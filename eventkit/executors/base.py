"""How a processor runs: one file for each model, all with the same few methods."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from ..checks import optional_seconds, seconds
from ..event import Event
from ..handlers import WaitsBy as WaitsBy, name_of as name_of
from .queue import Job, JobQueue, Work


class Executor(Protocol):
    """What the bus asks of an executor."""

    name: str
    waits_by: WaitsBy

    def submit(self, work: Work, event: Event, /) -> None:
        """Accept work, or raise QueueFull or BusClosed."""

    @property
    def activations(self) -> int:
        """How often it has begun to work after a rest. Idle, and no more turns than before: it has
        been idle all the while.
        """

    def pause(self, seconds: float) -> Any:
        """Wait between two attempts of a handler: what is returned is awaited, if handlers here
        wait by await or yield.
        """

    def worker(self) -> str:
        """The name of the worker that is calling: a lane in the pictures."""

    def is_own_thread(self) -> bool:
        """Whether the calling thread is one that this executor needs for its work."""

    def is_only_worker(self) -> bool:
        """Return whether the calling thread is the only one that this executor works on, so that
        nothing happens here while it waits.
        """

    def is_at(self, key: str) -> bool:
        """Return whether the calling worker is at an event with this key, so that the next with
        the same key has to wait for it.
        """

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits or runs. Return True if that is so."""

    def unfinished(self) -> list[str]:
        """What is running and how much waits, in words."""

    def rest(self) -> None:
        """Give the threads back as soon as nothing waits or runs. The next event starts them
        again. Does not wait.
        """

    def close(self, timeout: float) -> None:
        """Finish within `timeout` seconds what was accepted, give up with BusClosed what no worker
        has begun by then, and stop. Can be called twice.
        """


class Engine(Protocol):
    """The threads, tasks or green threads behind a queue, woken by its bell. It knows the queue but
    not the executor, so that a forgotten executor can be collected.
    """

    def is_here(self) -> bool:
        """Whether the calling thread belongs to it."""

    def lane(self) -> str:
        """The name of the worker that is calling."""

    def running(self) -> list[tuple[str, Job | None]]:
        """Each worker and the job that it is at."""

    def rest(self) -> None:
        """Wake what sleeps: the queue is at rest, so whatever finds nothing to do ends."""

    def stop(self, timeout: float = 0.0) -> None:
        """Cut off what still runs, if that is possible, and end. Can be called twice."""


class Queued:
    """An executor that keeps its work in a queue and has it done by an engine."""

    waits_by: WaitsBy = None

    def __init__(self, name: str, queue: JobQueue, engine: Engine) -> None:
        self.name = name
        self._queue = queue
        self._engine = engine
        self.submit: Callable[[Work, Event], None] = queue.put
        queue.is_worker = engine.is_here
        weakref.finalize(self, _end, queue, engine)

    @property
    def activations(self) -> int:
        return self._queue.activations

    @property
    def dropped(self) -> int:
        """How many events the overflow policy has given up."""
        return self._queue.dropped

    @property
    def waiting(self) -> int:
        """How many events wait for a worker now."""
        return self._queue.waiting

    def pause(self, seconds: float) -> Any:
        time.sleep(seconds)

    def worker(self) -> str:
        return self._engine.lane()

    def is_own_thread(self) -> bool:
        return self._engine.is_here()

    def is_only_worker(self) -> bool:
        return self.is_own_thread()

    def is_at(self, key: str) -> bool:
        if not self.is_own_thread():
            return False
        me = self._engine.lane()
        return any(who == me and job and job[1].key == key for who, job in self._engine.running())

    def wait_idle(self, timeout: float | None) -> bool:
        if timeout != 0:  # which is how `drain` looks, again and again
            timeout = optional_seconds("timeout", timeout)
        return self._queue.wait_idle(timeout)

    def rest(self) -> None:
        self._queue.resting = True
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
        if not self._queue.forked:  # else the engine is the parent's, caught in any state
            self._engine.stop(max(0.0, deadline - time.monotonic()))

    def __repr__(self) -> str:
        queue = self._queue
        return f"{type(self).__name__}(capacity={queue.capacity}, overflow={queue.overflow!r})"


def _end(queue: JobQueue, engine: Engine) -> None:
    """End the workers of an executor that was forgotten, or still open when the program ends."""
    unhandled = queue.waiting + sum(job is not None for _, job in engine.running())
    if unhandled and not queue.forked and not queue.closed:
        print(
            f"eventkit: {unhandled} accepted event(s) on {queue.name} were not handled, because "
            "the program ended first. Wait with bus.drain() or bus.close().",
            file=sys.stderr,
        )
        queue.forget()
    queue.close()
    if not queue.forked:
        engine.stop()
