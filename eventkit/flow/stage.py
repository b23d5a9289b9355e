"""Stage: a flow at work, and what all flows share."""

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

_POLL_SECONDS = 0.5
"""How often a waiting thread checks whether an interrupt has cost it its wake-up."""


class AnyClock(Protocol):
    """The part of a clock that flows use. `Clock` and `ManualClock` implement it."""

    @property
    def now_ns(self) -> Callable[[], int]:
        """A function that returns the time in nanoseconds."""

    def call_at(self, due: int, call: Callable[[], object]) -> None:
        """Schedule `call()` for the time `due` in nanoseconds, or soon after."""

    def is_own_thread(self) -> bool:
        """Return True in the thread that makes the calls."""


class Held(NamedTuple):
    """An event in a stage, and the ticket that was put in with it."""

    event: Event
    ticket: Any


class Line:
    """The events of one topic and key that wait in a stage, oldest first.

    `since` is when the first came after there were none. `until` is for the flow to use; None means
    that the line is new. `due` is when the clock will wake the line.

    An interrupt between any two steps here loses no waiting event and lets none out twice.
    """

    def __init__(self, stage: Stage):
        self.waiting: deque[Held] = deque()
        self.since = 0
        self.until: int | None = None
        self.due: int | None = None
        self._joined: deque[Held] = deque()  # the event that replaces all that wait
        self._stage = stage

    def pass_on(self, held: Held) -> None:
        """Let out an event that has just come."""
        self._stage._outgoing.append(held)

    def keep(self, held: Held, now: int) -> None:
        """Add an event behind those that wait."""
        if not self.waiting:
            self.since = now
        self.waiting.append(held)
        self._stage.waiting += 1

    def keep_newest(self, held: Held, now: int) -> None:
        """Add an event in place of those that wait."""
        self.keep(held, now)
        while len(self.waiting) > 1:
            older = self.waiting.popleft()
            self._stage.waiting -= 1
            self._stage.leave_out(older, "merged")

    def release(self, number: int | None = None) -> None:
        """Let out the `number` oldest events, or all."""
        count = len(self.waiting) if number is None else number
        self._stage._outgoing.extend(_popped(self.waiting, count))
        self._stage.waiting -= count

    def release_as_one(self, held: Held) -> None:
        """Let out one event in place of all that wait."""
        self._joined.append(held)
        merged = list(self.waiting)[:-1]
        self.finish_joining()
        for one in merged:
            self._stage.leave_out(one, "merged")

    def finish_joining(self) -> None:
        """Complete a `release_as_one` that was interrupted, if there is one."""
        if self._joined:
            self._stage.waiting -= len(self.waiting)
            self.waiting.clear()
            self._stage._outgoing.extend(_popped(self._joined, 1))

    def drop(self, held: Held) -> None:
        """Discard an event that has just come."""
        self._stage.leave_out(held, "dropped")


def _popped(queue: deque[Held], number: int) -> Iterator[Held]:
    """Yield up to `number` events, each taken from the front of the queue.

    `extend` moves them to another queue in C code, so no signal handler can run while an event is
    in neither.
    """
    return islice(iter(queue.popleft, None), number)


class Flow:
    """Base class of all flows.

    A flow decides in `_came` what happens to a new event, and in `_woke` what happens to the events
    that wait. Both return when to wake the line next, in nanoseconds, or None to wake it only when
    another event comes. While a line has such a time, `_came` cannot change it; `_woke` can.
    """

    per_key = True
    makes_events = False  # True if the events that come out are not those that were put in
    is_quota = False  # True if dropped events are worth a warning

    def __init__(self, clock: AnyClock | None) -> None:
        is_clock = hasattr(clock, "call_at") and not isinstance(clock, type)
        if clock is not None and not is_clock:
            raise TypeError(f"clock is a ManualClock(), or None for the real one; got {clock!r}.")
        self.clock: AnyClock = CLOCK if clock is None else clock

    def start(self, deliver: Callable[[Event], object]) -> Stage:
        """Return a stage that calls `deliver(event)` for each event that comes out.

        If that raises, so does `put` or `flush`. For an event that had to wait, the error goes to
        `threading.excepthook`.
        """
        return Stage(self, lambda event, _: deliver(event))

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        """Handle an event that has come."""
        raise NotImplementedError

    def _woke(self, line: Line, now: int) -> int | None:
        """Handle a line whose time has come. The stage removes the line if this returns None."""
        raise NotImplementedError

    def _release(self, line: Line) -> None:
        """Let out the events that wait."""
        line.release()


class Stage:
    """A flow at work: `put` events in, and `deliver(event, ticket)` is called for those that come
    out, one call at a time.

    It can be used from any thread, in a signal handler, and as a context manager.

    `waiting` is the number of events that wait, `merged` of those that were merged into a newer
    one, and `dropped` of those that were discarded. For each merged or dropped event
    `left_out(event, ticket, how)` is called.

    What `deliver` raises is passed to `failed(event, ticket, error)`. Without `failed`, `put` or
    `flush` raises it.

    An interrupt leaves the stage usable: the next call completes a change or delivery that was
    interrupted. In the child of a fork a stage that was used before is closed.
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
        self.activations = 0  # the number of events that have come
        self._deliver = deliver
        self._left_out = left_out
        self._failed = failed
        self._closed: str | None = None  # why nothing can be put in
        self._start_over()
        renew_in_child(self)

    def _start_over(self) -> None:
        self.waiting = 0
        self._lines: dict[Hashable, Line] = {}
        self._outgoing: deque[Held] = deque()
        self._unreported: deque[tuple[Held, LeftOut]] = deque()  # for `left_out`
        self._postponed: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._incomplete = False  # a change has begun and not ended
        self._lock = threading.RLock()
        self._changing = threading.Lock()  # held during a change, which a signal may interrupt
        self._deliverer = _Deliverer(threading.Lock(), 0)
        self._waiters: list[threading.Lock] = []

    def renew(self) -> None:
        """Start over in the child of a fork: the parent delivers the events that wait."""
        self._start_over()
        if self.activations:
            self._closed = "was used before this process was forked. Subscribe again, or start a"
            self._closed += " new stage, in the child"

    def put(self, event: Event, ticket: Any = None) -> None:
        """Pass an event through the flow. Raise FlowClosed if the stage is closed.

        Events that come out have been delivered when this returns, with two exceptions. If another
        thread is delivering, it delivers these as well. If a signal handler puts an event in, the
        interrupted call delivers it.
        """
        self._change(self._accept, Held(event, ticket))
        self._deliver_outgoing()

    def flush(self) -> None:
        """Let out all waiting events now. In a TokenBucket they go on waiting for their tokens."""
        self._change(self._release_all)
        self._deliver_outgoing()

    def close(self, timeout: float = 0.0) -> list[tuple[Any, Event]]:
        """Let out the events that wait, and then accept no more.

        Events that a quota holds back come out in their own time, for up to `timeout` seconds.
        Return those that are left then, with their tickets.
        """
        seconds("timeout", timeout)
        self.flush()
        if not self.is_own_thread():
            self.wait_idle(timeout)
        left: list[Held] = []
        self._change(self._discard_lines, left)
        self._wake_waiters()
        return [(ticket, event) for event, ticket in left]

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until no event is left here. Return True if none is."""
        optional_seconds("timeout", timeout)
        if self._incomplete:
            self._change(_change_nothing)
        if not self._is_busy():
            return True
        return timeout != 0 and self._wait_idle(timeout)

    async def wait_idle_async(self, timeout: float | None) -> bool:
        """As `wait_idle`, without holding up the running event loop: a thread waits."""
        from ..asyncio_waits import in_daemon_thread

        if not self.wait_idle(0) and timeout != 0:
            await in_daemon_thread(lambda: self.wait_idle(timeout))
        return self.wait_idle(0)

    def is_own_thread(self) -> bool:
        """Return True in a thread that the waiting events need in order to come out."""
        by = self._deliverer
        is_delivering = by.thread == threading.get_ident() and by.working.locked()
        return is_delivering or self.flow.clock.is_own_thread()

    def unfinished(self) -> list[str]:
        """Return the number of waiting events, in words, or nothing if there are none."""
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
            self._unreported.append((held, how))

    # Changes

    def _change(self, act: Callable[..., object], *args: Any) -> None:
        """Call `act(*args)` while nothing else changes.

        If a signal handler calls this during a change, its own change is postponed until the
        present one has ended.
        """
        # in one line, so that no line is left between the change and the release of the lock
        with self._lock: self._change_locked(act, args)  # fmt: skip  # noqa: E701

    def _change_locked(self, act: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._changing.locked():
            self._postponed.append((act, args))
            return
        try:
            with self._changing: self._change_alone(act, args)  # fmt: skip  # noqa: E701
        finally:
            if self._postponed:
                self._make_postponed()

    def _change_alone(self, act: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._incomplete:
            self._repair()
        self._incomplete = True
        act(*args)
        self._incomplete = False

    def _make_postponed(self) -> None:
        """Make the changes that signal handlers have postponed. Their callers have returned, so
        errors go to `failed` if there is one.
        """
        while self._postponed:
            act, args = self._postponed.popleft()
            try:
                self._change(act, *args)
            except Exception as error:
                if self._failed is None or not (args and isinstance(args[0], Held)):
                    raise
                self._failed(*args[0], error)

    def _repair(self) -> None:
        """Complete a change that was interrupted, and wake every line as soon as possible."""
        for line in self._lines.values():
            line.finish_joining()
        self.waiting = sum(len(line.waiting) for line in self._lines.values())
        now = self.flow.clock.now_ns()
        for key, line in self._lines.items():
            self._wake_at(key, line, now)

    def _accept(self, held: Held) -> None:
        event = held.event
        if self._closed is not None:
            raise FlowClosed(
                f"{self.flow!r} {self._closed}, so event {event.id} ({event.topic!r}) cannot pass."
            )
        key = (event.topic, event.key) if self.flow.per_key else None
        now = self.flow.clock.now_ns()
        line = self._find_line(key, now)
        self.activations += 1
        due = self.flow._came(line, held, now)
        if line.due is None and due is not None:
            self._wake_at(key, line, due)
        elif line.due is None:
            del self._lines[key]

    def _release_all(self) -> None:
        for line in self._lines.values():
            self.flow._release(line)

    def _discard_lines(self, left: list[Held]) -> None:
        self._closed = self._closed or "is closed"
        left.extend(held for line in self._lines.values() for held in line.waiting)
        self._lines.clear()
        self.waiting = 0

    def _find_line(self, key: Hashable, now: int) -> Line:
        """Return the line, new or existing. If it is overdue, because the clock is late, wake it
        first.
        """
        line = self._lines.get(key)
        if line is not None and line.due is not None and line.due <= now:
            self._wake(key, line, now)
            line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(self)
        return line

    def _wake_at(self, key: Hashable, line: Line, due: int) -> None:
        line.due = due
        self.flow.clock.call_at(due, partial(self._on_time, key, line, due))

    def _on_time(self, key: Hashable, line: Line, due: int) -> None:
        self._change(self._wake_if_due, key, line, due)
        self._deliver_outgoing()

    def _wake_if_due(self, key: Hashable, line: Line, due: int) -> None:
        if self._lines.get(key) is line and line.due == due:
            self._wake(key, line, self.flow.clock.now_ns())

    def _wake(self, key: Hashable, line: Line, now: int) -> None:
        due = self.flow._woke(line, now)
        if due is None:
            del self._lines[key]
        else:
            self._wake_at(key, line, due)

    # Delivery

    def _deliver_outgoing(self) -> None:
        """Deliver without the lock, in one thread at a time to keep the order."""
        if self._unreported and not self._changing.locked():
            self._report_left_out()
        if self._outgoing:
            working = threading.Lock()
            with working:  # an interrupt releases it as well, so that another call can deliver
                if self._become_deliverer(working):
                    self._deliver_all()
        if self._waiters and not self._is_busy():
            self._wake_waiters()

    def _become_deliverer(self, working: threading.Lock) -> bool:
        with self._lock:
            if self._changing.locked() or self._deliverer.working.locked():
                return False
            self._deliverer = _Deliverer(working, threading.get_ident())
            return True

    def _deliver_all(self) -> None:
        failure: BaseException | None = None
        try:
            while (held := self._next_outgoing()) is not None:
                failure = self._deliver_one(held) or failure
        finally:
            if self._outgoing:  # after an interrupt, the clock's thread delivers the rest
                self._call_soon()
        if failure is not None:
            raise failure

    def _next_outgoing(self) -> Held | None:
        with self._lock:
            if self._outgoing:
                return self._outgoing[0]
            # under the same lock, or an event that comes out now would not be delivered
            self._deliverer = _Deliverer(threading.Lock(), 0)
            return None

    def _deliver_one(self, held: Held) -> BaseException | None:
        """Deliver an event. Return the error if it must be raised after the last delivery."""
        try:
            self._outgoing.popleft()
            self._deliver(*held)
        except BaseException as error:
            if self._failed is not None:
                self._failed(*held, error)
            elif isinstance(error, Exception):
                return error
            if self._failed is None or _is_interrupt(error):
                raise
        return None

    def _report_left_out(self) -> None:
        assert self._left_out is not None
        while self._unreported:
            try:
                held, how = self._unreported.popleft()
            except IndexError:  # another thread has reported it
                return
            self._left_out(*held, how)

    # Waiting

    def _is_busy(self) -> bool:
        busy = self.waiting or self._outgoing or self._postponed or self._incomplete
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
                if not woken.acquire(timeout=min(left, _POLL_SECONDS)):
                    self._call_soon()
            return True
        finally:
            self._waiters.remove(woken)

    def _wake_waiters(self) -> None:
        for woken in self._waiters.copy():
            with suppress(RuntimeError):  # it has been woken already
                woken.release()

    def _call_soon(self) -> None:
        """Schedule what an interrupt has left undone."""
        self.flow.clock.call_at(self.flow.clock.now_ns(), self._catch_up)

    def _catch_up(self) -> None:
        self._change(_change_nothing)
        self._deliver_outgoing()


class _Deliverer(NamedTuple):
    """The thread that delivers, for as long as `working` is locked."""

    working: threading.Lock
    thread: int


def _change_nothing() -> None:
    """Do nothing. As a change, this only completes one that was interrupted."""


def _is_interrupt(error: BaseException) -> bool:
    """Return True for a KeyboardInterrupt in the main thread, as the stop button raises it."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt)


# For the flows


def options_repr(**options: Any) -> str:
    """Return the options that are not None, as they appear in a repr."""
    return "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)


def edges_repr(leading: bool, trailing: bool, *, default_leading: bool) -> str:
    """Return `leading` and `trailing` as they appear in a repr: only if not the default."""
    return options_repr(
        leading=None if leading is default_leading else leading,
        trailing=None if trailing else False,
    )


def duration(name: str, value: object) -> int:
    """Return a time in seconds as nanoseconds, or raise ValueError."""
    return max(1, round(seconds(name, value, above_zero=True) * 1e9))


def check_edges(leading: object, trailing: object) -> None:
    """Raise ValueError unless both are bools and at least one is True."""
    if type(leading) is not bool or type(trailing) is not bool or not (leading or trailing):
        raise ValueError(
            f"leading and trailing are True or False, and not both False, or nothing would come "
            f"out; got leading={leading!r}, trailing={trailing!r}."
        )
