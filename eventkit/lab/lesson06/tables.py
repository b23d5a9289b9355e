"""The tables of lesson 06: percentiles, fan-out, utilisations, runs beside theory, a trace."""

from __future__ import annotations

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...timeline import percentile
from ..course.session import Table
from ..theory.queueing import md1, mm1, mmc
from .load_run import LoadRun
from .virtual_run import VirtualRun

RANKS = (50, 95)


def percentiles(sides: Mapping[str, Sequence[float]]) -> Table:
    """Return a table of response times in milliseconds, with a row for each side's seconds."""
    return Table(
        ["", "mean (ms)", "p50", "p90", "p99", "max"],
        [
            [name, *(f"{seconds * 1e3:,.0f}" for seconds in _mean_and_percentiles(times))]
            for name, times in sides.items()
        ],
    )


def _mean_and_percentiles(times: Sequence[float]) -> list[float]:
    return [statistics.mean(times), *(percentile(times, rank) for rank in (50, 90, 99, 100))]


def fan_out(exact: Mapping[int, float], simulated: Mapping[int, float]) -> Table:
    """Return a table of the share of slow pages by the number of calls for a page."""
    return Table(
        ["calls for a page", "slow pages, exact", "simulated"],
        [[calls, f"{exact[calls]:.1%}", f"{simulated[calls]:.1%}"] for calls in exact],
    )


def utilisations(rhos: Iterable[float], work: float) -> Table:
    """Return a table of theory's mean response times, for `work` seconds of work on average."""
    speed = 1 / work
    return Table(
        ["ρ", "M/D/1: fixed work (ms)", "M/M/1: exponential work (ms)", "M/M/2: two servers (ms)"],
        [
            [
                f"{rho:.2f}",
                f"{md1(rho * speed, speed) * 1e3:.1f}",
                f"{mm1(rho * speed, speed) * 1e3:.1f}",
                f"{mmc(2 * rho * speed, speed, 2) * 1e3:.1f}",
            ]
            for rho in rhos
        ],
        f"Mean response time; the work is {work * 1e3:g} ms each time",
    )


def virtual_runs(runs: Iterable[VirtualRun]) -> Table:
    """Return a table of virtual runs' mean response times, with the formula beside them."""
    return Table(
        ["ρ", "virtual seconds", "mean of the run (ms)", "theory, without end (ms)"],
        [
            [f"{run.rho:.2f}", f"{run.seconds:,.0f}", f"{run.mean * 1e3:.1f}",
             f"{run.endless * 1e3:.1f}"]
            for run in runs
        ],
    )  # fmt: skip


def theory_errors(runs: Sequence[LoadRun]) -> Table:
    """Return a table of percentiles as measured, and by how much theory is off them."""
    overshoot = statistics.median(runs[0].services) - runs[0].work
    nominal = f"{runs[0].work * 1e3:g} ms"
    return Table(
        ["threads", "", "felt, from due (ms)", "from the queue (ms)",
         "off theory, services as measured", f"off theory, nominal {nominal}"],
        [
            [run.servers, f"p{rank}",
             f"{percentile(run.measured, rank) * 1e3:.2f}",
             f"{percentile(run.at_the_queue, rank) * 1e3:.2f}",
             f"{run.off(run.exact, rank):+.2%}", f"{run.off(run.nominal, rank):+.2%}"]
            for run in runs
            for rank in RANKS
        ],
        f"A sleep of {nominal} took {overshoot * 1e6:.0f} µs longer (median)",
    )  # fmt: skip


def trace(path: str | os.PathLike[str]) -> Table:
    """Return a table of the kinds of entries in a trace file, with their names and fields."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in json.loads(Path(path).read_text("utf-8"))["traceEvents"]:
        kinds[entry["ph"]].append(entry)
    return Table(
        ["ph", "entries", "of", "fields of an entry"],
        [
            [kind, len(entries), _listed(map(_subject, entries)), _listed(entries[0])]
            for kind, entries in sorted(kinds.items())
        ],
    )


def _subject(entry: dict[str, Any]) -> str:
    """Return what an entry is about: a lane's own name is among its arguments."""
    return str(entry["args"]["name"] if entry["ph"] == "M" else entry["name"])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))
