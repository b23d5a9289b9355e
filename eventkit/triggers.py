"""Triggers: where events come from. Timers, and load for experiments."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, get_args

from .event import Event
from .queues import BusClosed

if TYPE_CHECKING:
    from .bus import EventBus

Arrivals = Literal["poisson", "even"]


class Trigger:
    """Fires events from a thread of its own, until it has fired `count` of them or is stopped.

    `fired` says how many so far. `error` holds what the bus raised, such as QueueFull, if that
    ended it; `wait` raises it.
    """

    def __init__(self, count: int | None = None) -> None:
        if count is not None and (not isinstance(count, int) or count < 0):
            raise ValueError(f"count is a number of events, or None for no end; got {count!r}.")
        self.count = count
        self.fired = 0
        self.error: Exception | None = None
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self, bus: EventBus, topic: str, data: Any = None) -> None:
        """Fire all events on `topic` and return when the last one has been fired."""
        self.start(bus, topic, data)
        self.wait()

    def start(self, bus: EventBus, topic: str, data: Any = None) -> None:
        """Begin to fire, and return at once. Raises RuntimeError if it is running already."""
        if any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("this trigger is running already: stop() or wait() first.")
        self.fired, self.error = 0, None
        self._stopped.clear()
        self._threads = [
            threading.Thread(
                target=self._guard,
                args=(loop, bus, topic, data),
                name=type(self).__name__,
                daemon=True,
            )
            for loop in self._loops()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Fire no more. An event that is being fired is finished first."""
        self._stopped.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last event has been fired; whether it was, within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if self.error is not None:
            raise self.error
        return not any(thread.is_alive() for thread in self._threads)

    def _loops(self) -> list[Any]:
        raise NotImplementedError

    def _guard(self, loop: Any, bus: EventBus, topic: str, data: Any) -> None:
        try:
            loop(bus, topic, data)
        except Exception as error:
            self.error = error
            self._stopped.set()

    def _fire_when_due(self, bus: EventBus, topic: str, data: Any, times: Iterator[int]) -> None:
        """Fire an event for each time in `times`, stamped with that time even if it is late."""
        for due in itertools.islice(times, self.count):
            while (left := (due - perf_counter_ns()) / 1e9) > 0:
                if self._stopped.wait(left):
                    return
            if self._stopped.is_set():
                return
            bus.publish(Event(topic, data, time=due))
            self.fired += 1


class Timer(Trigger):
    """Fires every `interval` seconds, `count` times or until it is stopped; first after one
    interval. The beat does not drift: a late event is due when it should have come.
    """

    def __init__(self, interval: float, count: int | None = None) -> None:
        super().__init__(count)
        self.interval = _positive("interval", interval, "seconds between two events")

    def _loops(self) -> list[Any]:
        return [self._beat]

    def _beat(self, bus: EventBus, topic: str, data: Any) -> None:
        step = int(self.interval * 1e9)
        self._fire_when_due(bus, topic, data, itertools.count(perf_counter_ns() + step, step))


class OpenLoop(Trigger):
    """Fires `count` events at `rate` a second, whether or not the last one has been handled.

    `arrivals` is "poisson" (exponential gaps: visitors who know nothing of each other) or "even".
    The gaps depend on `seed` alone. Each event's time is when it was *due*: if the trigger is held
    up, by blocking handlers say, the delay is part of the response time and not swept under it.
    """

    def __init__(
        self, rate: float, count: int | None = None, arrivals: Arrivals = "poisson", seed: int = 0
    ) -> None:
        super().__init__(count)
        self.rate = _positive("rate", rate, "events a second")
        if arrivals not in get_args(Arrivals):
            raise ValueError(f"arrivals is one of {get_args(Arrivals)}; got {arrivals!r}.")
        self.arrivals = arrivals
        self.seed = seed

    def gaps(self) -> Iterator[float]:
        """Seconds between one event and the next, without end."""
        if self.arrivals == "even":
            return itertools.repeat(1 / self.rate)
        source = random.Random(self.seed)
        return (source.expovariate(self.rate) for _ in itertools.repeat(None))

    def due_times(self) -> Iterator[float]:
        """Seconds from the start at which the events are due. The first is due at 0."""
        return itertools.accumulate(itertools.chain([0.0], self.gaps()))

    def _loops(self) -> list[Any]:
        return [self._fire_all]

    def _fire_all(self, bus: EventBus, topic: str, data: Any) -> None:
        start = perf_counter_ns()
        times = (start + int(seconds * 1e9) for seconds in self.due_times())
        self._fire_when_due(bus, topic, data, times)


class ClosedLoop(Trigger):
    """`users` who each send a request, wait for its answer, think for `think` seconds, and send
    the next; `count` requests in all. They never press a second time while they wait, which is
    why a closed loop cannot see the queue that a stall would have built up.

    The topic needs a processor that answers (with `emits=`). A request that fails is counted in
    `failed` and the user goes on.
    """

    def __init__(self, users: int, think: float = 0.0, count: int | None = None) -> None:
        super().__init__(count)
        if not isinstance(users, int) or users < 1:
            raise ValueError(f"users is a whole number, 1 or more; got {users!r}.")
        if think < 0:
            raise ValueError(f"think is a time in seconds, 0 or more; got {think!r}.")
        self.users = users
        self.think = think
        self.failed = 0
        self._turns: Iterator[Any] = iter(())

    def _loops(self) -> list[Any]:
        self.failed = 0
        self._turns = iter(itertools.repeat(None) if self.count is None else range(self.count))
        return [self._user] * self.users

    def _user(self, bus: EventBus, topic: str, data: Any) -> None:
        from .bus import NoReply  # whoever has a bus has it imported already

        for _ in self._turns:  # shared by all users; `next` on it is atomic
            try:
                bus.request(topic, data)
            except (BusClosed, NoReply):
                raise
            except Exception:
                self.failed += 1
            self.fired += 1
            if self._stopped.wait(self.think):
                return


def _positive(name: str, value: float, meaning: str) -> float:
    if not value > 0:
        raise ValueError(f"{name} is {meaning}, more than 0; got {value!r}.")
    return value
