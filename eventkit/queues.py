"""JobQueue: a bounded queue of work, and what happens when it is full.

Every executor that hands work over keeps it in one of these. It decides three things: what gives
when the queue is full, that events with one key run one after another, and how seldom a sleeping
worker must be woken.

A bell stands between the two sides. Who puts a job rings it only if `_alert` says that nobody is
about to look, so that a burst costs one wake-up. The usual case, a worker that is awake and room
for the job, takes no lock to be put: appending to a deque and popping from it are atomic. Where
there is a bound, each job takes a place from a deque of those that are free.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import Any, Literal, Protocol, get_args

from .event import Event

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


_PLACES_AT_ONCE = 1_000

Job = tuple[Work, Event]
"""One event for one handler."""


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

    `put(work, event)` accepts a job, or raises QueueFull or BusClosed. What `overflow` gives up is
    told so. A worker of this very queue is let in beyond `capacity`, because nobody else could
    make the room it would wait for.

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
        self._ready: deque[Job] = deque()
        self._places: deque[None] = deque()  # those that are free
        self._closed_places = capacity or 0  # not needed so far: opened as the queue grows
        self.turns = 0  # how often a worker has begun to work after a rest
        self.closed = False
        self.bell: Callable[[], None] = self.wake_one
        self.put: Callable[[Work, Event], None] = (
            self._put_without_bound() if capacity is None else self._put_bounded()
        )
        self.is_worker: Callable[[], bool] = bool
        self._is_shared = workers > 1
        self._parked: dict[Hashable, deque[Job]] = {}  # behind a running job with the same key
        self._behind = 0  # how many are parked
        self._at_work = 0  # how many workers have work, or look for it
        self._alert = True  # the next `put` must ring: nobody is about to look, or it is closed
        self._sleeping = 0
        self._beyond = 0  # jobs that were let in without a place
        self._blocked = False  # somebody waits for a place
        # Re-entrant, since a forgotten executor's queue is closed by the garbage collector, which
        # may come along at any time.
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)

    @property
    def waiting(self) -> int:
        """How many jobs nobody has begun."""
        return len(self._ready) + self._behind

    def jobs(self) -> Iterator[Job]:
        """A worker's turn: the jobs that are there, one after another. Asking for the next says
        that the last is finished. It ends when there is none at this moment, or when it is closed
        because the worker was cut off: what waited behind its job is then there for others.
        """
        with self._lock:
            self._at_work += 1
            self.turns += 1
        pop = self._pop_shared if self._is_shared else self._ready.popleft
        is_bounded = self.capacity is not None
        key = None  # of the job under way
        try:
            while True:
                try:
                    job = pop()
                except IndexError:
                    return
                key = job[1].key
                if key is not None and not self._is_shared and self._must_park(job):
                    key = None
                    continue
                if is_bounded:
                    self._free_place()
                yield job
                if key is not None:
                    del job
                    yield from self._parked_behind(key)
                    key = None
        finally:
            if key is not None:
                self._hand_back(key)
            self._end_turn()

    def sleep(self) -> bool:
        """Sleep until there may be a job; False once the queue is closed."""
        with self._lock:
            self._sleeping += 1
            self._alert = True  # first, so that a job put from now on rings
            if not self._ready and not self.closed:
                self._work.wait()
            self._sleeping = max(0, self._sleeping - 1)
            self._alert = self.closed or self._sleeping > 0
            return not self.closed

    def answer_bell(self) -> None:
        """Said by workers on a loop before they look: a job put from now on rings again."""
        self._alert = True

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits or runs; whether that came about."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._at_work and not self._ready, timeout)

    def close(self) -> list[Job]:
        """Accept nothing more and wake everyone; the jobs that nobody had begun are returned."""
        with self._lock:
            self.closed = self._alert = True  # first: what is put from now on is refused
            left = [job for parked in self._parked.values() for job in parked]
            for parked in self._parked.values():
                parked.clear()
            self._behind = 0
            with suppress(IndexError):
                while True:
                    left.append(self._ready.popleft())
            for condition in (self._work, self._room, self._idle):
                condition.notify_all()
            return left

    # Room

    def _put_without_bound(self) -> Callable[[Work, Event], None]:
        """The usual case, made of as few steps as there can be."""
        append = self._ready.append

        def put(work: Work, event: Event) -> None:
            if event.key is not None:
                hash(event.key)  # one that cannot be hashed fails here rather than in a worker
            append((work, event))
            if self._alert:
                self._ring((work, event))

        return put

    def _put_bounded(self) -> Callable[[Work, Event], None]:
        """The same, with a place to be had first."""
        append, take_place = self._ready.append, self._places.pop

        def put(work: Work, event: Event) -> None:
            if event.key is not None:
                hash(event.key)
            job = (work, event)
            try:
                take_place()
            except IndexError:
                if not self._make_room(job):
                    return
            append(job)
            if self._alert:
                self._ring(job)

        return put

    def _make_room(self, job: Job) -> bool:
        """Whether a job that found no free place may be put all the same."""
        with self._lock:
            if self.closed or self._open_places():
                return True
            if self.overflow == "raise":
                places = f"{self.name} has all {self.capacity} places in its queue taken"
                raise QueueFull(job[1], f"{places} and refused")
            if self.overflow == "block":
                self._wait_for_place()
                return True
            given_up = job if self.overflow == "drop_newest" else self._pop_oldest()
            if given_up is None:
                self._beyond += 1
                return True
            self.dropped += 1
        given_up[0].give_up(given_up[1])
        return given_up is not job

    def _open_places(self) -> bool:
        """Whether there were places that nobody had needed so far; one of them is the caller's."""
        more = min(self._closed_places, _PLACES_AT_ONCE)
        self._closed_places -= more
        self._places.extend([None] * (more - 1))
        return more > 0

    def _wait_for_place(self) -> None:
        if self.is_worker():
            self._beyond += 1
            return
        self._blocked = True  # first, so that whoever frees a place from now on sees it
        while not self.closed:
            try:
                self._places.pop()
                break
            except IndexError:
                self._room.wait()
                self._blocked = True

    def _free_place(self) -> None:
        if self._beyond:
            with self._lock:
                if self._beyond:
                    self._beyond -= 1
                    return
        self._places.append(None)
        if self._blocked:
            self._let_in()

    def _let_in(self) -> None:
        """Once half is free, so that a blocked producer is woken once and puts many."""
        assert self.capacity is not None
        if len(self._places) >= self.capacity - self.capacity // 2:
            with self._lock:
                self._blocked = False
                self._room.notify_all()

    def _pop_oldest(self) -> Job | None:
        """Parked jobs have waited longer than all that are ready: they were taken before them."""
        parked = [jobs for jobs in self._parked.values() if jobs]
        if parked:
            self._behind -= 1
            return min(parked, key=lambda jobs: jobs[0][1].id).popleft()
        try:
            return self._ready.popleft()
        except IndexError:  # a worker has taken it, and is about to free its place
            return None

    # Keys

    def _pop_shared(self) -> Job:
        """Pop and claim the key at once, or a worker who popped later could claim it sooner."""
        with self._lock:
            job = self._ready.popleft()
            while job[1].key is not None and self._must_park(job):
                job = self._ready.popleft()
            if self._sleeping and self._ready and self._alert:
                self._ring()  # there is more: whoever wakes wakes the next
            return job

    def _must_park(self, job: Job) -> bool:
        """Whether a job must wait behind one with the same key, where it is put."""
        with self._lock:
            key = job[1].key
            if key not in self._parked:
                self._parked[key] = deque()
                return False
            self._parked[key].append(job)
            self._behind += 1
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
            if self.capacity is not None:
                self._free_place()
            yield job

    def _hand_back(self, key: str) -> None:
        """The job with this key was cut off: what waited behind it is the next to be had."""
        with self._lock:
            behind = self._parked.pop(key, deque())
            self._behind -= len(behind)
            self._ready.extendleft(reversed(behind))

    # Waking and resting

    def _end_turn(self) -> None:
        with self._lock:
            self._at_work -= 1
            if not self._at_work:
                self._idle.notify_all()

    def _ring(self, job: Job | None = None) -> None:
        with self._lock:
            if self._alert and not self.closed:
                self._alert = False
                try:
                    self.bell()
                except BusClosed:
                    self._alert = True
                    self._take_back(job)
                    raise
            elif self.closed and self._take_back(job):
                assert job is not None
                raise BusClosed(
                    f"{self.name} is closed, so event {job[1].id} ({job[1].topic!r}) was not "
                    "accepted."
                )

    def _take_back(self, job: Job | None) -> bool:
        """Whether a job was still there to be refused; `close` or a worker may have it already."""
        try:
            self._ready.remove(job)  # type: ignore[arg-type]
        except (ValueError, IndexError):  # not there, or taken while we looked
            return False
        if self.capacity is not None:
            self._free_place()
        return True

    def wake_one(self) -> None:
        """The usual bell: wake a worker that sleeps."""
        self._work.notify()
