"""The race: one burst of events, a blocking and a non-blocking processor, side by side."""

from __future__ import annotations

import statistics
import threading
from functools import partial
from pathlib import Path
from time import perf_counter_ns

import ipywidgets as widgets
from msgspec.structs import replace

from ...bus import EventBus
from ...checks import whole_number
from ...event import Event
from ...executors.base import Executor
from ...executors.inline import Inline
from ...executors.threads import Threads
from ...timeline import Journey, Timeline
from ...triggers import OpenLoop
from ..course.session import Table, verdict
from ..panels.figures import Picture, responses_figure, waterfall_figure
from ..panels.panel import BLOCKING, NON_BLOCKING, Snapshot, number_with_slider, row
from ..panels.run_panel import RunPanel, side_by_side
from ..replay_view.replay import Replay, Side as View, Stage
from ..theory.queueing import response_times

TOPIC = "button.click"


class Side:
    """One side: a bus whose processor works for a while on each event, and its record."""

    def __init__(self, title: str, executor: Executor, servers: int, colour: str):
        self.title = title
        self.servers = servers
        self.colour = colour
        self.bus = EventBus()
        self.trigger: OpenLoop | None = None
        self.timeline = Timeline()
        self.cut_off: set[int] = set()  # ids of the events whose work a stop ended early
        self._executor = executor

    def run(self, events: int, rate: float, work: float, stop: threading.Event) -> None:
        """Fire the burst and wait until it is answered, or until `stop` is set."""

        def answer(event: Event) -> None:
            if stop.wait(work):  # equivalent to time.sleep(work), and can be interrupted
                self.cut_off.add(event.id)

        self.bus.subscribe(TOPIC, answer, executor=self._executor)
        self.trigger = OpenLoop(rate, events, arrivals="even")
        with self.bus.record() as self.timeline:
            self.trigger.run(self.bus, TOPIC)
            self.bus.drain()
        self.bus.close()

    def journeys(self) -> list[Journey]:
        return self.timeline.journeys(TOPIC)

    def up_to(self, stop: int | None) -> list[Journey]:
        """Return the journeys as they stood at a stop: work that it ended early has not ended, and
        what came to a worker after it still waits.
        """
        return [
            one if stop is None or one.event.id not in self.cut_off
            else replace(one, started=_before(stop, one.started), finished=None, outcome=None)
            for one in self.journeys()
        ]  # fmt: skip

    def slowest(self) -> Journey:
        """Return the journey with the longest response time."""
        return max(_done(self), key=lambda journey: journey.response_time or 0.0)

    def work_growth(self) -> float:
        """Return the median work of the later half of the events, over that of the earlier half."""
        works = [j.service_time for j in _done(self) if j.service_time is not None]
        half = len(works) // 2
        return statistics.median(works[half:]) / statistics.median(works[:half])

    def lateness(self) -> float:
        """Return how many seconds after it was due the latest event was fired."""
        return max(j.fired - j.event.time for j in self.journeys()) / 1e9


class Race:
    """A burst of `events`, `rate` a second, each `work` seconds of work, handled twice: inline by
    the thread that fires them, and by `Threads(workers)`. Both sides run at the same time.

    `run()` waits for the end. Then `measured`, `predicted`, `table`, `waterfall` and `responses`
    have the result. `predicted` is the exact first-come-first-served schedule for the same
    arrivals and the nominal work, `exact` the one for the work as it was measured.
    """

    def __init__(self, events: int = 10, rate: float = 20.0, work: float = 0.3, workers: int = 8):
        self.events = events
        self.rate = rate
        self.work = work
        self.workers = workers
        self.stopped = threading.Event()
        self._stop: int | None = None  # when, by `perf_counter_ns`
        self.sides = self._at_the_start()

    def _at_the_start(self) -> list[Side]:
        return [
            Side("Blocking: Inline()", Inline(), 1, BLOCKING),
            Side(
                f"Non-blocking: Threads({self.workers})",
                Threads(self.workers),
                self.workers,
                NON_BLOCKING,
            ),
        ]

    @property
    def blocking(self) -> Side:
        return self.sides[0]

    @property
    def non_blocking(self) -> Side:
        return self.sides[1]

    def run(self, attempts: int = 1) -> Race:
        """Run both sides to their end. Raises what went wrong in either, and ValueError for
        `attempts` that are no whole number of at least 1.

        While the machine is busy with something else, a trigger may fire late although nothing
        keeps it waiting. Such a race shows nothing: it is run again, up to this many `attempts`.
        """
        whole_number("attempts", attempts, "how often the race may run")
        self._run()
        while attempts > 1 and self._is_disturbed():
            attempts -= 1
            self.sides = self._at_the_start()
            self._run()
        return self

    def _is_disturbed(self) -> bool:
        return not self.stopped.is_set() and self.non_blocking.lateness() > self.work / 10

    def _run(self) -> None:
        settings = self.events, self.rate, self.work, self.stopped
        side_by_side([partial(side.run, *settings) for side in self.sides], self.stop)
        for side in self.sides:
            side.bus.assert_clean()

    def stop(self) -> None:
        """End the race early. Answers that came before remain in the record."""
        self._stop = self._stop or perf_counter_ns()
        self.stopped.set()
        for side in self.sides:
            if side.trigger:
                side.trigger.stop()

    def measured(self, side: Side) -> list[float]:
        """Return response times in seconds, in the order in which the events were due."""
        return [j.response_time for j in _done(side) if j.response_time is not None]

    def predicted(self, side: Side) -> list[float]:
        """Return the response times that queueing theory predicts, in seconds."""
        arrivals = [number / self.rate for number in range(self.events)]
        return response_times(arrivals, [self.work] * self.events, side.servers)

    def exact(self, side: Side, servers: int = 0) -> list[float]:
        """Return what theory predicts for the work as it was measured, in seconds. `servers` is the
        number of workers, 0 for as many as this side has.
        """
        works = [j.service_time for j in _done(side) if j.service_time is not None]
        arrivals = [number / self.rate for number in range(len(works))]
        return response_times(arrivals, works, servers or side.servers)

    def error(self, side: Side, servers: int = 0) -> float:
        """Return the median of |measured − exact| / exact."""
        pairs = zip(self.measured(side), self.exact(side, servers), strict=True)
        return statistics.median(abs(one - other) / other for one, other in pairs)

    def theory_verdicts(self) -> None:
        """Print a verdict on each claim of theory about this race. Raise if one does not hold."""
        one, many = self.blocking, self.non_blocking
        middle = statistics.median(self.measured(many))
        verdict(
            "blocking: half of the measured times are within 5 % of theory for the measured work",
            self.error(one) < 0.05,
        )
        verdict(
            f"non-blocking: theory for {many.servers} workers is three times nearer to the clock "
            "than theory for one",
            self.error(many) < self.error(many, servers=1) / 3,
        )
        verdict(
            "non-blocking: the median answer comes within 60 ms of the work",
            abs(middle - self.work) < 0.060,
        )

    def to_come(self, fired: list[Journey]) -> list[int]:
        """Return when the events not fired yet are due, on the clock of the journeys."""
        if not fired:
            return []
        start = fired[0].event.time
        return [start + int(number / self.rate * 1e9) for number in range(len(fired), self.events)]

    def span(self) -> float:
        """Return the predicted seconds from the first event to the last answer."""
        slowest = max(self.predicted(self.blocking), default=0.0)
        return self.events / self.rate + max(slowest, self.work)

    def table(self) -> Table:
        """Measured and predicted milliseconds for each event."""
        columns = []
        for side in self.sides:
            columns += [self.measured(side), self.predicted(side)]
        rows = [
            [number, *(f"{seconds * 1e3:.0f}" for seconds in times)]
            for number, times in enumerate(zip(*columns, strict=False), 1)
        ]
        headings = ["event"] + [
            f"{side.title.split(':')[0].lower()} {kind} (ms)"
            for side in self.sides
            for kind in ("measured", "predicted")
        ]
        return Table(headings, rows, "Response times")

    def waterfall(self) -> Picture:
        """Both waterfalls on one time axis."""
        return waterfall_figure({s.title: (s.journeys(), s.colour) for s in self.sides})

    def replay(self) -> Replay:
        """Return both sides on one clock, to play and to step through."""
        return Replay(self.views(), "The race, recorded", waterfall=True)

    def views(self, running: bool = False) -> list[View]:
        """Return what a stage shows of each side: while it runs also the events still to come, and
        after a stop those that were due and not fired.
        """
        views = []
        for side in self.sides:
            journeys = side.up_to(self._stop)
            due = self.to_come(journeys) if running or self._stop else []
            if self._stop:
                due = [moment for moment in due if moment <= self._stop]
            views.append(self._view(side, journeys, due))
        return views

    def plan(self) -> list[View]:
        """Return what a stage shows before the race: both sides with all events still to come."""
        due = [int(number / self.rate * 1e9) for number in range(self.events)]
        return [self._view(side, [], due) for side in self.sides]

    def _view(self, side: Side, journeys: list[Journey], due: list[int]) -> View:
        queues = side is self.non_blocking
        return View(journeys, side.title, side.colour, due, queues, side.servers)

    def responses(self) -> Picture:
        """Response times by event, theory drawn over the measurement."""
        return responses_figure({
            side.title: (self.measured(side), self.predicted(side), side.colour)
            for side in self.sides
        })  # fmt: skip


def _before(stop: int, moment: int | None) -> int | None:
    return None if moment is None or moment > stop else moment


def _done(side: Side) -> list[Journey]:
    """Return the journeys in the order in which the events were due."""
    return sorted(side.journeys(), key=lambda journey: journey.event.time)


class RacePanel(RunPanel[Race]):
    """The race with its controls: set rate, work, events and workers, run it, watch it live."""

    snapshot = Snapshot(
        Path(__file__).with_name("race.png"),
        "Twenty events on two sides. Blocking, the last one took many times as long as "
        "non-blocking with eight threads. Below are waterfalls, response times and a "
        "table.",
    )

    what = "race"

    def __init__(self) -> None:
        self._events, events = number_with_slider("Events", 10, 1, 100, "number")
        self._rate, rate = number_with_slider("Rate", 20, 1, 200, "per s")
        self._work, work = number_with_slider("Work", 300, 1, 1000, "ms")
        self._workers, workers = number_with_slider("Workers", 8, 1, 32, "threads")
        self._stage = Stage("The race", Race().plan(), waterfall=True)
        self._result = widgets.VBox()
        super().__init__(
            "The race: the same burst, twice",
            "Run the race", "fire one burst at both sides",
            above=[row(events, rate), row(work, workers)], below=[self._stage, self._result],
        )  # fmt: skip
        for setting in (self._events, self._rate, self._workers):
            setting.observe(self._show_plan, "value")

    @property
    def bus(self) -> EventBus:
        """The bus of the blocking side of the last race."""
        return self.run.blocking.bus if self.run else EventBus()

    def _race(self) -> Race:
        return Race(
            self._events.value, self._rate.value, self._work.value / 1e3, self._workers.value
        )

    def _show_plan(self, change: object) -> None:
        """Show what would come. A race that has been run stays until the next one."""
        if self.run is None:
            self._stage.show(self._race().plan())

    def _begin(self) -> Race:
        race = self._race()
        self._result.children = ()
        self._status.say(f"Running; about {race.span():.1f} s.")
        return race

    def _steps(self, race: Race) -> int:
        return 2 * race.events

    def _watch(self, race: Race, running: bool) -> int:
        self._stage.show(race.views(running), running)
        return sum(len(race.measured(side)) for side in race.sides)

    def _finish(self, race: Race) -> None:
        if race.stopped.is_set():
            self._status.say(
                "Stopped. Nothing is compared: the handlers were cut short.", good=False
            )
            return
        self._status.say(_summary(race))
        responses = race.responses()._repr_mimebundle_()["text/html"]
        parts = _figures(race), responses, race.table().html
        self._result.children = [widgets.HTML(part) for part in parts]


def _summary(race: Race) -> str:
    said = []
    for side in race.sides:
        times = race.measured(side)
        said.append(
            f"{side.title}: {min(times) * 1e3:.0f} to {max(times) * 1e3:.0f} ms, "
            f"{race.error(side):.1%} from theory (median)"
        )
    return "Done. " + "; ".join(said) + "."


def _figures(race: Race) -> str:
    """Return how long the last event took on each side, in large figures."""
    parts = [
        f"<div style='border-left: 6px solid {side.colour}; padding-left: 10px'>"
        f"<div class='ek-number'>{race.measured(side)[-1] * 1e3:,.0f} ms</div>"
        f"event {race.events}, {side.title}</div>"
        for side in race.sides
    ]
    return f"<div class='ek-quiet ek-figures'>{''.join(parts)}</div>"
