"""JobQueue: a bounded queue of work, and what happens when it is full.

Every executor that hands work over keeps it in one of these. It decides three things: what gives
when the queue is full, that events with one key run one after another, and how seldom a sleeping
thread must be woken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Literal, NamedTuple, Protocol, get_args

from .event import Event

Overflow = Literal["block", "drop_oldest", "drop_newest", "raise"]
NOTHING: Any = object()


class Work(Protocol):
    """What an executor is given to do: call `run(event)`, and see the coroutine that this returns
    through if the work `is_async`.
    """

    name: str
    is_async: bool
    run: Callable[[Event], Any]

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        """Told instead of `run` when an accepted event will never be handled."""


class Job(NamedTuple):
    """One event for one handler."""

    work: Work
    event: Event


class QueueFull(Exception):
    """An executor had no room for `event`, so that it will not be handled."""

    def __init__(self, event: Event, what: str) -> None:
        super().__init__(
            f"{what} event {event.id} ({event.topic!r}). Fire more slowly, add workers, raise "
            "capacity=, or choose another overflow=."
        )
        self.event = event


class BusClosed(RuntimeError):
    """An event was fired at a bus, or handed to an executor, that has been closed."""


class JobQueue:
    """Jobs in the order they came, at most `capacity` waiting (None: no bound).

    When it is full, `overflow` decides: "block" makes `put` wait for room, "drop_oldest" and
    "drop_newest" give one event up and count it in `dropped`, "raise" raises QueueFull.

    Of two jobs whose events share a key, the second is not handed out until the first is
    finished, whatever the number of workers.
    """

    def __init__(self, name: str, capacity: int | None = None, overflow: Overflow = "block"):
        if capacity is not None and (type(capacity) is not int or capacity < 1):
            raise ValueError(
                f"capacity is the number of events that may wait: 1 or more, or None for no "
                f"bound; got {capacity!r}."
            )
        if overflow not in get_args(Overflow):
            raise ValueError(f"overflow is one of {get_args(Overflow)}; got {overflow!r}.")
        self.name = name
        self.capacity = capacity
        self.overflow = overflow
        self.accepted = 0
        self.dropped = 0
        self.waiting = 0
        self.pending = 0  # waiting or running
        self.closed = False
        self._ready: deque[Job] = deque()
        self._parked: dict[Hashable, deque[Job]] = {}  # behind a running job with the same key
        # Re-entrant, since a forgotten executor's queue is closed by the garbage collector, which
        # may come along in the middle of a `take`.
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)
        self._sleeping = 0
        self._waking = False

    def put(self, job: Job, may_wait: bool = True) -> Job | None:
        """Accept a job; the return value is the job given up for it, if any.

        A worker of this very queue passes `may_wait=False`: it is let in beyond `capacity`,
        because nobody else could make the room it would wait for. Raises QueueFull or BusClosed.
        """
        hash(job.event.key)  # a key that cannot be hashed fails here rather than in a worker
        given_up = None
        with self._lock:
            if self.capacity is not None and self.waiting >= self.capacity:
                given_up = self._make_room(job, may_wait)
                if given_up is job:
                    return job
            if self.closed:
                raise BusClosed(
                    f"{self.name} is closed, so event {job.event.id} "
                    f"({job.event.topic!r}) was not accepted."
                )
            self._ready.append(job)
            self.accepted += 1
            self.waiting += 1
            self.pending += 1
            if self._sleeping and not self._waking:
                self._wake_one()
        return given_up

    def take(self, finished: str | None = NOTHING, wait: bool = True) -> Job | None:
        """The next job to run, or None when there is none: at once with `wait=False`, otherwise
        only after the queue was closed.

        A worker that has `finished` a job hands back its key, and keeps no hold of the job: a
        forgotten bus would live as long as the worker sleeps.
        """
        with self._lock:
            job = None if finished is NOTHING else self._finish(finished)
            while job is None:
                job = self._next_ready()
                if job is None and (self.closed or not wait):
                    return None
                if job is None:
                    self._sleep()
            self.waiting -= 1
            if self._sleeping and self._ready and not self._waking:
                self._wake_one()
            if self.capacity is not None and self.waiting <= self.capacity // 2:
                self._room.notify_all()
            return job

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits or runs; whether that came about."""
        with self._lock:
            return self._idle.wait_for(lambda: self.pending == 0, timeout)

    def close(self) -> list[Job]:
        """Accept nothing more and wake everyone; the jobs that nobody had begun are returned."""
        with self._lock:
            self.closed = True
            left = [job for parked in self._parked.values() for job in parked]
            left += self._ready
            for parked in self._parked.values():
                parked.clear()
            self._ready.clear()
            self.waiting = 0
            self.pending -= len(left)
            for condition in (self._work, self._room, self._idle):
                condition.notify_all()
            return left

    def _make_room(self, job: Job, may_wait: bool) -> Job | None:
        assert self.capacity is not None
        if self.overflow == "raise":
            places = f"{self.name} has all {self.capacity} places in its queue taken"
            raise QueueFull(job.event, f"{places} and refused")
        if self.overflow == "block":
            while may_wait and self.waiting >= self.capacity and not self.closed:
                self._room.wait()
            return None
        self.dropped += 1
        return job if self.overflow == "drop_newest" else self._pop_oldest()

    def _pop_oldest(self) -> Job:
        """Parked jobs have waited longer than all that are ready: they were taken before them."""
        parked = min(
            filter(None, self._parked.values()),
            key=lambda jobs: jobs[0].event.id,
            default=self._ready,
        )
        self.waiting -= 1
        self.pending -= 1
        return parked.popleft()

    def _next_ready(self) -> Job | None:
        while self._ready:
            job = self._ready.popleft()
            key = job.event.key
            if key is None:
                return job
            if key not in self._parked:
                self._parked[key] = deque()
                return job
            self._parked[key].append(job)
        return None

    def _finish(self, key: str | None) -> Job | None:
        """Count a job as done; the one parked behind it is next, and its worker goes on with it."""
        self.pending -= 1
        if not self.pending:
            self._idle.notify_all()
        if key is None:
            return None
        if self._parked[key]:
            return self._parked[key].popleft()
        del self._parked[key]
        return None

    def _sleep(self) -> None:
        self._sleeping += 1
        self._work.wait()
        self._waking = False

    def _wake_one(self) -> None:
        """One sleeper at a time: whoever wakes and finds more work wakes the next, so a burst
        costs its producer a single wake-up.
        """
        self._sleeping -= 1
        self._waking = True
        self._work.notify()
