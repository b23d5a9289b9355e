"""The load curve: utilisation against response time, measured and drawn over theory's curve."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from matplotlib.figure import Figure

from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, NON_BLOCKING, THEORY
from .load_run import LoadRun, Service, endless_mean

LOWEST, HIGHEST = 10, 95
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


def load_table(runs: Iterable[LoadRun], percent: bool = False) -> Table:
    """Return the mean response times in milliseconds. Utilisation is a share, or in per cent."""

    def share(rho: float) -> str:
        return f"{rho * 100:.0f} %" if percent else f"{rho:.2f}"

    return Table(
        ["ρ asked", "ρ measured", "servers", "service", "requests", "measured (ms)",
         "theory, same arrivals (ms)", "theory, without end (ms)"],
        [
            [share(run.rho), share(run.load), run.servers, run.service, run.requests,
             *(f"{mean * 1e3:.1f}" for mean in means_of(run))]
            for run in runs
        ],
        "Mean response times",
    )  # fmt: skip


def means_of(run: LoadRun) -> tuple[float, float, float]:
    """Return the mean response times in seconds: measured, of the same arrivals, without end."""
    return statistics.mean(run.measured), statistics.mean(run.exact), run.endless
