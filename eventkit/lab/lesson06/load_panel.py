"""The load curve's panel: drag the utilisation, watch the virtual queue, and measure for real."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ..panels.panel import LISTENER, WAITING, Snapshot, row, script
from ..panels.run_panel import RunPanel
from .load_curve import COLOURS, HIGHEST, LOWEST, load_table, means_of
from .load_run import LoadRun, Service, endless_mean
from .virtual_run import COUNT, SEED, TYPICAL

CURVES: list[tuple[int, Service]] = [(n, service) for n in (1, 2) for service in get_args(Service)]


class LoadView(anywidget.AnyWidget):
    """A canvas with the virtual queue and the load curve, whose utilisation can be dragged.

    `servers` and `service` are the numbers of the options chosen.
    """

    _esm = script(
        __file__, "canvas.js", "dots.js", "virtual_queue.js", "load_chart.js", "load_curve.js"
    )
    _css = Path(__file__).with_name("load_curve.css")
    frame = traitlets.Dict().tag(sync=True)
    low = traitlets.Int(LOWEST).tag(sync=True)
    high = traitlets.Int(HIGHEST).tag(sync=True)
    percent = traitlets.Int(50).tag(sync=True)
    servers = traitlets.Int(0).tag(sync=True)
    service = traitlets.Int(0).tag(sync=True)


class LoadCurve(RunPanel[LoadRun]):
    """Drag the utilisation and see what the virtual queue does. Measure there with a real run.

    Every run has the same `seed`, so that two points differ by their settings and not by chance.
    With this seed, runs of five seconds are ordered as in theory at each utilisation: exponential
    work is slower than fixed work, and one server slower than two.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("load_curve.png"),
        "A queue in front of a server on the left, four curves of response time against "
        "utilisation on the right, with a handle, and measured points.",
    )

    work = 0.010
    seconds = 5.0
    seed = 67

    def __init__(self) -> None:
        self.runs: list[LoadRun] = []
        self._rho = widgets.BoundedIntText(
            value=50, min=LOWEST, max=HIGHEST, description="Utilisation (%)", **_looks("200px")
        )
        self._service = _choice("Service", get_args(Service))
        self._servers = _choice("Servers", (1, 2))
        self._view = LoadView(frame=frame([], self.work))
        self._table = widgets.HTML()
        for chosen, name in ((self._service, "service"), (self._servers, "servers")):
            widgets.jslink((chosen, "index"), (self._view, name))
        widgets.jslink((self._rho, "value"), (self._view, "percent"))
        super().__init__(
            "Load curve: utilisation against response time",
            "Measure", "fire requests for some seconds",
            above=[row(self._rho, self._service, self._servers), self._view], below=[self._table],
        )  # fmt: skip
        self._status.text = (
            "Drag the upright line, or move it with ← and →, or type a whole number of per cent, "
            f"{LOWEST} to {HIGHEST} (for ρ = 0.95 type 95). Then measure there."
        )

    @property
    def bus(self) -> EventBus:
        """The bus of the last run."""
        return self.run.bus if self.run else EventBus()

    def text(self) -> str:
        servers, service, percent = self._servers.value, self._service.value, self._rho.value
        times = endless_mean(percent / 100, servers, service, 1)
        return (
            f"[Load curve: at {percent} % busy an answer takes {times:.1f} × its work, with "
            f"{_name(servers, service)}. Run this cell in JupyterLab, drag the utilisation, press "
            "“Measure”]"
        )

    def _begin(self) -> LoadRun:
        run = LoadRun(
            self._rho.value / 100, self._servers.value, self._service.value,
            self.work, self.seconds, self.seed,
        )  # fmt: skip
        self._status.say(
            f"Running: {run.requests} requests, {run.rate:.0f} a second. The virtual queue rests."
        )
        self._view.frame = frame(self.runs, self.work, running=True)
        return run

    def _steps(self, run: LoadRun) -> int:
        return run.requests

    def _watch(self, run: LoadRun, running: bool) -> int:
        if not running:
            self._view.frame = frame(self.runs, self.work)
        return run.answered

    def _finish(self, run: LoadRun) -> None:
        if run.was_stopped:
            self._status.say("Stopped. Nothing is drawn: the work was cut short.", good=False)
            return
        self.runs.append(run)
        measured, exact, endless = means_of(run)
        self._status.say(
            f"Asked for a utilisation of {run.rho * 100:.0f} %, measured {run.load * 100:.0f} %. "
            f"Response times: "
            f"{measured * 1e3:.1f} ms on average, {exact * 1e3:.1f} ms by theory for the same "
            f"arrivals; {endless * 1e3:.1f} ms by theory at {run.rho * 100:.0f} % in a run "
            "without end."
        )
        self._view.frame = frame(self.runs, self.work)
        self._table.value = load_table(self.runs, percent=True).html


def frame(runs: Sequence[LoadRun], work: float, running: bool = False) -> dict[str, Any]:
    """Return what the view draws: theory's four curves with all runs, on one axis that grows only
    if a run needs more room. Times are in milliseconds, utilisations in per cent.
    """
    longest = curves_limits([max(means_of(run)[:2]) for run in runs], work)
    return {
        "work": work * 1e3,
        "count": COUNT,
        "seed": SEED,
        "typical": TYPICAL,
        "colours": {"waiting": WAITING, "done": LISTENER},
        "curves": [_curve(servers, service, work) for servers, service in CURVES],
        "runs": [_point(run) for run in runs],
        "limits": {"load": 100 * max([1, *(run.load for run in runs)]), "mean": longest * 1e3},
        "running": running,
        "says": curves_in_words(runs, work),
    }


def curves_limits(means: Iterable[float], work: float) -> float:
    """Return the end of the time axis in seconds, with room for all curves and these means."""
    return max([endless_mean(HIGHEST / 100, 1, "exponential", work), *means]) * 1.08


def curves_in_words(runs: Sequence[LoadRun], work: float) -> str:
    """Return what the curves and the points say, for those who do not see them."""
    said = [_curve_in_words(servers, service, work, runs) for servers, service in CURVES]
    measured = "" if runs else " Nothing measured yet."
    return (
        f"Mean response time against utilisation (%), by theory from {LOWEST} to {HIGHEST} %. "
        f"{' '.join(said)}{measured}"
    )


def _curve_in_words(servers: int, service: Service, work: float, runs: Iterable[LoadRun]) -> str:
    ends = [endless_mean(rho / 100, servers, service, work) * 1e3 for rho in (LOWEST, HIGHEST)]
    said = [f"{_name(servers, service)}: {ends[0]:.0f} to {ends[1]:.0f} ms."]
    for run in runs:
        if (run.servers, run.service) == (servers, service):
            measured, exact = (mean * 1e3 for mean in means_of(run)[:2])
            said.append(
                f"At {run.load * 100:.0f} % measured {measured:.0f} ms, "
                f"the same arrivals in theory {exact:.0f} ms."
            )
    return " ".join(said)


def _curve(servers: int, service: Service, work: float) -> dict[str, Any]:
    return {
        "name": _name(servers, service),
        "servers": servers,
        "service": service,
        "colour": COLOURS[service],
        "dash": [] if servers == 1 else [7, 4],
        "points": [
            (percent, endless_mean(percent / 100, servers, service, work) * 1e3)
            for percent in range(LOWEST, HIGHEST + 1)
        ],
    }


def _point(run: LoadRun) -> dict[str, Any]:
    measured, exact, _ = means_of(run)
    return {
        "curve": CURVES.index((run.servers, run.service)),
        "load": run.load * 100,
        "measured": measured * 1e3,
        "exact": exact * 1e3,
    }


def _name(servers: int, service: Service) -> str:
    return f"{servers} server{'s' * (servers > 1)}, {service} work"


def _choice(label: str, options: Sequence[object]) -> widgets.Dropdown:
    return widgets.Dropdown(options=options, description=label, **_looks("250px"))


def _looks(width: str) -> dict[str, Any]:
    return {"style": {"description_width": "120px"}, "layout": widgets.Layout(width=width)}
