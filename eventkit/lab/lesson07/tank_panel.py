"""The tank's panel: a queue to fill and drain, watched live."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ..panels.panel import (
    Snapshot,
    button,
    by_keyboard,
    number_with_slider,
    on_change,
    quiet,
    row,
    script,
    scrolling,
)
from ..panels.run_panel import RunPanel
from .follower import Follower, Places
from .tank import BURST, NO_BOUND, POLICIES, Tank, middle_and_slowest, tank_table
from .tank_picture import Flow, picture_of


class Sample(NamedTuple):
    """The numbers at one moment, in seconds since the start."""

    moment: float
    waiting: int
    came: int
    answered: int


class TankView(anywidget.AnyWidget):
    """A canvas with the tank and its level, and the same in words below."""

    _esm = script(__file__, "canvas.js", "dots.js", "basin.js", "tank.js")
    frame = traitlets.Dict().tag(sync=True)


class TankPanel(RunPanel[Tank]):
    """A queue to fill and drain: set inflow, work, workers, capacity and policy, and watch."""

    snapshot = Snapshot(
        Path(__file__).with_name("tank.png"),
        "A full tank has drained. Events that found no room lie below with their numbers, "
        "the curve shows how many waited, and a table what it cost.",
    )

    what = "flow"
    seconds = 20.0

    def __init__(self) -> None:
        self.tanks: list[Tank] = []
        self._inflow, inflow = number_with_slider("Inflow", 30, 1, 200, "per s")
        self._work, work = number_with_slider("Work", 50, 1, 500, "ms")
        self._workers, workers = number_with_slider("Workers", 1, 1, 8, "threads")
        self._capacity, capacity = number_with_slider("Capacity", 20, 1, 200, "events")
        self._policy = widgets.Dropdown(
            options=[NO_BOUND, *POLICIES],
            description="When full",
            style={"description_width": "120px"},
            layout=widgets.Layout(width="250px"),
        )
        self._burst_button = button(
            f"Burst of {BURST}", self._burst, f"{BURST} more events at once", disabled=True
        )
        self._view = TankView()
        self._figures = widgets.HTML()
        self._result = scrolling()
        self._samples: list[Sample] = []
        self._was_full = False
        self._follower = Follower(Tank())
        super().__init__(
            "The tank: inflow, outflow, and what is between",
            "Start", "let events flow in",
            above=[
                row(inflow, work), row(workers, capacity), row(self._policy, self._burst_button),
                widgets.HTML(quiet(
                    "Inflow and work can be changed while it flows. Workers, capacity and “When "
                    "full” take effect at the next start.")),
            ],
            below=[self._view, self._figures, self._result],
        )  # fmt: skip
        self._progress.description = "Inflow"
        for field in (self._inflow, self._work):
            on_change(field, lambda _: self._adjust())
        for choice in (self._workers, self._capacity, self._policy):
            on_change(choice, lambda _: self._show_empty())
        self._show_empty()

    @property
    def bus(self) -> EventBus:
        """The bus of the last run."""
        return self.run.bus if self.run else EventBus()

    def _chosen(self) -> Tank:
        bounded = self._policy.value != NO_BOUND
        return Tank(
            self._inflow.value, self._work.value / 1e3, self._workers.value,
            self._capacity.value if bounded else None,
            self._policy.value if bounded else "block", self.seconds,
        )  # fmt: skip

    def _show_empty(self) -> None:
        """Show the tank that the next start will fill, unless one is being filled."""
        if self._stop_button.disabled:
            self._samples.clear()
            self._show(self._chosen(), Places(), running=False)

    def _adjust(self) -> None:
        if self.run:
            self.run.inflow, self.run.work = self._inflow.value, self._work.value / 1e3

    def _burst(self) -> None:
        if self.run:
            self.run.burst()

    def _begin(self) -> Tank:
        tank = self._chosen()
        self._follower = Follower(tank)
        self._samples.clear()
        self._was_full = False
        self._figures.value = ""
        self._burst_button.disabled = False
        can_leave = self._workers.value / tank.work
        self._status.say(
            f"Flowing for {self.seconds:g} s: {tank.inflow} come each second, and "
            f"{can_leave:.0f} can leave."
        )
        return tank

    def _steps(self, tank: Tank) -> int:
        return round(tank.seconds)

    def _watch(self, tank: Tank, running: bool) -> int:
        self._burst_button.disabled = tank.poured >= tank.seconds  # nothing comes any more
        places = self._follower.look()
        self._samples.append(
            Sample(tank.elapsed, len(places.waiting), places.came, len(places.answered))
        )
        self._show(tank, places, running)
        if running and not self._was_full and tank.most >= (tank.capacity or tank.most + 1):
            self._was_full = True
            self._status.say(f"The tank is full. {WHEN_FULL[tank.title]}")
        return round(tank.poured)

    def _show(self, tank: Tank, places: Places, running: bool) -> None:
        levels = [(round(one.moment, 2), one.waiting) for one in self._samples]
        flow = self._flow() if running else Flow()
        self._view.frame = picture_of(tank, places, flow, levels)

    def _flow(self) -> Flow:
        """Return how many came and were answered per second, over the last second."""
        now = self._samples[-1]
        then = next((one for one in self._samples if one.moment >= now.moment - 1), now)
        spent = max(now.moment - then.moment, 0.05)
        return Flow((now.came - then.came) / spent, (now.answered - then.answered) / spent)

    def _finish(self, tank: Tank) -> None:
        self._burst_button.disabled = True
        self.tanks.append(tank)
        if tank.was_stopped:
            self._status.say(_stopped(tank), good=False)
        else:
            self._status.say(f"Empty again after {tank.elapsed:.1f} s. {_answered(tank)}")
        self._figures.value = _figures(tank)
        self._result.value = by_keyboard(tank_table(self.tanks).html, "All runs")


WHEN_FULL = {
    "block": "The producer is held up until half of the places are free, again and again.",
    "drop_oldest": "For each event that comes, the one that has waited longest is given up.",
    "drop_newest": "A new event is given up, unless there is room at that moment.",
    "raise": "The producer gets QueueFull for each event that finds no room.",
}


def _answered(tank: Tank) -> str:
    middle, slowest = middle_and_slowest(tank)
    return (
        f"{tank.came} came, {len(tank.times)} were answered, half of them within {middle} ms, "
        f"the slowest after {slowest} ms."
    )


def _stopped(tank: Tank) -> str:
    said = _answered(tank) if tank.times else f"{tank.came} came, and none was answered."
    return (
        f"Stopped after {tank.elapsed:.1f} s. {said} Stop cut {len(tank.cut_off)} off: how long "
        "these would have waited is not known."
    )


def _figures(tank: Tank) -> str:
    """Return the result of a run in large figures."""
    figures = {
        f"ms at most, for {len(tank.times)} answered": middle_and_slowest(tank)[1] or "–",
        f"lost, of {tank.came}": f"{tank.lost:,}",
        "ms the producer was held up": tank.held_up_ms,
    }
    parts = "".join(
        f"<div><div class='ek-number'>{figure}</div>{what}</div>"
        for what, figure in figures.items()
    )
    return f"<div class='ek-quiet ek-figures'>{parts}</div>"
