"""Triggers: sources of events. A timer, and load generators for experiments."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, get_args

from .checks import is_number, optional_seconds, seconds, whole_number
from .errors import BusClosed, NoReply
from .event import Event

if TYPE_CHECKING:
    from .bus import EventBus

Arrivals = Literal["poisson", "even"]

_SLOWEST, _FASTEST = 1e-6, 1e9  # events a second


class Trigger:
    """Base class: fires events from threads of its own until it has fired `count` or is stopped.

    `fired` is the number of events fired so far. If the bus raised an error that ended the trigger,
    such as QueueFull, `error` holds it and `wait` raises it. If that was no Exception, such as a
    KeyboardInterrupt that a handler raised, `error` is a RuntimeError with that as its cause.
    """

    def __init__(self, count: int | None = None) -> None:
        meaning = "the number of events, or None for no end"
        self.count = None if count is None else whole_number("count", count, meaning, least=0)
        self.fired = 0
        self.error: Exception | None = None
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self, bus: EventBus, topic: str, data: Any = None) -> None:
        """Fire all events on `topic` and return when the last one has been fired."""
        self.start(bus, topic, data)
        self.wait()

    def start(self, bus: EventBus, topic: str, data: Any = None) -> None:
        """Begin to fire, and return at once. Raise RuntimeError if it is running already."""
        if any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("this trigger is running already: stop() or wait() first.")
        self.fired, self.error = 0, None
        self._stopped = threading.Event()
        threads = [
            threading.Thread(
                target=self._guard,
                args=(loop, bus, topic, data, self._stopped),
                name=type(self).__name__,
                daemon=True,
            )
            for loop in self._loops()
        ]
        try:
            for thread in threads:
                thread.start()
            self._threads = threads
        except BaseException:  # "can't start new thread", or an interrupt: stop those that started
            self._stopped.set()
            raise

    def stop(self) -> None:
        """Stop firing. If an event is being fired, wait until that has been done."""
        self._stopped.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the trigger has ended, and raise `error` if there is one.

        Return False if it has not ended after `timeout` seconds.
        """
        timeout = optional_seconds("timeout", timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if self.error is not None:
            raise self.error
        return not any(thread.is_alive() for thread in self._threads)

    def _loops(self) -> list[Any]:
        raise NotImplementedError

    def _guard(
        self, loop: Any, bus: EventBus, topic: str, data: Any, stopped: threading.Event
    ) -> None:
        if stopped.is_set():  # this thread is left from an interrupted start
            return
        try:
            loop(bus, topic, data)
        except BaseException as error:
            self.error = _as_exception(error)
            stopped.set()

    def _fire_when_due(self, bus: EventBus, topic: str, data: Any, times: Iterator[int]) -> None:
        """Fire an event for each time in `times`, stamped with that time even if it is late."""
        for due in itertools.islice(times, self.count):
            while (left := (due - perf_counter_ns()) / 1e9) > 0:
                if self._stopped.wait(min(left, threading.TIMEOUT_MAX)):
                    return
            if self._stopped.is_set():
                return
            bus.publish(Event(topic, data, time=due))
            self.fired += 1


class Timer(Trigger):
    """Fires every `interval` seconds, `count` times or until it is stopped.

    The first event is due after one interval. The schedule does not drift: an event that is fired
    late carries the time at which it was due.
    """

    def __init__(self, interval: float, count: int | None = None) -> None:
        super().__init__(count)
        self.interval = seconds("interval", interval, above_zero=True)

    def _loops(self) -> list[Any]:
        return [self._fire_at_intervals]

    def _fire_at_intervals(self, bus: EventBus, topic: str, data: Any) -> None:
        step = int(self.interval * 1e9)
        self._fire_when_due(bus, topic, data, itertools.count(perf_counter_ns() + step, step))


class OpenLoop(Trigger):
    """Fires `count` events at `rate` a second, whether or not the last one has been handled.

    `arrivals` is "poisson" (exponential gaps, as between independent users) or "even" (equal gaps).
    Poisson gaps depend only on `rate` and `seed`.

    Each event's time is when it was *due*. If the trigger is delayed, for instance by blocking
    handlers, the delay is therefore part of the response time.
    """

    def __init__(
        self, rate: float, count: int | None = None, arrivals: Arrivals = "poisson", seed: int = 0
    ) -> None:
        super().__init__(count)
        self.rate = _rate(rate)
        if arrivals not in get_args(Arrivals):
            raise ValueError(f"arrivals is one of {get_args(Arrivals)}; got {arrivals!r}.")
        self.arrivals = arrivals
        self.seed = seed

    def gaps(self) -> Iterator[float]:
        """Return an endless iterator over the seconds between one event and the next."""
        if self.arrivals == "even":
            return itertools.repeat(1 / self.rate)
        source = random.Random(self.seed)
        return (source.expovariate(self.rate) for _ in itertools.repeat(None))

    def due_times(self) -> Iterator[float]:
        """Return an endless iterator over the due times in seconds from the start, 0 first."""
        return itertools.accumulate(itertools.chain([0.0], self.gaps()))

    def _loops(self) -> list[Any]:
        return [self._fire_all]

    def _fire_all(self, bus: EventBus, topic: str, data: Any) -> None:
        start = perf_counter_ns()
        times = (start + int(seconds * 1e9) for seconds in self.due_times())
        self._fire_when_due(bus, topic, data, times)


class ClosedLoop(Trigger):
    """`users` who each send a request, wait for its answer, think for `think` seconds, and send the
    next one, until `count` requests have been sent in all.

    Users send nothing while they wait. A closed loop therefore cannot show the queue that would
    build up during a stall.

    The topic needs a processor that answers (with `emits=`). A request that fails is counted in
    `failed`, and its user continues. NoReply and BusClosed end the trigger. `stop` waits for the
    answers to the requests that were sent.
    """

    def __init__(self, users: int, think: float = 0.0, count: int | None = None) -> None:
        super().__init__(count)
        self.users = whole_number("users", users, "the number of users")
        self.think = seconds("think", think)
        self.failed = 0
        self._requests: Iterator[Any] = iter(())  # one item for each that is still to be sent

    def _loops(self) -> list[Any]:
        self.failed = 0
        self._requests = iter(itertools.repeat(None) if self.count is None else range(self.count))
        return [self._user] * self.users

    def _user(self, bus: EventBus, topic: str, data: Any) -> None:
        for _ in self._requests:  # shared by all users; `next` on it is atomic
            try:
                bus.request(topic, data)
            except (BusClosed, NoReply):
                raise
            except Exception:
                self.failed += 1
            self.fired += 1
            if self._stopped.wait(self.think):
                return


def _rate(value: object) -> float:
    if not is_number(value) or not _SLOWEST <= value <= _FASTEST:
        raise ValueError(
            f"rate is a number of events a second, {_SLOWEST} to {_FASTEST:.0e}; got {value!r}."
        )
    return value


def _as_exception(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    problem = RuntimeError(f"a handler ended this trigger with {type(error).__name__}.")
    problem.__cause__ = error
    return problem
