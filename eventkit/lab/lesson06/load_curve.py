"""The load curve: utilisation against response time, measured and drawn over theory's curve."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import get_args

import ipywidgets as widgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...bus import EventBus
from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, NON_BLOCKING, THEORY, number_with_slider, row
from ..panels.run_panel import RunPanel
from .load_run import LoadRun, Service, endless_mean

LOWEST, HIGHEST = 10, 95
SERVERS = (1, 2)
RHOS = [number / 200 for number in range(2 * LOWEST, 2 * HIGHEST + 1)]
COLOURS: dict[Service, str] = {"fixed": NON_BLOCKING, "exponential": BLOCKING}


def load_figure(runs: Iterable[LoadRun], servers: int, service: Service, work: float) -> Picture:
    """Draw theory's curve for utilisations from 0.1 to 0.95, with the means of runs over it.

    For each run a dot marks the measured mean and a cross theory's mean for its arrivals, both at
    the measured utilisation.
    """
    shown = [run for run in runs if (run.servers, run.service) == (servers, service)]

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        curve = [endless_mean(rho, servers, service, work) * 1e3 for rho in RHOS]
        axes.plot(RHOS, curve, "-", color=THEORY, linewidth=1.2, label="theory, a run without end")
        rhos = [run.load for run in shown]
        means = [statistics.mean(run.measured) * 1e3 for run in shown]
        exact = [statistics.mean(run.exact) * 1e3 for run in shown]
        axes.plot(rhos, means, "o", color=COLOURS[service], label="measured (mean of a run)")
        axes.plot(rhos, exact, "x", color=THEORY, label="theory, the same arrivals")
        axes.set_xlim(0, max([1, *rhos]) * 1.02)
        axes.set_ylim(0, max([curve[-1], *means, *exact]) * 1.08)
        axes.set_xlabel("utilisation ρ (dots: as measured)")
        axes.set_ylabel("mean response time (ms)")
        axes.set_title(
            f"{servers} server{'s' * (servers > 1)}, {service} service, {work * 1e3:g} ms"
        )
        axes.legend(loc="upper left")
        said = [
            f"at {rho:.2f} measured {mean:.0f} ms, the same arrivals in theory {one:.0f} ms"
            for rho, mean, one in zip(rhos, means, exact, strict=True)
        ]
        return (
            f"Mean response time against utilisation: theory's curve rises from {curve[0]:.0f} ms "
            f"at {RHOS[0]:g} to {curve[-1]:.0f} ms at {RHOS[-1]:g}. "
            + ("; ".join(said) or "Nothing measured yet").capitalize() + "."
        )  # fmt: skip

    return picture(draw, height=3.6)


def load_curves_figure(runs: Sequence[LoadRun], work: float) -> Picture:
    """Draw theory's four curves, for fixed and exponential work on one and two servers, with all
    runs over them as in `load_figure`. The axes grow only if a run needs more room.
    """

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        said = [
            _draw_curve(axes, servers, service, work, runs)
            for servers in SERVERS
            for service in get_args(Service)
        ]
        axes.plot([], [], "x", color=THEORY, label="theory, the same arrivals")
        axes.set_xlim(0, 100 * max([1, *(run.load for run in runs)]) * 1.02)
        axes.set_ylim(0, 1e3 * curves_limits([max(_means(run)[:2]) for run in runs], work))
        axes.set_xlabel("utilisation (%)")
        axes.set_ylabel("mean response time (ms)")
        axes.set_title(f"Work of {work * 1e3:g} ms: lines are theory, points are measured")
        axes.legend(loc="upper left")
        measured = "" if runs else " Nothing measured yet."
        return (
            f"Mean response time against utilisation (%), by theory from {LOWEST} to {HIGHEST} %. "
            f"{' '.join(said)}{measured}"
        )

    return picture(draw, height=3.6)


def curves_limits(means: Iterable[float], work: float) -> float:
    """Return the end of the time axis in seconds, with room for all curves and these means."""
    return max([endless_mean(HIGHEST / 100, 1, "exponential", work), *means]) * 1.08


def _draw_curve(
    axes: Axes, servers: int, service: Service, work: float, runs: Iterable[LoadRun]
) -> str:
    """Draw one curve and the runs that belong to it. Return the same in words."""
    name = f"{servers} server{'s' * (servers > 1)}, {service} work"
    line, mark = ("-", "o") if servers == 1 else ("--", "s")
    colour = COLOURS[service]
    curve = [endless_mean(rho, servers, service, work) * 1e3 for rho in RHOS]
    axes.plot([100 * rho for rho in RHOS], curve, line, color=colour, linewidth=1.2, label=name)
    said = [f"{name}: {curve[0]:.0f} to {curve[-1]:.0f} ms."]
    for run in runs:
        if (run.servers, run.service) != (servers, service):
            continue
        measured, exact = (mean * 1e3 for mean in _means(run)[:2])
        axes.plot(100 * run.load, measured, mark, color=colour)
        axes.plot(100 * run.load, exact, "x", color=THEORY)
        said.append(
            f"At {run.load * 100:.0f} % measured {measured:.0f} ms, "
            f"the same arrivals in theory {exact:.0f} ms."
        )
    return " ".join(said)


def load_table(runs: Iterable[LoadRun], percent: bool = False) -> Table:
    """Return the mean response times in milliseconds. Utilisation is a share, or in per cent."""

    def share(rho: float) -> str:
        return f"{rho * 100:.0f} %" if percent else f"{rho:.2f}"

    return Table(
        ["ρ asked", "ρ measured", "servers", "service", "requests", "measured (ms)",
         "theory, same arrivals (ms)", "theory, without end (ms)"],
        [
            [share(run.rho), share(run.load), run.servers, run.service, run.requests,
             *(f"{mean * 1e3:.1f}" for mean in _means(run))]
            for run in runs
        ],
        "Mean response times",
    )  # fmt: skip


def _means(run: LoadRun) -> tuple[float, float, float]:
    return statistics.mean(run.measured), statistics.mean(run.exact), run.endless


class LoadCurve(RunPanel[LoadRun]):
    """Choose a utilisation and measure there: the point appears beside theory's curve.

    Every run has the same `seed`, so that two points differ by their settings and not by chance.
    With this seed, runs of five seconds are ordered as in theory at each utilisation: exponential
    work is slower than fixed work, and one server slower than two.
    """

    work = 0.010
    seconds = 5.0
    seed = 67

    def __init__(self) -> None:
        self.runs: list[LoadRun] = []
        self._rho, rho = number_with_slider("Utilisation", 50, LOWEST, HIGHEST, "%")
        self._service = _choice("Service", list(get_args(Service)))
        self._servers = _choice("Servers", SERVERS)
        self._picture = widgets.HTML()
        self._table = widgets.HTML()
        super().__init__(
            "Load curve: utilisation against response time",
            "Measure", "fire requests for some seconds",
            above=[rho, row(self._service, self._servers)], below=[self._picture, self._table],
        )  # fmt: skip
        self._status.text = "Ready. The lines are theory's; the points will be yours."
        self._draw()

    @property
    def bus(self) -> EventBus:
        """The bus of the last run."""
        return self.run.bus if self.run else EventBus()

    def text(self) -> str:
        return "[Load curve: run this cell in JupyterLab, choose a utilisation, press “Measure”]"

    def _begin(self) -> LoadRun:
        run = LoadRun(
            self._rho.value / 100, self._servers.value, self._service.value,
            self.work, self.seconds, self.seed,
        )  # fmt: skip
        self._status.say(f"Running: {run.requests} requests, {run.rate:.0f} a second.")
        return run

    def _steps(self, run: LoadRun) -> int:
        return run.requests

    def _watch(self, run: LoadRun, running: bool) -> int:
        return run.answered

    def _finish(self, run: LoadRun) -> None:
        if run.was_stopped:
            self._status.say("Stopped. Nothing is drawn: the work was cut short.", good=False)
            return
        self.runs.append(run)
        measured, exact, endless = _means(run)
        self._status.say(
            f"Asked for a utilisation of {run.rho * 100:.0f} %, measured {run.load * 100:.0f} %. "
            f"Response times: "
            f"{measured * 1e3:.1f} ms on average, {exact * 1e3:.1f} ms by theory for the same "
            f"arrivals; {endless * 1e3:.1f} ms by theory at {run.rho * 100:.0f} % in a run "
            "without end."
        )
        self._draw()

    def _draw(self) -> None:
        drawn = load_curves_figure(self.runs, self.work)
        self._picture.value = drawn._repr_mimebundle_()["text/html"]
        self._table.value = load_table(self.runs, percent=True).html if self.runs else ""


def _choice(label: str, options: Sequence[object]) -> widgets.Dropdown:
    return widgets.Dropdown(
        options=options,
        description=label,
        style={"description_width": "120px"},
        layout=widgets.Layout(width="250px"),
    )
