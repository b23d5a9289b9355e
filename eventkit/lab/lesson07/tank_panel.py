"""The tank's panel: a queue to fill and drain, watched live."""

from __future__ import annotations

from typing import Any, NamedTuple

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ..panels.panel import (
    BLOCKING,
    NON_BLOCKING,
    button,
    number_with_slider,
    on_change,
    quiet,
    row,
    script,
)
from ..panels.run_panel import RunPanel
from .tank import BURST, NO_BOUND, POLICIES, Tank, middle_and_slowest, tank_table


class Sample(NamedTuple):
    """The numbers at one moment, in seconds since the start."""

    moment: float
    waiting: int
    came: int
    answered: int
    lost: int


class TankView(anywidget.AnyWidget):
    """A canvas with the tank and its level, and the same in words below."""

    _esm = script(__file__, "canvas.js", "tank.js")
    frame = traitlets.Dict().tag(sync=True)


class TankPanel(RunPanel[Tank]):
    """A queue to fill and drain: set inflow, work, workers, capacity and policy, and watch."""

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
        self._result = widgets.HTML()
        self._samples: list[Sample] = []
        self._was_full = False
        super().__init__(
            "The tank: inflow, outflow, and what is between",
            "Start", "let events flow in",
            above=[
                row(inflow, work), row(workers, capacity), row(self._policy, self._burst_button),
                widgets.HTML(quiet(
                    "Inflow and work can be changed while it flows. Workers, capacity and “When "
                    "full” take effect at the next start.")),
            ],
            below=[self._view, self._result],
        )  # fmt: skip
        self._progress.description = "Inflow"
        for field in (self._inflow, self._work):
            on_change(field, lambda _: self._adjust())
        for choice in (self._capacity, self._policy):
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
            self._view.frame = self._frame(self._chosen(), running=False)

    def _adjust(self) -> None:
        if self.run:
            self.run.inflow, self.run.work = self._inflow.value, self._work.value / 1e3

    def _burst(self) -> None:
        if self.run:
            self.run.burst()

    def _begin(self) -> Tank:
        tank = self._chosen()
        self._samples.clear()
        self._was_full = False
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
        self._samples.append(
            Sample(tank.elapsed, tank.waiting, tank.came, len(tank.times), tank.lost)
        )
        self._view.frame = self._frame(tank, running)
        if running and not self._was_full and (tank.lost or tank.late > 0.5):
            self._was_full = True
            self._status.say(f"The tank is full. {WHEN_FULL[tank.title]}")
        return round(tank.poured)

    def _finish(self, tank: Tank) -> None:
        self._burst_button.disabled = True
        if tank.was_stopped:
            self._status.say("Stopped. Nothing is compared: the work was cut short.", good=False)
            return
        self.tanks.append(tank)
        middle, slowest = middle_and_slowest(tank)
        self._status.say(
            f"Empty again after {tank.elapsed:.1f} s. {tank.came} came, {len(tank.times)} were "
            f"answered, half of them within {middle} ms, the slowest after {slowest} ms."
        )
        self._result.value = tank_table(self.tanks).html

    def _frame(self, tank: Tank, running: bool) -> dict[str, Any]:
        """Return what the live view draws, with few enough points to send often."""
        points = [(round(one.moment, 2), one.waiting) for one in self._samples]
        step = max(1, len(points) // 200)
        came, answered, lost = self._rates() if running else (0.0, 0.0, 0.0)
        return {
            "level": tank.waiting,
            "bounded": tank.capacity is not None,
            "scale": tank.capacity or _round_up(max((level for _, level in points), default=0)),
            "inflow": came,
            "outflow": answered,
            "spill": lost,
            "late": tank.late if running else 0.0,
            "levels": points[::step] + points[-1:],
            "now": points[-1][0] if points else 0.0,
            "span": tank.seconds,
            "colour": NON_BLOCKING,
            "lost": BLOCKING,
            "says": _says(tank),
        }

    def _rates(self) -> tuple[float, float, float]:
        """Return how many came, were answered and were lost per second, over the last second."""
        now = self._samples[-1]
        then = next((one for one in self._samples if one.moment >= now.moment - 1), now)
        spent = max(now.moment - then.moment, 0.05)
        return (
            (now.came - then.came) / spent,
            (now.answered - then.answered) / spent,
            (now.lost - then.lost) / spent,
        )


WHEN_FULL = {
    NO_BOUND: "The producer falls behind by itself.",
    "block": "The producer is held up from now on.",
    "drop_oldest": "For each event that comes, the one that has waited longest is given up.",
    "drop_newest": "A new event is given up, unless there is room at that moment.",
    "raise": "The producer gets QueueFull for each event that finds no room.",
}


def _says(tank: Tank) -> str:
    answered, lost, waiting = len(tank.times), tank.lost, tank.waiting
    if not tank.came:
        return "Nothing yet."
    at_work = max(0, tank.came - answered - lost - waiting)
    newest = f" The last answer took {tank.times[-1] * 1e3:,.0f} ms." if answered else ""
    return (
        f"{tank.came} came: {waiting} wait, {at_work} in work, {answered} answered, "
        f"{lost} lost.{newest}"
    )


def _round_up(level: int) -> int:
    """Return the next of 20, 50, 100, 200, 500, …"""
    size = 10
    while True:
        for factor in (2, 5, 10):
            if level <= factor * size:
                return factor * size
        size *= 10
