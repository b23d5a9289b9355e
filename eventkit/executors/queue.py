"""JobQueue: a bounded queue of work, and what happens when it is full.

Every executor that hands work over keeps it in one of these. It decides three things: what gives
when the queue is full, that events with one key run one after another, and how seldom a sleeping
worker must be woken.

A bell stands between the two sides. A producer rings it only if `_alert` says that no worker is
about to look, so that a burst costs one wake-up. Appending to a deque and popping from it are
atomic, so a worker that is awake takes no lock to be given a job.

An interrupt (Ctrl-C, the stop button) can raise KeyboardInterrupt after any call in the main
thread. No method is left half done by it: what has to happen together happens inside one `try`,
and a job whose bell was not rung is found by the next `put` or `wait_idle`. Locks are only taken
by `with`, which Python does not interrupt between taking the lock and entering the block.
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

Overflow = Literal["block", "drop_oldest", "drop_newest", "raise"]


class Work(Protocol):
    """What an executor is given to do: call `run(event)`, see the coroutine that this returns
    through if the work `is_async`, and report what it raises to `failed`.
    """

    name: str
    is_async: bool

    def run(self, event: Event, /) -> Any:
        """Handle the event."""

    def failed(self, event: Event, error: BaseException) -> None:
        """Told what `run` raised."""

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        """Told instead of `run` when an accepted event will never be handled."""


Job = tuple[Work, Event]
"""One event for one handler."""


class JobQueue:
    """Jobs in the order they came, at most `capacity` waiting (None: no bound).

    When it is full, `overflow` decides: "block" makes `put` wait until half of the places are
    free, "drop_oldest" and "drop_newest" give one event up and count it in `dropped`, "raise"
    raises QueueFull.

    `put(work, event)` accepts a job, or raises QueueFull or BusClosed. What `overflow` gives up is
    told so. A worker of this very queue is let in beyond `capacity`, because only workers make the
    room that it would wait for.

    Of two jobs whose events share a key, the second is not handed out until the first is
    finished, whatever the number of workers. `workers` is how many threads ask for `jobs`.
    """

    def __init__(
        self, name: str, capacity: int | None = None, overflow: Overflow = "block", workers: int = 1
    ):
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
        self.dropped = 0
        self.activations = 0  # how often a worker has begun to work after a rest
        self.closed = False
        self.resting = False  # workers that find nothing to do end; a ring starts them again
        self.used = False  # the bell has been rung: there may be threads behind it
        self.forked = False  # this is the copy in a child process, of a queue used by its parent
        self.bell: Callable[[], None] = self.wake_one
        self.put: Callable[[Work, Event], None] = (
            self._put_without_bound() if capacity is None else self._put_bounded(capacity)
        )
        self.is_worker: Callable[[], bool] = bool
        self._is_shared = workers > 1
        self._workers = workers
        self._ready: deque[Job] = deque()
        self._parked: dict[Hashable, deque[Job]] = {}  # behind a running job with the same key
        self._behind = 0  # how many are parked
        self._given_up: deque[Job] = deque()  # by an interrupted close: workers never run these
        self._active: set[object] = set()  # one for each worker that has work, or looks for it
        self._alert = True  # the next `put` must ring: no worker is about to look, or it is closed
        self._why = ""  # what those are told that wait when it is closed
        self._sleeping = workers  # those that have not begun, or have ended to rest, included
        self._wake_ups: SimpleQueue[None] = SimpleQueue()
        self._blocked: deque[threading.Lock] = deque()  # each is released when there is room
        self._idlers: deque[threading.Lock] = deque()  # each is released when all is done
        # Re-entrant, since a signal handler or the garbage collector may come along inside.
        self._lock = threading.RLock()
        renew_in_child(self)

    @property
    def waiting(self) -> int:
        """How many jobs no worker has begun."""
        return len(self._ready) + self._behind + len(self._given_up)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._active and not self._ready and not self._given_up

    def jobs(self) -> Iterator[Job]:
        """A worker's turn: the jobs that are there, one after another. Asking for the next says
        that the last is finished. It ends when there is none at this moment, or when it is closed
        because the worker was cut off: what waited behind its job is then there for others.
        """
        turn = object()
        pop = self._pop_shared if self._is_shared else self._ready.popleft
        key = None  # of the job under way
        try:
            with self._lock:
                self._active.add(turn)
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
                if self._blocked:
                    self._let_in()
                yield job
                if key is not None:
                    del job
                    yield from self._parked_behind(key)
                    key = None
        finally:
            if key is not None:
                self._hand_back(key)
            self._active.discard(turn)
            self._tell_idlers()

    def begin(self) -> None:
        """Count the calling worker as awake. Each calls this once, before all else."""
        with self._lock:
            self._sleeping -= 1

    def sleep(self) -> bool:
        """Sleep until there may be a job. Return False if the worker must end, because the queue is
        closed or at rest. A worker that ends counts as asleep: a ring starts it again.
        """
        with self._lock:
            self._sleeping += 1
            self._alert = True  # first, so that a job put from now on rings
        if not self._ready and not self.closed and not self.resting:
            self._wake_ups.get()
        with self._lock:
            if self.closed or (self.resting and not self._ready):
                self._alert = True
                return False
            self._sleeping -= 1
            self._alert = self._sleeping > 0
            return True

    def pass_on(self) -> None:
        """Ring if there is a job. A worker that ends calls this last: it may have been woken."""
        if self._ready and not self.closed:
            self._ring()

    def answer_bell(self) -> None:
        """Re-arm the bell. Workers on a loop call this before they look."""
        self._alert = True

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits or runs. Return True if that is so."""
        if self._given_up or (self._ready and self._alert):  # left by an interrupt
            self._give_up_waiting() if self.closed else self._ring()
        if self.is_idle or timeout == 0:
            return self.is_idle
        done = _locked()
        self._idlers.append(done)  # first, so that a worker that finishes from now on sees it
        try:
            return self.is_idle or done.acquire(timeout=-1 if timeout is None else timeout)
        finally:
            _discard(self._idlers, done)

    def close(self, why: str = "the bus was closed before this event was handled.") -> None:
        """Accept nothing more, wake every thread that waits here, and give up with BusClosed each
        job that no worker has begun. Can be called twice; after an interrupt this goes on where it
        was.
        """
        with self._lock:
            self.closed = self._alert = True
            self._why = why
        for _ in range(self._workers):
            self._wake_ups.put(None)
        _release(self._blocked)
        self._give_up_waiting()
        self._tell_idlers()

    def forget(self) -> None:
        """Lose what waits: nothing will be done any more, and it has been said how much."""
        self._ready.clear()
        self._given_up.clear()
        self._parked.clear()
        self._behind = 0

    def renew(self) -> None:
        """In a child process: forget what its parent had begun. Used there, it cannot be used here,
        since no thread has come along.
        """
        self._lock = threading.RLock()  # a thread of the parent may have held it
        if self.used:
            self.closed = self.forked = self._alert = True
            self._active.clear()
            self.forget()

    # Room

    def _put_without_bound(self) -> Callable[[Work, Event], None]:
        """The usual case, made of as few steps as there can be."""

        def put(work: Work, event: Event) -> None:
            if event.key is not None:
                hash(event.key)  # one that cannot be hashed fails here rather than in a worker
            self._ready.append((work, event))
            if self._alert:
                self._ring((work, event))

        return put

    def _put_bounded(self, capacity: int) -> Callable[[Work, Event], None]:
        """The same, if there is room."""

        def put(work: Work, event: Event) -> None:
            if event.key is not None:
                hash(event.key)
            job = (work, event)
            with self._lock:
                has_room = len(self._ready) + self._behind < capacity
                if has_room:
                    self._ready.append(job)
            if not has_room and not self._put_into_full(job):
                return
            if self._alert:
                self._ring(job)

        return put

    def _put_into_full(self, job: Job) -> bool:
        """Do what `overflow` says, and return whether the job has been put."""
        while not self.closed:
            if self._alert:  # an interrupt may have come between the last job and its bell
                self._ring()
            with self._lock:
                if not self._is_full() or (self.overflow == "block" and self.is_worker()):
                    self._ready.append(job)
                    return True
            if self.overflow == "raise":
                places = f"{self.name} has all {self.capacity} places in its queue taken"
                raise QueueFull(job[1], f"{places} and refused")
            if self.overflow != "block":
                return self._drop_one(job)
            self._wait_for_room()
        self._ready.append(job)  # the bell refuses it
        return True

    def _is_full(self) -> bool:
        return self.capacity is not None and self.waiting >= self.capacity

    def _drop_one(self, job: Job) -> bool:
        """Give up the oldest job or this one, and return whether this one has been put."""
        with self._lock:
            self.dropped += 1  # first: an interrupt may come after any of the calls below
            given_up = job if self.overflow == "drop_newest" else self._pop_oldest()
            if given_up is None:
                self.dropped -= 1
            if given_up is not job:
                self._ready.append(job)
        if given_up is not None:
            given_up[0].give_up(given_up[1])
        return given_up is not job

    def _pop_oldest(self) -> Job | None:
        """Parked jobs have waited longer than all that are ready: they were taken before them."""
        parked = [jobs for jobs in self._parked.values() if jobs]
        if parked:
            self._behind -= 1
            return min(parked, key=lambda jobs: jobs[0][1].id).popleft()
        try:
            return self._ready.popleft()
        except IndexError:  # a worker has taken it, so that there is room
            return None

    def _wait_for_room(self) -> None:
        room = _locked()
        self._blocked.append(room)  # first, so that a worker that makes room from now on sees it
        try:
            if self._is_full() and not self.closed:
                room.acquire()
        finally:
            _discard(self._blocked, room)

    def _let_in(self) -> None:
        """Once half is free, so that a blocked producer is woken once and puts many."""
        if self.capacity is not None and self.waiting <= self.capacity // 2:
            _release(self._blocked)

    # Keys

    def _pop_shared(self) -> Job:
        """Pop and claim the key at once, or a worker who popped later could claim it sooner."""
        with self._lock:
            job = self._ready.popleft()
            while job[1].key is not None and self._must_park(job):
                job = self._ready.popleft()
            if self._sleeping and self._ready and self._alert:
                self._ring()  # there is more: each worker that wakes wakes the next
            return job

    def _must_park(self, job: Job) -> bool:
        """Return whether a job must wait behind one with the same key, where it is put."""
        with self._lock:
            key = job[1].key
            if key not in self._parked:
                self._parked[key] = deque()
                return False
            self._behind += 1
            self._parked[key].append(job)
            return True

    def _parked_behind(self, key: str) -> Iterator[Job]:
        """What waited behind a finished job is next, and its worker goes on with it."""
        while True:
            with self._lock:
                if not self._parked[key]:
                    del self._parked[key]
                    return
                self._behind -= 1
                job = self._parked[key].popleft()
            if self._blocked:
                self._let_in()
            yield job

    def _hand_back(self, key: str) -> None:
        """The job with this key was cut off: what waited behind it is the next to be had."""
        with self._lock:
            behind = self._parked.pop(key, deque())
            self._behind -= len(behind)
            self._ready.extendleft(reversed(behind))

    # Waking and resting

    def wake_one(self) -> None:
        """The usual bell: wake a worker that sleeps."""
        self._wake_ups.put(None)

    def _ring(self, job: Job | None = None) -> None:
        """Wake a worker. Two producers that ring at once do no harm, so this takes no lock."""
        if self.closed:
            self._refuse(job)
            return
        try:
            self._alert = False  # first: the worker that hears the bell sets it again
            self.used = True
            self.resting = False
            self.bell()
        except BaseException as problem:
            self._alert = True
            if isinstance(problem, Exception):  # else the job stays, and is done later
                self._take_back(job)
            raise

    def _refuse(self, job: Job | None) -> None:
        if job is None or not self._take_back(job):
            return
        event = f"event {job[1].id} ({job[1].topic!r}) was not accepted."
        if self.forked:
            raise BusClosed(
                f"{self.name} was used before this process was forked, and its threads live in "
                f"the parent only, so {event} Make the bus in the child process, or fork first."
            )
        raise BusClosed(f"{self.name} is closed, so {event}")

    def _take_back(self, job: Job | None) -> bool:
        """Return whether a job was still there to be refused; `close` or a worker may have it."""
        try:
            self._ready.remove(job)  # type: ignore[arg-type]
        except (ValueError, IndexError):  # not there, or taken while we looked
            return False
        self._tell_idlers()
        return True

    def _tell_idlers(self) -> None:
        if self._idlers and self.is_idle:
            _release(self._idlers)

    def _give_up_waiting(self) -> None:
        left: deque[Job] = deque()
        try:
            with self._lock:
                for parked in self._parked.values():
                    _move(parked, left)
                self._behind = 0
                _move(self._ready, left)
                _move(self._given_up, left)
            while left:
                work, event = left[0]
                work.give_up(event, BusClosed(self._why))
                left.popleft()
        finally:
            self._given_up.extend(left)  # empty unless interrupted; the next call goes on


def report_failure(work: Work, event: Event, error: BaseException) -> None:
    """Tell the work that it failed. What the report itself raises is logged: a worker goes on."""
    try:
        work.failed(event, error)
    except BaseException as problem:
        with suppress(BaseException):
            import logging

            logging.getLogger("eventkit").error(
                "could not report that %s failed on event %d (%r)",
                work.name, event.id, event.topic, exc_info=problem,
            )  # fmt: skip


def _locked() -> threading.Lock:
    """Return a lock that another thread will release: `acquire` waits for that."""
    lock = threading.Lock()
    lock.acquire()
    return lock


def _move(jobs: deque[Job], to: deque[Job]) -> None:
    """Move all, without a moment at which one is in neither: that is one call, made of C alone."""
    with suppress(IndexError):
        to.extend(iter(jobs.popleft, None))


def _release(locks: deque[threading.Lock]) -> None:
    """End the waiting of all. Each thread takes its lock out of the deque itself."""
    for lock in list(locks):
        if lock.locked():  # else it was released before, and its thread has not woken yet
            with suppress(RuntimeError):  # another thread has been quicker
                lock.release()


def _discard(locks: deque[threading.Lock], lock: threading.Lock) -> None:
    with suppress(ValueError):
        locks.remove(lock)
