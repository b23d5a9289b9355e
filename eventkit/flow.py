"""Fewer events: coalesce, debounce, throttle, batch, token bucket.

A flow is a recipe. It can be given to any number of subscriptions, as in
`bus.subscribe("typed", search, flow=Debounce(0.3))`, or be used without a bus:

    with Debounce(0.3).start(search) as stage:
        stage.put(event)

`start` makes a Stage, in which events wait. Events of one topic and one key are a line of their
own, so that the newest of one never takes the place of another; only Batch and TokenBucket have one
line for all. What comes out comes out in order, in the thread that put it in or, if it waited, in
the clock's. One clock serves all flows, so a handler that takes long belongs on an executor.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from .clock import CLOCK
from .event import Event

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


class FlowClosed(RuntimeError):
    """An event was put into a stage that has been closed."""


class Held(NamedTuple):
    """An event in a stage, and the ticket that whoever put it in gets back with it."""

    event: Event
    ticket: Any


class Line:
    """The events of one topic and key that wait in a stage, oldest first. `since` is when the
    first of them came, `until` belongs to the flow: None says that the line is new.
    """

    def __init__(self, stage: Stage):
        self.waiting: deque[Held] = deque()
        self.since = 0
        self.until: int | None = None
        self.look: int | None = None  # when the clock will call
        self._stage = stage

    def pass_on(self, held: Held) -> None:
        """Let an event out."""
        self._stage._outgoing.append(held)

    def keep(self, held: Held, now: int) -> None:
        """Have it wait behind the others."""
        if not self.waiting:
            self.since = now
        self.waiting.append(held)
        self._stage.waiting += 1

    def keep_newest(self, held: Held, now: int) -> None:
        """Have it wait in place of the others."""
        while self.waiting:
            self._stage.leave_out(self.pop(), "merged")
            now = self.since
        self.keep(held, now)

    def pop(self) -> Held:
        """Take out the one that has waited longest."""
        self._stage.waiting -= 1
        return self.waiting.popleft()

    def drop(self, held: Held) -> None:
        """Give an event up."""
        self._stage.leave_out(held, "dropped")


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
        while line.waiting:
            line.pass_on(line.pop())


class Coalesce(Flow):
    """At the end of each `interval` in which events came, one event that stands for them: the
    newest, or one whose data is `merge(older data, newer data)`, folded over all. An interval
    begins with its first event, so nothing waits longer than that, and the last is never lost.

    A merged event has a new id, the time of the oldest, and the newest as its cause. `merge` is
    called while the stage is locked: let it compute, and fire nothing.

    ReactiveX calls this `auditTime`; its `sampleTime` has intervals that do not wait for an event.
    """

    def __init__(
        self,
        interval: float,
        merge: Callable[[Any, Any], Any] | None = None,
        *,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        if merge is not None and not callable(merge):
            raise TypeError(
                f"merge is a function of two arguments, the older and the newer data, or None for "
                f"the newest event; got {merge!r}."
            )
        self.interval = interval
        self.merge = merge
        self.makes_events = merge is not None
        self._interval = _duration("interval", interval)

    def _came(self, line: Line, held: Held, now: int) -> int:
        if line.waiting and self.merge is not None:
            held = Held(self._merged(line.waiting[0].event, held.event), held.ticket)
        line.keep_newest(held, now)
        return line.since + self._interval

    def _woke(self, line: Line, now: int) -> int | None:
        if line.waiting and now < line.since + self._interval:
            return line.since + self._interval
        self._release(line)
        return None

    def _merged(self, older: Event, newer: Event) -> Event:
        assert self.merge is not None
        data = self.merge(older.data, newer.data)
        return Event(newer.topic, data, time=older.time, key=newer.key, cause=newer.id)

    def __repr__(self) -> str:
        return f"Coalesce({self.interval!r}{_option(merge=self.merge)})"


class Debounce(Flow):
    """The newest event, once none has come for `wait` seconds. While they keep coming nothing
    comes out, unless `max_wait` is given: then no event waits longer than that.

    With `leading` the first event of a burst comes out at once, and the newest at the end only if
    others followed. Without `trailing` nothing else does: what follows in the burst is dropped.

    ReactiveX's `debounceTime` is the plain form. The options are lodash's, but for one: `max_wait`
    counts from the oldest event that waits, while lodash counts from the last call of the function,
    and so may call again sooner.
    """

    def __init__(
        self,
        wait: float,
        *,
        leading: bool = False,
        trailing: bool = True,
        max_wait: float | None = None,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        _check_edges(leading, trailing)
        self.wait = wait
        self.leading = leading
        self.trailing = trailing
        self.max_wait = max_wait
        self._wait = _duration("wait", wait)
        self._max_wait = None if max_wait is None else _duration("max_wait", max_wait)
        if self._max_wait is not None and (self._max_wait < self._wait or not trailing):
            raise ValueError(
                f"max_wait is how long an event waits at most for the trailing edge: as long as "
                f"wait or longer, and only with trailing=True; got {max_wait!r}."
            )

    def _came(self, line: Line, held: Held, now: int) -> int:
        is_first = line.until is None
        line.until = now + self._wait
        if is_first and self.leading:
            line.pass_on(held)
        elif self.trailing:
            line.keep_newest(held, now)
        else:
            line.drop(held)
        return self._next_look(line, line.until)

    def _woke(self, line: Line, now: int) -> int | None:
        assert line.until is not None
        if self._next_look(line, line.until) <= now:
            self._release(line)
        return None if line.until <= now else self._next_look(line, line.until)

    def _next_look(self, line: Line, until: int) -> int:
        if self._max_wait is None or not line.waiting:
            return until
        return min(until, line.since + self._max_wait)

    def __repr__(self) -> str:
        return f"Debounce({self.wait!r}{_edges(self)}{_option(max_wait=self.max_wait)})"


class Throttle(Flow):
    """At most one event in any `interval` seconds: the first at once, and when the interval is over
    the newest of those that came meanwhile, which begins the next interval.

    Without `leading` the first waits for the end of its interval too. Without `trailing` what comes
    within an interval is dropped, and so is the last event of a burst.

    These are ReactiveX's `throttleTime` and lodash's `throttle`, but for two things: ReactiveX's
    has no trailing edge unless asked, and lodash's trailing call does not begin an interval if
    `leading` is off.
    """

    def __init__(
        self,
        interval: float,
        *,
        leading: bool = True,
        trailing: bool = True,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        _check_edges(leading, trailing)
        self.interval = interval
        self.leading = leading
        self.trailing = trailing
        self._interval = _duration("interval", interval)

    def _came(self, line: Line, held: Held, now: int) -> int:
        if line.until is None:
            line.until = now + self._interval
            if self.leading:
                line.pass_on(held)
            else:
                line.keep_newest(held, now)
        elif self.trailing:
            line.keep_newest(held, now)
        else:
            line.drop(held)
        return line.until

    def _woke(self, line: Line, now: int) -> int | None:
        assert line.until is not None
        if now < line.until:
            return line.until
        if not line.waiting:
            return None
        self._release(line)
        line.until = now + self._interval
        return line.until

    def __repr__(self) -> str:
        return f"Throttle({self.interval!r}{_edges(self, leading=True)})"


class Batch(Flow):
    """Events by the dozen: one event whose data is a tuple of up to `size` events, in the order in
    which they came, of whatever topic and key. It comes out when it is full, or `within` seconds
    after its first event came.

    The batch has its first event's topic and time, their key if they share one, and the last event
    as its cause. ReactiveX's `bufferTime` hands out empty batches too; this never does.
    """

    per_key = False
    makes_events = True

    def __init__(self, size: int, within: float, *, clock: AnyClock | None = None):
        super().__init__(clock)
        self.size = _whole_number("size", size, "the number of events that fill a batch")
        self.within = within
        self._within = _duration("within", within)

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        line.keep(held, now)
        if len(line.waiting) >= self.size:
            self._release(line)
        return line.since + self._within if line.waiting else None

    def _woke(self, line: Line, now: int) -> int | None:
        if line.waiting and now < line.since + self._within:
            return line.since + self._within
        self._release(line)
        return None

    def _release(self, line: Line) -> None:
        if not line.waiting:
            return
        held = [line.pop() for _ in range(len(line.waiting))]
        for one in held[:-1]:
            line._stage.leave_out(one, "merged")
        line.pass_on(Held(_as_one(tuple(one.event for one in held)), held[-1].ticket))

    def __repr__(self) -> str:
        return f"Batch({self.size!r}, {self.within!r})"


class TokenBucket(Flow):
    """A quota: `rate` events a second, and `burst` at once after a pause. In any stretch of t
    seconds at most `rate`·t + `burst` pass.

    A token is added to the bucket `rate` times a second until it holds `burst`; each event takes
    one. An event that finds none is refused and counted in `refused`, or waits up to `wait` seconds
    for its token (`math.inf`: as long as it takes), in order and without loss.

    The bucket is one for all topics and keys, and for all subscriptions that are given it. It can
    also be asked directly, from any thread, with `take` and `try_take`.

    The arithmetic is that of the generic cell rate algorithm (ITU-T I.371), in whole nanoseconds:
    the time between two tokens is rounded up.
    """

    per_key = False
    is_quota = True

    def __init__(
        self, rate: float, burst: int, *, wait: float = 0.0, clock: AnyClock | None = None
    ):
        super().__init__(clock)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1e9:
            raise ValueError(f"rate is events a second, more than 0, at most 1e9; got {rate!r}.")
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not wait >= 0:
            raise ValueError(
                f"wait is how many seconds an event may wait for its token: 0 refuses it at once, "
                f"math.inf sets no limit; got {wait!r}."
            )
        self.rate = rate
        self.burst = _whole_number("burst", burst, "the number of events that may pass at once")
        self.wait = wait
        self.refused = 0
        self._step = math.ceil(1e9 / rate)
        self._depth = self.burst * self._step
        self._wait = wait * 1e9
        self._full_at = -(2**62)  # when the bucket will be full if nobody takes anything
        self._now = self.clock.now_ns
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a token, in advance if there is none: the seconds to wait until it counts, 0.0 if
        it does at once. The token is taken either way. Whoever waits that long and then goes on
        keeps to the quota.
        """
        with self._lock:
            now = self._now()
            full = self._full_at if self._full_at > now else now
            self._full_at = full = full + self._step
        wait = full - now - self._depth
        return wait / 1e9 if wait > 0 else 0.0

    def try_take(self) -> bool:
        """Take a token if there is one; whether there was. If not, `refused` counts it."""
        with self._lock:
            now = self._now()
            full = (self._full_at if self._full_at > now else now) + self._step
            if full - now > self._depth:
                self.refused += 1
                return False
            self._full_at = full
        return True

    @property
    def tokens(self) -> int:
        """How many there are now."""
        return max(0, (self._depth - max(0, self._full_at - self._now())) // self._step)

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        if not line.waiting and self._take_at(now):
            line.pass_on(held)
        elif self._next_token(now) - now + len(line.waiting) * self._step > self._wait:
            with self._lock:
                self.refused += 1
            line.drop(held)
        else:
            line.keep(held, now)
        return self._next_token(now) if line.waiting else None

    def _woke(self, line: Line, now: int) -> int | None:
        # A token is taken by who goes, not reserved by who comes: a late clock must not let those
        # out together that should have gone one by one.
        while line.waiting and self._take_at(now):
            line.pass_on(line.pop())
        return self._next_token(now) if line.waiting else None

    def _release(self, line: Line) -> None:
        """Nothing: what waits here must not go before its time."""

    def _take_at(self, now: int) -> bool:
        with self._lock:
            full = max(self._full_at, now) + self._step
            if full - now > self._depth:
                return False
            self._full_at = full
            return True

    def _next_token(self, now: int) -> int:
        """When there is one."""
        return max(now, self._full_at + self._step - self._depth)

    def __repr__(self) -> str:
        return f"TokenBucket({self.rate!r}, {self.burst!r}{_option(wait=self.wait or None)})"


class Stage:
    """A flow at work. `put` events into it; `deliver(event, ticket)` is called for what comes out,
    one call after another. Can be used from any thread, and as a context manager.

    `waiting` says how many events wait, `merged` how many have gone into a newer one, `dropped`
    how many were given up; `left_out(event, ticket, how)` is told of these two.
    """

    def __init__(
        self,
        flow: Flow,
        deliver: Callable[[Event, Any], object],
        left_out: Callable[[Event, Any, LeftOut], object] | None = None,
    ):
        self.flow = flow
        self.waiting = 0
        self.merged = 0
        self.dropped = 0
        self.turns = 0  # how often an event has come
        self._to = deliver
        self._left_out = left_out
        self._lines: dict[Hashable, Line] = {}
        self._outgoing: deque[Held] = deque()
        self._gone: list[tuple[Held, LeftOut]] = []
        self._deliverer: int | None = None  # the thread that is handing out
        self._closed = False
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)

    def put(self, event: Event, ticket: Any = None) -> None:
        """An event comes. What is let out has been delivered when this returns, unless another
        thread is delivering: then that one does it. Raises FlowClosed.
        """
        place = (event.topic, event.key) if self.flow.per_key else None
        with self._lock:
            if self._closed:
                raise FlowClosed(
                    f"{self.flow!r} is closed, so event {event.id} ({event.topic!r}) cannot pass."
                )
            now = self.flow.clock.now_ns()
            line = self._line(place, now)
            self.turns += 1
            look = self.flow._came(line, Held(event, ticket), now)
            if line.look is None and look is not None:
                self._call_at(place, line, look)
            elif line.look is None:
                del self._lines[place]
        self._hand_out()

    def flush(self) -> None:
        """Let out at once what waits. In a TokenBucket it goes on waiting: the quota holds."""
        with self._lock:
            for line in self._lines.values():
                self.flow._release(line)
        self._hand_out()

    def close(self, timeout: float = 0.0) -> list[tuple[Any, Event]]:
        """Accept nothing more. What waits is let out at once, or where a quota holds it back, in
        its time for up to `timeout` seconds; what is left then is returned, with its tickets.
        """
        self.flush()
        if not self.is_own_thread():
            self.wait_idle(timeout)
        with self._lock:
            self._closed = True
            left = [held for line in self._lines.values() for held in line.waiting]
            self._lines.clear()
            self.waiting = 0
            self._idle.notify_all()
        return [(ticket, event) for event, ticket in left]

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until nothing waits here; whether that came about."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._is_busy(), timeout)

    def is_own_thread(self) -> bool:
        """Whether the caller is a thread that what waits here needs to get out."""
        return self._deliverer == threading.get_ident() or self.flow.clock.is_own_thread()

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
        """Said by the flow, of an event that will not come out."""
        if how == "merged":
            self.merged += 1
        else:
            self.dropped += 1
        if self._left_out is not None:
            self._gone.append((held, how))

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
        with self._lock:
            if self._lines.get(place) is line and line.look == due:
                self._look_at(place, line, self.flow.clock.now_ns())
        self._hand_out()

    def _look_at(self, place: Hashable, line: Line, now: int) -> None:
        look = self.flow._woke(line, now)
        if look is None:
            del self._lines[place]
        else:
            self._call_at(place, line, look)

    def _is_busy(self) -> bool:
        return bool(self.waiting or self._outgoing or self._deliverer)

    def _hand_out(self) -> None:
        """Outside of the lock, and by one thread at a time, so that order is kept."""
        if self._gone:
            self._tell_who_left_out()
        with self._lock:
            if self._deliverer is not None or not self._outgoing:
                if not self._is_busy():
                    self._idle.notify_all()
                return
            self._deliverer = threading.get_ident()
        failure = None
        while (held := self._next_out()) is not None:
            try:
                self._to(*held)
            except Exception as error:
                failure = failure or error
            except BaseException:
                self._stop_handing_out()
                raise
        if failure is not None:
            raise failure

    def _next_out(self) -> Held | None:
        with self._lock:
            if self._outgoing:
                return self._outgoing.popleft()
            self._stop_handing_out()  # under the same lock, or what came now would be stranded
            return None

    def _stop_handing_out(self) -> None:
        with self._lock:
            self._deliverer = None
            self._idle.notify_all()

    def _tell_who_left_out(self) -> None:
        with self._lock:
            gone, self._gone = self._gone, []
        assert self._left_out is not None
        for held, how in gone:
            self._left_out(*held, how)


def _as_one(events: tuple[Event, ...]) -> Event:
    first, last = events[0], events[-1]
    key = first.key if all(one.key == first.key for one in events) else None
    return Event(first.topic, events, time=first.time, key=key, cause=last.id)


def _option(**options: Any) -> str:
    """For a repr: what is not as usual."""
    return "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)


def _edges(flow: Debounce | Throttle, leading: bool = False) -> str:
    return _option(
        leading=None if flow.leading is leading else flow.leading,
        trailing=None if flow.trailing else False,
    )


def _duration(name: str, seconds: object) -> int:
    """In nanoseconds, or ValueError."""
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 < seconds < math.inf:  # type: ignore[operator]
        raise ValueError(f"{name} is a time in seconds, more than 0; got {seconds!r}.")
    return max(1, round(seconds * 1e9))  # type: ignore[operator]


def _whole_number(name: str, value: object, meaning: str) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} is {meaning}, 1 or more; got {value!r}.")
    return value


def _check_edges(leading: object, trailing: object) -> None:
    if type(leading) is not bool or type(trailing) is not bool or not (leading or trailing):
        raise ValueError(
            f"leading and trailing are True or False, and not both False, or nothing would come "
            f"out; got leading={leading!r}, trailing={trailing!r}."
        )
