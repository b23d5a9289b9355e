"""Tank: events flow into a queue and out of it, and sometimes more come than can leave."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter_ns
from typing import NamedTuple

from matplotlib.figure import Figure

from ...bus import EventBus
from ...event import Event
from ...executors.queue import Overflow, QueueFull
from ...executors.threads import Threads
from ...timeline import Journey, Timeline, percentile
from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, NON_BLOCKING
from .places import with_a_place

TOPIC = "request"
NO_BOUND = "no bound"
POLICIES: list[Overflow] = ["block", "drop_oldest", "drop_newest", "raise"]
BURST = 50


class Entering(NamedTuple):
    """The event that is being put into the queue, and since when."""

    number: int
    since: int

    @property
    def seconds(self) -> float:
        return (perf_counter_ns() - self.since) / 1e9


class Tank:
    """For `seconds`, `inflow` events a second flow evenly into the queue of `Threads(workers)`,
    where each takes `work` seconds. Then the queue runs empty. `capacity` (None: no bound) and
    `overflow` are the queue's.

    `run()` waits for the end, or for `stop()`. Meanwhile `inflow` and `work` may be changed, and
    `burst` adds events at once. Events are numbered from 1 as they come; the number is their data.

    `came` counts the events fired. `times` lists the response times in seconds, from due to
    finished. `dropped` counts events that the queue gave up, and `refused` those that raised
    QueueFull. `cut_off` has the numbers of events whose work `stop()` cut short. `held_up` is the
    longest delay of an event in seconds, as far as the queue kept the producer waiting. `most` is
    the longest queue.
    """

    def __init__(
        self,
        inflow: float = 100.0,
        work: float = 0.020,
        workers: int = 1,
        capacity: int | None = None,
        overflow: Overflow = "block",
        seconds: float = 1.5,
    ):
        self.inflow, self.work, self.workers, self.seconds = inflow, work, workers, seconds
        self.capacity = capacity
        self.title: str = NO_BOUND if capacity is None else overflow
        self.executor = Threads(workers, capacity=capacity, overflow=overflow)
        self.bus = EventBus()
        self.timeline = Timeline()
        self.times: list[float] = []
        self.cut_off: list[int] = []
        self.entering: Entering | None = None
        self.came = self.refused = self.most = 0
        self.held_up = 0.0
        self._kept_waiting = 0.0  # how late the producer is because the queue kept it waiting
        self._bursts: deque[int] = deque()
        self._stopped = threading.Event()
        self._start = self._due = perf_counter_ns()
        self._end: int | None = None

    def run(self) -> Tank:
        """Let events flow, then let the queue run empty. Raises what a handler raised."""
        with self.opened():
            self._pour()
            self.bus.drain()
        self._end = perf_counter_ns()
        self.bus.assert_clean()
        return self

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Connect the queue to the bus and record what happens. Close the bus in the end."""
        with self.bus, self.bus.record() as self.timeline, self._no_warnings():
            self.bus.subscribe(TOPIC, self._handle, executor=self.executor)
            yield

    def stop(self) -> None:
        """End early: no more events come, and those that wait leave at once."""
        self._stopped.set()

    def burst(self, events: int = BURST) -> None:
        """Add this many events, all due now."""
        self._bursts.extend([perf_counter_ns()] * events)

    @property
    def name(self) -> str:
        """The title, marked if the tank was stopped."""
        return f"{self.title} (stopped)" if self.was_stopped else self.title

    @property
    def was_stopped(self) -> bool:
        return self._stopped.is_set()

    @property
    def held_up_ms(self) -> str:
        """How long the producer was held up, in milliseconds: only a queue that blocks does it."""
        return f"{self.held_up * 1e3:,.0f}" if self.title == "block" else "–"

    @property
    def waiting(self) -> int:
        """Number of events in the queue."""
        return self.executor.waiting

    @property
    def dropped(self) -> int:
        return self.executor.dropped

    @property
    def lost(self) -> int:
        """Number of events that will never be answered."""
        return self.dropped + self.refused

    @property
    def elapsed(self) -> float:
        """Seconds since the start, until the end."""
        return ((self._end or perf_counter_ns()) - self._start) / 1e9

    @property
    def poured(self) -> float:
        """Seconds of the inflow that are done: fewer than `elapsed` if the producer was held up."""
        return min(self.seconds, (self._due - self._start) / 1e9)

    def journeys(self) -> list[Journey]:
        """Return the record, with each event in the queue only while it had a place there."""
        journeys = self.timeline.journeys(TOPIC)
        if self.capacity is None:
            return journeys
        return with_a_place(journeys, self.capacity, self.title in ("drop_newest", "raise"))

    def _pour(self) -> None:
        self._start = self._due = perf_counter_ns()
        end = self._start + int(self.seconds * 1e9)
        while not self._stopped.is_set() and (self._due < end or self._bursts):
            if self._bursts:
                self._fire(self._bursts.popleft())
            elif (left := (self._due - perf_counter_ns()) / 1e9) > 0:
                self._stopped.wait(min(left, 0.02))  # then check for a burst
            else:
                self._fire(self._due)
                self._due += math.ceil(1e9 / self.inflow)

    def _fire(self, due: int) -> None:
        self.entering = Entering(self.came + 1, perf_counter_ns())
        try:
            self.bus.publish(Event(TOPIC, self.came + 1, time=due))
        except QueueFull:
            self.refused += 1
        self.came += 1
        late = max(0.0, (self.entering.since - due) / 1e9)
        self._kept_waiting = min(self._kept_waiting, late) + self.entering.seconds
        self.held_up = max(self.held_up, self._kept_waiting)
        self.entering = None
        self.most = max(self.most, self.waiting)

    def _handle(self, event: Event) -> None:
        if self._stopped.wait(self.work):
            self.cut_off.append(event.data)
        else:
            self.times.append((perf_counter_ns() - event.time) / 1e9)

    @contextmanager
    def _no_warnings(self) -> Iterator[None]:
        """Silence the bus's warning about dropped events: here they are the point."""

        def is_news(record: logging.LogRecord) -> bool:
            return self.executor not in (record.args or ())

        log = logging.getLogger("eventkit")
        log.addFilter(is_news)
        try:
            yield
        finally:
            log.removeFilter(is_news)


def tank_table(tanks: Sequence[Tank]) -> Table:
    """Return a table of what each queue did to its events and its producer. A tank that was stopped
    is marked: it has events whose work was cut short, and they count as neither answered nor lost.
    """
    stopped = any(tank.was_stopped for tank in tanks)
    return Table(
        ["when full", "capacity", "came", "answered", "given up", "refused",
         *(["cut off by Stop"] if stopped else []),
         "median (ms)", "slowest (ms)", "producer held up (ms)", "most waiting"],
        [
            [tank.name, tank.capacity or "", tank.came, len(tank.times), tank.dropped, tank.refused,
             *([len(tank.cut_off)] if stopped else []),
             *middle_and_slowest(tank), tank.held_up_ms, tank.most]
            for tank in tanks
        ],
        "Response times count from due to finished",
    )  # fmt: skip


def middle_and_slowest(tank: Tank) -> list[str]:
    """Return the median and the longest response time in milliseconds; empty if there is none."""
    if not tank.times:
        return ["", ""]
    return [f"{percentile(tank.times, rank) * 1e3:,.0f}" for rank in (50, 100)]


def tank_figure(tanks: Sequence[Tank]) -> Picture:
    """Draw response times over due times for each queue, with a cross at the bottom for each event
    that was given up or refused.
    """

    def draw(figure: Figure) -> str:
        grid = figure.subplots(1, len(tanks), sharex=True, sharey=True, squeeze=False)[0]
        said = []
        for axes, tank in zip(grid, tanks, strict=True):
            answered, lost = _dots(tank)
            axes.plot(*zip(*answered, strict=True), ".", color=NON_BLOCKING, markersize=4)
            if lost:
                axes.plot(lost, [0] * len(lost), "x", color=BLOCKING, markersize=4)
            axes.set_title(tank.title, fontsize=10)
            said.append(
                f"{tank.title}: {len(answered)} answered, the slowest after "
                f"{max(ms for _, ms in answered):,.0f} ms, {len(lost)} not"
            )
        grid[0].set_ylabel("response time (ms)")
        grid[len(grid) // 2].set_xlabel("when the event was due (s); × was never answered")
        return f"Response times by when events were due. {'; '.join(said)}."

    return picture(draw, width=9.0)


def _dots(tank: Tank) -> tuple[list[tuple[float, float]], list[float]]:
    """Return (due in s, response time in ms) of answered events, and when the others were due."""
    journeys = tank.timeline.journeys(TOPIC)
    start = min(journey.event.time for journey in journeys)
    answered, lost = [], []
    for journey in journeys:
        due = (journey.event.time - start) / 1e9
        if journey.response_time is None:
            lost.append(due)
        else:
            answered.append((due, journey.response_time * 1e3))
    return answered, lost
