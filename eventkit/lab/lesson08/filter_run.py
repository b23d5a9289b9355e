"""FilterRun: clicks through a filter to a handler, computed exactly or run on the real clock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ...flow.clock import CLOCK, ManualClock
from ...timeline import Journey
from ...triggers import Trigger
from ..theory.queueing import response_times
from .filters import FILTERS, UNITS, Everything
from .passing import TOPIC, pass_through

WORK = 0.003

# 600 clicks in 600 ms, a pause, 400 in 400 ms: the button is held down twice.
BURST = [0.3 + number / 1000 for number in range(600)] + [1.3 + n / 1000 for n in range(400)]


class FilterRun:
    """Clicks that pass one of the FILTERS, made with `numbers`, to a handler.

    Clicks are `due` at these seconds from the start, and the handler takes `work` seconds for each
    event. `exactly()` runs on a clock that is moved by hand, with theory's queue in place of the
    handler. `run()` runs on the real clock, on a bus, with one thread, until the end or `stop()`.

    Then `left` has the seconds at which events left the filter, `times` the response times in
    seconds, from due to handled, and `events` the handled events. `oldest` has for each of them how
    long the oldest click that it stands for waited until it was handled, a replaced one included.
    After a real run, `journeys` has the journey of each click.
    """

    def __init__(self, kind: str, *numbers: int, due: Sequence[float] = BURST, work: float = WORK):
        if kind not in FILTERS:
            raise ValueError(f"the filters are {', '.join(FILTERS)}; got {kind!r}.")
        if len(numbers) != len(FILTERS[kind].numbers):
            takes = " and ".join(FILTERS[kind].numbers) or "no numbers"
            raise ValueError(f"{kind} takes {takes}; got {numbers!r}.")
        self.kind = kind
        self.numbers = numbers
        self.due = due
        self.work = work
        self.left: list[float] = []
        self.times: list[float] = []
        self.oldest: list[float] = []
        self.events: list[Event] = []
        self.journeys: list[Journey] = []
        self.dropped = 0
        self.bus = EventBus()
        self.trigger = _Scheduled(due)
        self._stopped = threading.Event()

    @property
    def label(self) -> str:
        """The filter and its numbers, in words."""
        units = [UNITS[name] for name in FILTERS[self.kind].numbers]
        words = [f"{n} {unit}".strip() for n, unit in zip(self.numbers, units, strict=True)]
        return " ".join([self.kind, ", ".join(words)]).strip().replace(" /s", "/s")

    @property
    def told(self) -> int:
        """The number of clicks that the handled events tell of: a batch tells of several."""
        return sum(len(one.data) if isinstance(one.data, tuple) else 1 for one in self.events)

    @property
    def replaced(self) -> int:
        """The number of clicks that a newer one has replaced, so that no handler hears of them."""
        return len(self.due) - self.told - self.dropped if self.events else 0

    @property
    def was_stopped(self) -> bool:
        return self._stopped.is_set()

    def exactly(self) -> FilterRun:
        """Run on a clock that is moved by hand: in no time, and with the same result always."""
        clock = ManualClock()
        flow = FILTERS[self.kind].make(*self.numbers, clock=clock) or Everything(clock)
        out, dropped = pass_through(flow, self.due)
        self.dropped = len(dropped)
        self.left = [one.moment for one in out]
        self.events = [one.event for one in out]
        queued = response_times(self.left, [self.work] * len(out), 1)
        done = [at + time for at, time in zip(self.left, queued, strict=True)]
        self.times = [at - one.event.time / 1e9 for at, one in zip(done, out, strict=True)]
        self.oldest = [at - self.due[one.numbers[0]] for at, one in zip(done, out, strict=True)]
        return self

    def run(self) -> FilterRun:
        """Run on the real clock. Raises what the handler raised."""
        executor = Threads(1, name="handler")
        with self.bus, self.bus.record() as timeline:
            flow = FILTERS[self.kind].make(*self.numbers, clock=CLOCK)
            self.bus.subscribe(TOPIC, self._handle, executor=executor, flow=flow)
            start = perf_counter_ns()
            self.trigger.run(self.bus, TOPIC)
            self.bus.drain()
        self.bus.assert_clean()
        journeys = self.journeys = timeline.journeys()
        self.dropped = sum(journey.outcome == "dropped" for journey in journeys)
        out = [journey for journey in journeys if journey.finished is not None]
        out.sort(key=lambda journey: journey.queued or 0)
        self.left = [((journey.queued or 0) - start) / 1e9 for journey in out]
        self.times = timeline.response_times()
        self.oldest = _oldest_waits(journeys)
        self.events = [journey.event for journey in out]
        return self

    def stop(self) -> None:
        """End the run early: fire no more, and let waiting events pass without work."""
        self._stopped.set()
        self.trigger.stop()

    def _handle(self, event: Event) -> None:
        self._stopped.wait(self.work)


class _Scheduled(Trigger):
    """Fires at given seconds from its start."""

    def __init__(self, due: Sequence[float]):
        super().__init__(len(due))
        self._due = due

    def _loops(self) -> list[Any]:
        return [self._fire_all]

    def _fire_all(self, bus: EventBus, topic: str, data: Any) -> None:
        start = perf_counter_ns()
        self._fire_when_due(bus, topic, data, (start + round(s * 1e9) for s in self._due))


def _oldest_waits(journeys: Sequence[Journey]) -> list[float]:
    """Return for each finished journey the seconds from its oldest click to its end.

    Merged clicks belong to the next one that was handled: they all wait in one line.
    """
    waits, oldest = list[float](), None
    for journey in journeys:
        if journey.outcome == "merged":
            oldest = oldest or journey.event.time
        elif journey.finished is not None:
            waits.append((journey.finished - (oldest or journey.event.time)) / 1e9)
            oldest = None
    return waits
