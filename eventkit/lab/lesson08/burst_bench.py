"""The burst bench: a burst through each filter on the real clock, drawn on one time axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from ...bus import EventBus
from ...timeline import percentile
from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import (
    WAITING,
    Snapshot,
    by_keyboard,
    number_with_slider,
    on_change,
    row,
    scrolling,
)
from ..panels.run_panel import RunPanel
from .filter_run import BURST, FilterRun
from .filters import FILTERS
from .quotas import most_within


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
    """Return the same in numbers. The handled events tell of some clicks; every other click was
    replaced by a newer one, or dropped.
    """
    return Table(
        ["filter", "came", "handled", "clicks in them", "replaced", "dropped", "most in 100 ms",
         "median (ms)", "worst (ms)", "oldest click (ms)"],
        [
            [r.label, f"{len(r.due):,}", f"{len(r.left):,}", f"{r.told:,}", f"{r.replaced:,}",
             f"{r.dropped:,}", most_within(r.left, 0.1), *_times(r.times), _times(r.oldest)[-1]]
            for r in runs
        ],
        "A burst through each filter: the most that any 100 ms let out, response times, and how "
        "long the oldest click waited that a handled event stands for",
    )  # fmt: skip


def _said(left: Sequence[float]) -> str:
    if not left:
        return "nothing left it"
    return f"{len(left):,} from {left[0] * 1e3:,.0f} to {left[-1] * 1e3:,.0f} ms"


def _times(times: Sequence[float]) -> list[str]:
    if not times:
        return ["–", "–"]
    return [f"{percentile(times, rank) * 1e3:,.0f}" for rank in (50, 100)]


class BurstBench(RunPanel[FilterRun]):
    """Choose a filter and its numbers, and send the burst. The output is drawn below the clicks and
    the outputs of earlier filters.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("burst_bench.png"),
        "A burst of 1,000 clicks through a filter: when events came out, and a table of "
        "the counts.",
    )

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
        self._table = scrolling()
        super().__init__(
            "Burst bench: one burst, many filters, the real clock",
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
            f"{run.label}: {len(run.due):,} clicks came and {len(run.left):,} events went out, "
            f"which tell of {run.told:,} clicks. {run.replaced:,} were replaced by newer ones, "
            f"{run.dropped:,} dropped. Response times: median {median} ms, worst {worst} ms; the "
            f"oldest click waited up to {_times(run.oldest)[-1]} ms."
        )
        self._draw()

    def _draw(self) -> None:
        drawn = bench_figure(self.runs)
        self._picture.value = drawn._repr_mimebundle_()["text/html"]
        table = by_keyboard(bench_table(self.runs).html, "All bursts")
        self._table.value = table if self.runs else ""
