"""Stage: a flow at work, and what all flows have in common."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol

from ..checks import optional_seconds, seconds
from ..errors import FlowClosed
from ..event import Event
from ..forks import renew_in_child
from .clock import CLOCK

LeftOut = Literal["merged", "dropped"]


class AnyClock(Protocol):
    """What a flow asks of a clock: `Clock` and `ManualClock` have it."""

    @property
    def now_ns(self) -> Callable[[], int]:
        """The time in nanoseconds."""

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Have `call()` made at a time in nanoseconds, or soon after."""

    def is_own_thread(self) -> bool:
        """Whether the caller is the thread that makes the calls."""


class Held(NamedTuple):
    """An event in a stage, and the ticket that was put in with it."""

    event: Event
    ticket: Any


class Line:
    """The events of one topic and key that wait in a stage, oldest first. `since` is when the
    first of them came, `until` belongs to the flow: None says that the line is new.

    An interrupt between any two steps here loses no event that waits, and lets none out twice.
    """

    def __init__(self, stage: Stage):
        self.waiting: deque[Held] = deque()
        self.since = 0
        self.until: int | None = None
        self.look: int | None = None  # when the clock will call
        self._joined: deque[Held] = deque()  # what replaces all that wait
        self._stage = stage

    def pass_on(self, held: Held) -> None:
        """Let an event out that has just come."""
        self._stage._outgoing.append(held)

    def keep(self, held: Held, now: int) -> None:
        """Have it wait behind the others."""
        if not self.waiting:
            self.since = now
        self.waiting.append(held)
        self._stage.waiting += 1

    def keep_newest(self, held: Held, now: int) -> None:
        """Have it wait in place of the others."""
        self.keep(held, now)
        while len(self.waiting) > 1:
            older = self.waiting.popleft()
            self._stage.waiting -= 1
            self._stage.leave_out(older, "merged")

    def release(self, number: int | None = None) -> None:
        """Let out those that have waited longest: all, or a number of them."""
        count = len(self.waiting) if number is None else number
        self._stage._outgoing.extend(_taken_from(self.waiting, count))
        self._stage.waiting -= count

    def release_as_one(self, held: Held) -> None:
        """Let out one event that stands for all that wait."""
        self._joined.append(held)
        merged = list(self.waiting)[:-1]
        self.finish_joining()
        for one in merged:
            self._stage.leave_out(one, "merged")

    def finish_joining(self) -> None:
        """Do what remains to be done of `release_as_one`, if anything."""
        if self._joined:
            self._stage.waiting -= len(self.waiting)
            self.waiting.clear()
            self._stage._outgoing.extend(_taken_from(self._joined, 1))

    def drop(self, held: Held) -> None:
        """Give an event up that has just come."""
        self._stage.leave_out(held, "dropped")


def _taken_from(queue: deque[Held], number: int) -> Iterator[Held]:
    """The first events of a queue. `extend` moves them in one step: all of this runs in C, where
    no signal handler gets between taking an event out and putting it in elsewhere.
    """
    return islice(iter(queue.popleft, None), number)


class Flow:
    """What all flows have in common. A flow decides in `_came` what becomes of an event, and in
    `_woke` what becomes of those that wait. Both say when to look at the line next, in nanoseconds;
    None is for never, unless another event comes.
    """

    per_key = True
    makes_events = False  # whether what comes out is something else than what was put in
    is_quota = False  # whether what it drops is worth a warning

    def __init__(self, clock: AnyClock | None) -> None:
        if clock is not None and not hasattr(clock, "call_at"):
            raise TypeError(f"clock is a ManualClock(), or None for the real one; got {clock!r}.")
        self.clock: AnyClock = CLOCK if clock is None else clock

    def start(self, deliver: Callable[[Event], object]) -> Stage:
        """A stage that calls `deliver(event)` for each event that comes out. What this raises is
        raised by `put` or `flush`, or goes to `threading.excepthook` if the event had to wait.
        """
        return Stage(self, lambda event, _: deliver(event))

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        """An event has come."""
        raise NotImplementedError

    def _woke(self, line: Line, now: int) -> int | None:
        """It is time to look at the line. It ends if None is returned."""
        raise NotImplementedError

    def _release(self, line: Line) -> None:
        """Let out what waits."""
        line.release()


class Stage:
    """A flow at work. `put` events into it; `deliver(event, ticket)` is called for what comes out,
    one call after another. Can be used from any thread, in a signal handler, and as a context
    manager.

    `waiting` says how many events wait, `merged` how many have gone into a newer one, `dropped`
    how many were given up; `left_out(event, ticket, how)` is told of these two. What `deliver`
    raises goes to `failed(event, ticket, error)`; without it, `put` or `flush` raises it.

    An interrupt leaves the stage usable. Changes are made one at a time: one that was cut off is
    noticed and completed by the next, and so is a delivery. In the child of a fork a stage that
    was used before is closed.
    """

    def __init__(
        self,
        flow: Flow,
        deliver: Callable[[Event, Any], object],
        left_out: Callable[[Event, Any, LeftOut], object] | None = None,
        failed: Callable[[Event, Any, BaseException], object] | None = None,
    ):
        self.flow = flow
        self.merged = 0
        self.dropped = 0
        self.activations = 0  # how often an event has come
        self._to = deliver
        self._left_out = left_out
        self._failed = failed
        self._closed: str | None = None  # why nothing can be put in
        self._start_over()
        renew_in_child(self)

    def _start_over(self) -> None:
        self.waiting = 0
        self._lines: dict[Hashable, Line] = {}
        self._outgoing: deque[Held] = deque()
        self._gone: deque[tuple[Held, LeftOut]] = deque()
        self._later: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._torn = False  # whether a change has begun and not ended
        self._lock = threading.RLock()
        self._changing = threading.Lock()  # held during a change, which a signal may interrupt
        self._deliverer = _Deliverer(threading.Lock(), 0)
        self._waiters: list[threading.Lock] = []

    def renew(self) -> None:
        """Start over in the child of a fork: what waits is for the parent to deliver."""
        self._start_over()
        if self.activations:
            self._closed = "was used before this process was forked. Subscribe again, or start a"
            self._closed += " new stage, in the child"

    def put(self, event: Event, ticket: Any = None) -> None:
        """An event comes. What is let out has been delivered when this returns, unless another
        thread is delivering: then that one does it. So does the interrupted call if a signal
        handler puts an event in. Raises FlowClosed.
        """
        self._change(self._accept, Held(event, ticket))
        self._hand_out()

    def flush(self) -> None:
        """Let out at once what waits. In a TokenBucket it goes on waiting: the quota holds."""
        self._change(self._release_all)
        self._hand_out()

    def close(self, timeout: float = 0.0) -> list[tuple[Any, Event]]:
        """Accept nothing more. What waits is let out at once, or where a quota holds it back, in
        its time for up to `timeout` seconds; what is left then is returned, with its tickets.
        """
        seconds("timeout", timeout)
        self.flush()
        if not self.is_own_thread():
            self.wait_idle(timeout)
        left: list[Held] = []
        self._change(self._shut, left)
        self._tell_waiters()
        return [(ticket, event) for event, ticket in left]

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits here. Return True if it is so."""
        optional_seconds("timeout", timeout)
        if self._torn:
            self._change(_nothing)
        if not self._is_busy():
            return True
        return timeout != 0 and self._wait_idle(timeout)

    def is_own_thread(self) -> bool:
        """Whether the caller is a thread that what waits here needs to get out."""
        by = self._deliverer
        is_delivering = by.thread == threading.get_ident() and by.working.locked()
        return is_delivering or self.flow.clock.is_own_thread()

    def unfinished(self) -> list[str]:
        """What waits, in words."""
        waiting = self.waiting + len(self._outgoing)
        return [f"{waiting} waiting in {self.flow!r}"] if waiting else []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Stage of {self.flow!r}, {self.waiting} waiting>"

    def leave_out(self, held: Held, how: LeftOut) -> None:
        """Count an event that will not come out. Flows call this."""
        if how == "merged":
            self.merged += 1
        else:
            self.dropped += 1
        if self._left_out is not None:
            self._gone.append((held, how))

    # Changes

    def _change(self, act: Callable[..., object], *args: Any) -> None:
        """Call `act(*args)` while nothing else changes. A signal handler that comes in the middle
        of a change leaves its own for later: it is made when the present one is done.
        """
        # in one line, so that no line is left between the change and the release of the lock
        with self._lock: self._change_locked(act, args)  # fmt: skip  # noqa: E701

    def _change_locked(self, act: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._changing.locked():
            self._later.append((act, args))
            return
        try:
            with self._changing: self._change_alone(act, args)  # fmt: skip  # noqa: E701
        finally:
            if self._later:
                self._change_later()

    def _change_alone(self, act: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._torn:
            self._mend()
        self._torn = True
        act(*args)
        self._torn = False

    def _change_later(self) -> None:
        """Make the changes that signal handlers have left. There is no caller to raise to."""
        while self._later:
            act, args = self._later.popleft()
            try:
                self._change(act, *args)
            except Exception as error:
                if self._failed is None or not (args and isinstance(args[0], Held)):
                    raise
                self._failed(*args[0], error)

    def _mend(self) -> None:
        """Complete a change that was cut off, and look at every line as soon as can be."""
        for line in self._lines.values():
            line.finish_joining()
        self.waiting = sum(len(line.waiting) for line in self._lines.values())
        now = self.flow.clock.now_ns()
        for place, line in self._lines.items():
            self._call_at(place, line, now)

    def _accept(self, held: Held) -> None:
        event = held.event
        if self._closed is not None:
            raise FlowClosed(
                f"{self.flow!r} {self._closed}, so event {event.id} ({event.topic!r}) cannot pass."
            )
        place = (event.topic, event.key) if self.flow.per_key else None
        now = self.flow.clock.now_ns()
        line = self._line(place, now)
        self.activations += 1
        look = self.flow._came(line, held, now)
        if line.look is None and look is not None:
            self._call_at(place, line, look)
        elif line.look is None:
            del self._lines[place]

    def _release_all(self) -> None:
        for line in self._lines.values():
            self.flow._release(line)

    def _shut(self, left: list[Held]) -> None:
        self._closed = self._closed or "is closed"
        left.extend(held for line in self._lines.values() for held in line.waiting)
        self._lines.clear()
        self.waiting = 0

    def _line(self, place: Hashable, now: int) -> Line:
        """The line, after what was due in it: the clock may be late."""
        line = self._lines.get(place)
        if line is not None and line.look is not None and line.look <= now:
            self._look_at(place, line, now)
            line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = Line(self)
        return line

    def _call_at(self, place: Hashable, line: Line, due: int) -> None:
        line.look = due
        self.flow.clock.call_at(due, partial(self._wake, place, line, due))

    def _wake(self, place: Hashable, line: Line, due: int) -> None:
        self._change(self._look_if_due, place, line, due)
        self._hand_out()

    def _look_if_due(self, place: Hashable, line: Line, due: int) -> None:
        if self._lines.get(place) is line and line.look == due:
            self._look_at(place, line, self.flow.clock.now_ns())

    def _look_at(self, place: Hashable, line: Line, now: int) -> None:
        look = self.flow._woke(line, now)
        if look is None:
            del self._lines[place]
        else:
            self._call_at(place, line, look)

    # What comes out

    def _hand_out(self) -> None:
        """Outside of the lock, and by one thread at a time, so that order is kept."""
        if self._gone and not self._changing.locked():
            self._tell_who_left_out()
        if self._outgoing:
            working = threading.Lock()
            with working:  # released whatever happens: then another call may hand out
                if self._may_hand_out(working):
                    self._deliver_all()
        if self._waiters and not self._is_busy():
            self._tell_waiters()

    def _may_hand_out(self, working: threading.Lock) -> bool:
        with self._lock:
            if self._changing.locked() or self._deliverer.working.locked():
                return False
            self._deliverer = _Deliverer(working, threading.get_ident())
            return True

    def _deliver_all(self) -> None:
        failure: BaseException | None = None
        try:
            while (held := self._next_out()) is not None:
                failure = self._deliver(held) or failure
        finally:
            if self._outgoing:  # an interrupt: the clock's thread goes on
                self._call_soon()
        if failure is not None:
            raise failure

    def _next_out(self) -> Held | None:
        with self._lock:
            if self._outgoing:
                return self._outgoing[0]
            # under the same lock, or what came now would be stranded
            self._deliverer = _Deliverer(threading.Lock(), 0)
            return None

    def _deliver(self, held: Held) -> BaseException | None:
        """Deliver an event. Return what was raised, if it has to be raised at the end."""
        try:
            self._outgoing.popleft()
            self._to(*held)
        except BaseException as error:
            if self._failed is not None:
                self._failed(*held, error)
            elif isinstance(error, Exception):
                return error
            if self._failed is None or _is_interrupt(error):
                raise
        return None

    def _tell_who_left_out(self) -> None:
        assert self._left_out is not None
        while self._gone:
            try:
                held, how = self._gone.popleft()
            except IndexError:  # another thread was quicker
                return
            self._left_out(*held, how)

    # Waiting

    def _is_busy(self) -> bool:
        busy = self.waiting or self._outgoing or self._later or self._torn
        return bool(busy) or self._deliverer.working.locked()

    def _wait_idle(self, timeout: float | None) -> bool:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        woken = threading.Lock()
        woken.acquire()
        try:
            self._waiters.append(woken)
            while self._is_busy():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if not woken.acquire(timeout=min(left, _LOOK_AGAIN)):
                    self._call_soon()
            return True
        finally:
            self._waiters.remove(woken)

    def _tell_waiters(self) -> None:
        for woken in self._waiters.copy():
            with suppress(RuntimeError):  # it has been woken already
                woken.release()

    def _call_soon(self) -> None:
        """Have the clock do what an interrupt has left undone."""
        self.flow.clock.call_at(self.flow.clock.now_ns(), self._catch_up)

    def _catch_up(self) -> None:
        self._change(_nothing)
        self._hand_out()


class _Deliverer(NamedTuple):
    """The thread that hands out, for as long as `working` is locked."""

    working: threading.Lock
    thread: int


_LOOK_AGAIN = 0.5  # seconds after which a waiting thread looks whether a wake-up was lost


def _nothing() -> None:
    """Change nothing, but complete what was cut off."""


def _is_interrupt(error: BaseException) -> bool:
    """Return True for what the user's stop button raises, which only the main thread gets."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt)


def option(**options: Any) -> str:
    """For a repr: what is not as usual."""
    return "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)


class Edged(Protocol):
    """A flow that has edges."""

    leading: bool
    trailing: bool


def edges(flow: Edged, leading: bool = False) -> str:
    return option(
        leading=None if flow.leading is leading else flow.leading,
        trailing=None if flow.trailing else False,
    )


def duration(name: str, value: object) -> int:
    """In nanoseconds, or ValueError."""
    return max(1, round(seconds(name, value, above_zero=True) * 1e9))


def check_edges(leading: object, trailing: object) -> None:
    if type(leading) is not bool or type(trailing) is not bool or not (leading or trailing):
        raise ValueError(
            f"leading and trailing are True or False, and not both False, or nothing would come "
            f"out; got leading={leading!r}, trailing={trailing!r}."
        )
