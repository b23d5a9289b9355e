"""JobQueue: a bounded queue of work, and what happens when it is full.

Every executor that hands work to other threads or tasks keeps it in a JobQueue. The queue applies
the overflow policy, runs events with the same key one after another, and wakes sleeping workers as
rarely as possible.

A producer wakes a worker only if `_needs_wake` says that none is about to poll the queue, so a
burst costs one wake-up. Appending to a deque and popping from it are atomic. A single worker
therefore takes jobs without a lock.

An interrupt (Ctrl-C, the stop button) can raise KeyboardInterrupt after any call in the main
thread. It leaves no method half done: changes that belong together are made inside one `try`.
If it prevents a wake-up, the next `put` or `wait_idle` wakes a worker instead. Locks are only
taken by `with`, which Python does not interrupt between taking the lock and entering the block.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Literal, Protocol, get_args

from ..errors import BusClosed as BusClosed, QueueFull as QueueFull
from ..event import Event
from ..forks import renew_in_child
from .waiters import Waiters

Overflow = Literal["block", "drop_oldest", "drop_newest", "raise"]


class Work(Protocol):
    """Work for an executor, which calls `run(event)` and reports what it raises to `failed`.

    If the work `is_async`, `run` returns a coroutine, which the executor runs to its end.
    """

    name: str
    is_async: bool

    def run(self, event: Event, /) -> Any:
        """Handle the event."""

    def failed(self, event: Event, error: BaseException) -> None:
        """Record the error that `run` raised."""

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        """Record that an accepted event will never be handled. Called instead of `run`."""


Job = tuple[Work, Event]
"""One event for one handler."""


class JobQueue:
    """A first-in, first-out queue of jobs, of which at most `capacity` wait (None: no bound).

    When it is full, `overflow` decides. "block" makes `put` wait until half of the places are
    free. "drop_oldest" and "drop_newest" drop one event, call its `give_up` and count it in
    `dropped`. "raise" raises QueueFull. With "block", a worker of this queue may exceed `capacity`,
    because only workers make room.

    If two events share a key, the second starts only after the first has finished, whatever the
    number of workers. `workers` is the number of threads that call `jobs`.
    """

    def __init__(
        self, name: str, capacity: int | None = None, overflow: Overflow = "block", workers: int = 1
    ):
        _check(capacity, overflow)
        self.name = name
        self.capacity = capacity
        self.overflow = overflow
        self.dropped = 0
        self.activations = 0  # number of idle-to-busy transitions of workers
        self.closed = False
        self.stop_when_idle = False  # idle workers end; the next wake-up starts them again
        self.used = False  # a worker has been woken, so the engine may have threads
        self.forked = False  # the copy, in a forked child, of a queue that its parent used
        self.wake_engine: Callable[[], None] = self.wake_one
        self.is_worker: Callable[[], bool] = bool
        self._is_shared = workers > 1  # by several worker threads
        self._workers = workers
        self._ready: deque[Job] = deque()
        self._parked: dict[Hashable, deque[Job]] = {}  # behind a running job with the same key
        self._parked_count = 0
        self._abandoned: deque[Job] = deque()  # by an interrupted `close`; workers never run these
        self._active: set[object] = set()  # the activations in progress
        self._needs_wake = True  # no worker is about to poll, or the queue is closed
        self._close_reason = ""  # the message for jobs that wait when the queue is closed
        self._sleeping = workers  # includes workers that have not started, or have ended
        self._wake_ups: SimpleQueue[None] = SimpleQueue()
        self._blocked = Waiters()  # producers without room
        self._drainers = Waiters()  # until nothing waits or runs
        # Re-entrant: a signal handler or the garbage collector may enter while it is held.
        self._lock = threading.RLock()
        renew_in_child(self)

    @property
    def waiting(self) -> int:
        """Number of jobs that no worker has started."""
        return len(self._ready) + self._parked_count + len(self._abandoned)

    @property
    def is_idle(self) -> bool:
        """True if nothing waits and nothing runs."""
        return not self._active and not self._ready and not self._abandoned

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of one activation of a worker, until the queue is empty.

        Asking for the next job marks the last one as finished. If the iterator is closed early,
        because the worker was cancelled, jobs parked behind the current one become available to
        other workers.
        """
        activation = object()
        pop = self._pop_shared if self._is_shared else self._ready.popleft
        key = None  # of the current job
        try:
            with self._lock:
                self._active.add(activation)
                self.activations += 1
            while True:
                try:
                    job = pop()
                except IndexError:
                    return
                key = job[1].key
                if key is not None and not self._is_shared and self._must_park(job):
                    key = None
                    continue
                if self._blocked.locks:
                    self._unblock_producers()
                yield job
                if key is not None:
                    del job
                    yield from self._parked_behind(key)
                    key = None
        finally:
            if key is not None:
                self._unpark(key)
            self._active.discard(activation)
            self._notify_idle()

    def worker_started(self) -> None:
        """Count the calling worker as awake. Each worker thread calls this once, first."""
        with self._lock:
            self._sleeping -= 1

    def sleep(self) -> bool:
        """Sleep until there may be a job. Return False if the worker must end: the queue is closed,
        or it is empty and `stop_when_idle` is set. A worker that ends still counts as asleep.
        """
        with self._lock:
            self._sleeping += 1
            self._needs_wake = True  # first, so that the next `put` wakes a worker
        if not self._ready and not self.closed and not self.stop_when_idle:
            self._wake_ups.get()
        with self._lock:
            if self.closed or (self.stop_when_idle and not self._ready):
                self._needs_wake = True
                return False
            self._sleeping -= 1
            self._needs_wake = self._sleeping > 0
            return True

    def wake_if_waiting(self) -> None:
        """Wake a worker if there is a job. A worker that ends calls this last, because it may have
        taken a wake-up.
        """
        if self._ready and not self.closed:
            self._wake()

    def rearm_wake(self) -> None:
        """Re-arm the wake-up. Loop workers call this before they poll the queue."""
        self._needs_wake = True

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait until nothing waits or runs. Return False if `timeout` seconds pass first."""
        if self._abandoned or (self._ready and self._needs_wake):  # left by an interrupt
            self._abandon_waiting() if self.closed else self._wake()
        if self.is_idle or timeout == 0:
            return self.is_idle
        return self._drainers.wait(lambda: self.is_idle, timeout)

    async def wait_idle_async(self, timeout: float | None) -> bool:
        """As `wait_idle`, without holding up the running event loop."""
        if self.wait_idle(0) or timeout == 0:
            return self.is_idle
        return await self._drainers.wait_async(lambda: self.is_idle, timeout)

    def close(self, reason: str = "the bus was closed before this event was handled.") -> None:
        """Refuse new jobs, wake every waiting thread, and abandon every job that no worker has
        started: its `give_up` gets BusClosed with this reason.

        Can be called twice. After an interrupt, the second call completes the first.
        """
        with self._lock:
            self.closed = self._needs_wake = True
            self._close_reason = reason
        for _ in range(self._workers):
            self._wake_ups.put(None)
        self._blocked.wake_all()
        self._abandon_waiting()
        self._notify_idle()

    def discard_waiting(self) -> None:
        """Discard all waiting jobs without calling their `give_up`."""
        self._ready.clear()
        self._abandoned.clear()
        self._parked.clear()
        self._parked_count = 0

    def renew(self) -> None:
        """In a forked child, close the queue if the parent used it: the child has no workers."""
        self._lock = threading.RLock()  # a thread of the parent may hold it
        if self.used:
            self.closed = self.forked = self._needs_wake = True
            self._active.clear()
            self.discard_waiting()

    # Capacity

    def put(self, work: Work, event: Event) -> None:
        """Accept a job, or raise QueueFull or BusClosed, or TypeError for an unhashable key. May
        block, as `overflow` says.
        """
        if event.key is not None:
            hash(event.key)  # fail here if it is unhashable, rather than in a worker
        job = (work, event)
        if self.capacity is None:
            self._ready.append(job)
        elif not self._put_if_room(job) and not self._put_into_full(job):
            return
        if self._needs_wake:
            self._wake(job)

    def _put_if_room(self, job: Job) -> bool:
        with self._lock:
            if self._is_full():
                return False
            self._ready.append(job)
            return True

    def _put_into_full(self, job: Job) -> bool:
        """Apply the overflow policy. Return True if the job was put."""
        while not self.closed:
            if self._needs_wake:  # an interrupt may have prevented the last wake-up
                self._wake()
            with self._lock:
                if not self._is_full() or (self.overflow == "block" and self.is_worker()):
                    self._ready.append(job)
                    return True
            if self.overflow == "raise":
                places = f"{self.name} has all {self.capacity} places in its queue taken"
                raise QueueFull(job[1], f"{places} and refused")
            if self.overflow != "block":
                return self._drop_one(job)
            self._blocked.wait(lambda: self.closed or not self._is_full())
        self._ready.append(job)  # `put` then calls `_wake`, which refuses it
        return True

    def _is_full(self) -> bool:
        return self.capacity is not None and self.waiting >= self.capacity

    def _drop_one(self, job: Job) -> bool:
        """Drop the oldest job or this one. Return True if this one was put."""
        with self._lock:
            self.dropped += 1  # first: an interrupt may follow any of the calls below
            dropped = job if self.overflow == "drop_newest" else self._pop_oldest()
            if dropped is None:
                self.dropped -= 1
            if dropped is not job:
                self._ready.append(job)
        if dropped is not None:
            dropped[0].give_up(dropped[1])
        return dropped is not job

    def _pop_oldest(self) -> Job | None:
        """Pop a parked job if there is one: parked jobs are older than all ready jobs."""
        parked = [jobs for jobs in self._parked.values() if jobs]
        if parked:
            self._parked_count -= 1
            return min(parked, key=lambda jobs: jobs[0][1].id).popleft()
        try:
            return self._ready.popleft()
        except IndexError:  # a worker has just taken it, so there is room
            return None

    def _unblock_producers(self) -> None:
        """Wake blocked producers once half of the places are free: one wake-up for many puts."""
        if self.capacity is not None and self.waiting <= self.capacity // 2:
            self._blocked.wake_all()

    # Keys

    def _pop_shared(self) -> Job:
        """Pop a job and claim its key in one step, so that workers claim a key in queue order."""
        with self._lock:
            job = self._ready.popleft()
            while job[1].key is not None and self._must_park(job):
                job = self._ready.popleft()
            if self._sleeping and self._ready and self._needs_wake:
                self._wake()  # each worker that wakes up wakes the next
            return job

    def _must_park(self, job: Job) -> bool:
        """Park the job and return True if one with the same key runs; else claim the key."""
        with self._lock:
            key = job[1].key
            if key not in self._parked:
                self._parked[key] = deque()
                return False
            self._parked_count += 1
            self._parked[key].append(job)
            return True

    def _parked_behind(self, key: str) -> Iterator[Job]:
        """Yield the jobs parked behind a finished one, then release the key."""
        while True:
            with self._lock:
                if not self._parked[key]:
                    del self._parked[key]
                    return
                self._parked_count -= 1
                job = self._parked[key].popleft()
            if self._blocked.locks:
                self._unblock_producers()
            yield job

    def _unpark(self, key: str) -> None:
        """Release the key of a cancelled job. Jobs parked behind it become the next ready ones."""
        with self._lock:
            behind = self._parked.pop(key, deque())
            self._parked_count -= len(behind)
            self._ready.extendleft(reversed(behind))

    # Waking and closing

    def wake_one(self) -> None:
        """Wake one sleeping worker thread. Engines set `wake_engine`, which may call this."""
        self._wake_ups.put(None)

    def _wake(self, job: Job | None = None) -> None:
        """Wake a worker, or refuse the job if the queue is closed. A second wake-up is harmless, so
        this needs no lock.
        """
        if self.closed:
            self._refuse(job)
            return
        try:
            self._needs_wake = False  # first: the worker that wakes up sets it again
            self.used = True
            self.stop_when_idle = False
            self.wake_engine()
        except BaseException as problem:
            self._needs_wake = True
            if isinstance(problem, Exception):  # after an interrupt the job stays queued
                self._withdraw(job)
            raise

    def _refuse(self, job: Job | None) -> None:
        if job is None or not self._withdraw(job):
            return
        event = f"event {job[1].id} ({job[1].topic!r}) was not accepted."
        if self.forked:
            raise BusClosed(
                f"{self.name} was used before this process was forked, and its threads run in "
                f"the parent only, so {event} Make the bus in the child process, or fork first."
            )
        raise BusClosed(f"{self.name} is closed, so {event}")

    def _withdraw(self, job: Job | None) -> bool:
        """Remove the job. Return False if it is gone: `close` or a worker has taken it."""
        try:
            self._ready.remove(job)  # type: ignore[arg-type]
        except (ValueError, IndexError):  # gone, or taken during the search
            return False
        self._notify_idle()
        return True

    def _notify_idle(self) -> None:
        if self._drainers.locks and self.is_idle:
            self._drainers.wake_all()

    def _abandon_waiting(self) -> None:
        left: deque[Job] = deque()
        try:
            with self._lock:
                for parked in self._parked.values():
                    _move(parked, left)
                self._parked_count = 0
                _move(self._ready, left)
                _move(self._abandoned, left)
            while left:
                work, event = left[0]
                work.give_up(event, BusClosed(self._close_reason))
                left.popleft()
        finally:
            self._abandoned.extend(left)  # not empty after an interrupt; the next call continues


def _check(capacity: object, overflow: object) -> None:
    if capacity is not None and (type(capacity) is not int or capacity < 1):
        raise ValueError(
            f"capacity is the number of events that may wait: a whole number of 1 or more, or None "
            f"for no bound; got {capacity!r}."
        )
    if overflow not in get_args(Overflow):
        raise ValueError(f"overflow is one of {get_args(Overflow)}; got {overflow!r}.")


def report_failure(work: Work, event: Event, error: BaseException) -> None:
    """Call `work.failed`. Log what it raises itself, so that the worker survives."""
    try:
        work.failed(event, error)
    except BaseException as problem:
        with suppress(BaseException):
            import logging

            logging.getLogger("eventkit").error(
                "could not report that %s failed on event %d (%r)",
                work.name, event.id, event.topic, exc_info=problem,
            )  # fmt: skip


def _move(jobs: deque[Job], to: deque[Job]) -> None:
    """Move all jobs in one C call, so that an interrupt cannot lose one in between."""
    with suppress(IndexError):
        to.extend(iter(jobs.popleft, None))
