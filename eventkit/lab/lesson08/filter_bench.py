"""The event filter bench: one burst through each filter, drawn on one time axis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

import ipywidgets as widgets
from matplotlib.figure import Figure

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ...flow import AnyClock, Batch, Coalesce, Debounce, Flow, Held, Line, Throttle, TokenBucket
from ...flow.clock import CLOCK, ManualClock
from ...timeline import Journey, percentile
from ...triggers import Trigger
from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import (
    BLOCKING,
    LISTENER,
    NON_BLOCKING,
    WAITING,
    number_with_slider,
    on_change,
    row,
)
from ..panels.run_panel import RunPanel
from ..theory.queueing import response_times

TOPIC = "button.click"
WORK = 0.003

# 600 clicks in 600 ms, a pause, 400 in 400 ms: the button is held down twice.
BURST = [0.3 + number / 1000 for number in range(600)] + [1.3 + n / 1000 for n in range(400)]


class FixedWindow(Flow):
    """The naive quota: at most `quota` events in each window of `window` seconds.

    It shows a fault: where two windows meet, twice the quota can pass at once. Use TokenBucket.
    """

    per_key = False
    is_quota = True

    def __init__(self, quota: int, window: float, *, clock: AnyClock | None = None):
        super().__init__(clock)
        self.quota = quota
        self.window = window
        self.refused = 0
        self._begin = self.clock.now_ns()
        self._number = 0
        self._passed = 0

    def _came(self, line: Line, held: Held, now: int) -> None:
        number = (now - self._begin) // round(self.window * 1e9)
        if number != self._number:
            self._number, self._passed = number, 0
        if self._passed < self.quota:
            self._passed += 1
            line.pass_on(held)
        else:
            self.refused += 1
            line.drop(held)

    def __repr__(self) -> str:
        return f"FixedWindow({self.quota!r}, {self.window!r})"


class Filter(NamedTuple):
    """A filter to choose: the numbers that it takes, its maker, and its colour."""

    numbers: tuple[str, ...]
    make: Callable[..., Flow | None]
    colour: str


FILTERS: dict[str, Filter] = {
    "none": Filter((), lambda clock: None, "#000000"),
    "coalesce": Filter(("Time",), lambda ms, clock: Coalesce(ms / 1e3, clock=clock), NON_BLOCKING),
    "debounce": Filter(("Time",), lambda ms, clock: Debounce(ms / 1e3, clock=clock), BLOCKING),
    "throttle": Filter(("Time",), lambda ms, clock: Throttle(ms / 1e3, clock=clock), LISTENER),
    "batch": Filter(
        ("Size", "Time"), lambda size, ms, clock: Batch(size, ms / 1e3, clock=clock), "#CC79A7"
    ),
    "fixed window": Filter(
        ("Size", "Time"), lambda quota, ms, clock: FixedWindow(quota, ms / 1e3, clock=clock),
        "#B8860B",
    ),
    "token bucket": Filter(
        ("Rate", "Burst"), lambda rate, burst, clock: TokenBucket(rate, burst, clock=clock),
        "#6A51A3",
    ),
}  # fmt: skip
UNITS = {"Time": "ms", "Size": "", "Rate": "/s", "Burst": ""}


class FilterRun:
    """Clicks that pass one of the FILTERS, made with `numbers`, to a handler.

    Clicks are `due` at these seconds from the start, and the handler takes `work` seconds for each
    event. `exactly()` runs on a clock that is moved by hand, with theory's queue in place of the
    handler. `run()` runs on the real clock, on a bus, with one thread, until the end or `stop()`.

    Then `left` has the seconds at which events left the filter, `times` the response times in
    seconds, from due to handled, and `events` the handled events. After a real run, `journeys` has
    the journey of each click.
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
        self.events: list[Event] = []
        self.journeys: list[Journey] = []
        self.merged = self.dropped = 0
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
    def was_stopped(self) -> bool:
        return self._stopped.is_set()

    def exactly(self) -> FilterRun:
        """Run on a clock that is moved by hand: in no time, and with the same result always."""
        clock = ManualClock()
        flow = FILTERS[self.kind].make(*self.numbers, clock=clock) or _Everything(clock)

        def leave(event: Event) -> None:
            self.left.append(clock.now)
            self.events.append(event)

        with flow.start(leave) as stage:
            for number, moment in enumerate(self.due):
                clock.advance_to(moment)
                stage.put(Event(TOPIC, number, time=clock.now_ns()))
            clock.advance(60)
            self.merged, self.dropped = stage.merged, stage.dropped
        queued = response_times(self.left, [self.work] * len(self.left), 1)
        self.times = [
            at + time - event.time / 1e9
            for at, time, event in zip(self.left, queued, self.events, strict=True)
        ]
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
        self.merged = sum(journey.outcome == "merged" for journey in journeys)
        self.dropped = sum(journey.outcome == "dropped" for journey in journeys)
        out = [journey for journey in journeys if journey.finished is not None]
        out.sort(key=lambda journey: journey.queued or 0)
        self.left = [((journey.queued or 0) - start) / 1e9 for journey in out]
        self.times = timeline.response_times()
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


class _Everything(Flow):
    """No filter: every event passes."""

    def _came(self, line: Line, held: Held, now: int) -> None:
        line.pass_on(held)


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the most times within any stretch of `seconds`, its end excluded."""
    most = begin = 0
    for end, moment in enumerate(times):
        while moment - times[begin] >= seconds - 1e-9:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def drawn(flow: Flow, keys: str, seconds: float = 0.1) -> str:
    """Draw what comes out of a flow on a ManualClock for these `keys`: one character for each step
    of `seconds`, and a dot where nothing comes out.
    """
    clock = flow.clock
    assert isinstance(clock, ManualClock)
    begin, out = clock.now, dict[int, str]()

    def leave(event: Event) -> None:
        place = round((clock.now - begin) / seconds)
        out[place] = event.data if isinstance(event.data, str) else "#"

    with flow.start(leave) as stage:
        for place, key in enumerate(keys):
            clock.advance_to(begin + place * seconds)
            if key != ".":
                stage.put(Event("key", key))
    return "".join(out.get(place, ".") for place in range(len(keys)))


def bench_figure(runs: Iterable[FilterRun]) -> Picture:
    """Draw a row of strokes for the clicks, and one for the output of each filter."""
    shown = list(runs)
    came = shown[0].due if shown else BURST

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        rows = [(f"came: {len(came):,}", came, WAITING)]
        rows += [(f"{r.label}: {len(r.left):,}", r.left, FILTERS[r.kind].colour) for r in shown]
        for place, (_, moments, colour) in enumerate(rows):
            width = 0.8 if len(moments) > 100 else 1.6
            axes.eventplot([at * 1e3 for at in moments], lineoffsets=place, linelengths=0.7,
                           linewidths=width, colors=colour)  # fmt: skip
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, max([2.0, *(r.left[-1] for r in shown if r.left)]) * 1.02e3)
        axes.set_xlabel("time (ms); a stroke for each event that came, or that left the filter")
        said = [f"{r.label}: {_said(r.left)}" for r in shown]
        return f"{len(came):,} clicks came. {'; '.join(said) or 'Nothing has been run yet'}."

    return picture(draw, height=1.1 + 0.36 * (len(shown) + 1))


def bench_table(runs: Iterable[FilterRun]) -> Table:
    """Return the same in numbers. Handled events were neither merged nor dropped."""
    return Table(
        ["filter", "came", "handled", "merged", "dropped", "most in 100 ms",
         "median (ms)", "worst (ms)"],
        [
            [r.label, f"{len(r.due):,}", f"{len(r.left):,}", f"{r.merged:,}", f"{r.dropped:,}",
             most_within(r.left, 0.1), *_times(r.times)]
            for r in runs
        ],
        "A burst through each filter: the most that any 100 ms let out, and response times",
    )  # fmt: skip


def _said(left: Sequence[float]) -> str:
    if not left:
        return "nothing left it"
    return f"{len(left):,} from {left[0] * 1e3:,.0f} to {left[-1] * 1e3:,.0f} ms"


def _times(times: Sequence[float]) -> list[str]:
    if not times:
        return ["–", "–"]
    return [f"{percentile(times, rank) * 1e3:,.0f}" for rank in (50, 100)]


class FilterBench(RunPanel[FilterRun]):
    """Choose a filter and its numbers, and send the burst. The output is drawn below the clicks and
    the outputs of earlier filters.
    """

    what = "burst"
    most_rows = 8

    def __init__(self) -> None:
        self.runs: list[FilterRun] = []
        self._kind = widgets.Dropdown(
            options=list(FILTERS), value="debounce", description="Filter",
            style={"description_width": "120px"}, layout=widgets.Layout(width="250px"),
        )  # fmt: skip
        self._fields: dict[str, Any] = {}
        self._rows: dict[str, Any] = {}
        for name, value, low, high, unit in [
            ("Time", 100, 10, 1000, "ms"), ("Size", 50, 1, 500, "events"),
            ("Rate", 100, 1, 1000, "a second"), ("Burst", 20, 1, 500, "events"),
        ]:  # fmt: skip
            self._fields[name], self._rows[name] = number_with_slider(name, value, low, high, unit)
        self._picture = widgets.HTML()
        self._table = widgets.HTML()
        super().__init__(
            "Event filter bench: one burst, many filters",
            "Send the burst", "send 1,000 clicks through the filter",
            above=[self._kind, row(*self._rows.values())], below=[self._picture, self._table],
        )  # fmt: skip
        self._progress.description = "Sent"
        self._status.text = "Ready. Choose a filter, predict what comes out, and send the burst."
        on_change(self._kind, lambda _: self._show_numbers())
        self._show_numbers()
        self._draw()

    @property
    def bus(self) -> EventBus:
        """The bus of the last run."""
        return self.run.bus if self.run else EventBus()

    def _show_numbers(self) -> None:
        for name, one in self._rows.items():
            wanted = name in FILTERS[self._kind.value].numbers
            one.layout.display = "flex" if wanted else "none"

    def _begin(self) -> FilterRun:
        kind = self._kind.value
        run = FilterRun(kind, *(self._fields[name].value for name in FILTERS[kind].numbers))
        self._status.say(f"Running: {len(run.due):,} clicks through {run.label}.")
        return run

    def _steps(self, run: FilterRun) -> int:
        return len(run.due)

    def _watch(self, run: FilterRun, running: bool) -> int:
        return run.trigger.fired

    def _finish(self, run: FilterRun) -> None:
        if run.was_stopped:
            self._status.say("Stopped. Nothing is drawn: the burst was cut short.", good=False)
            return
        self.runs = [one for one in self.runs if one.label != run.label][1 - self.most_rows :]
        self.runs.append(run)
        median, worst = _times(run.times)
        self._status.say(
            f"{run.label}: of {len(run.due):,} clicks {len(run.left):,} came out, {run.merged:,} "
            f"were merged into others, {run.dropped:,} dropped. Response times: median {median} "
            f"ms, worst {worst} ms."
        )
        self._draw()

    def _draw(self) -> None:
        drawn = bench_figure(self.runs)
        self._picture.value = drawn._repr_mimebundle_()["text/html"]
        self._table.value = bench_table(self.runs).html if self.runs else ""
