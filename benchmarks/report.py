"""What was measured, as a page in Markdown."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from . import peers
from .comparing import Row

_UNITS = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "bytes")),
}


def page(rows: list[Row], quick: bool, seconds: float) -> str:
    met = "\n\n".join(summary(rows))
    lines = [*heading(quick, seconds), "", met, "", *table(rows)]
    return "\n".join(lines) + "\n"


def heading(quick: bool, seconds: float) -> Iterator[str]:
    """What was measured, on what machine and with which versions."""
    yield "# Benchmarks"
    yield ""
    yield f"Measured by `make bench` in {seconds / 60:.0f} minutes on {_machine()}."
    yield f"Versions: eventkit {version('eventkit-notebooks')}, {', '.join(peers.versions())}."
    yield ""
    yield (
        "Each part is measured beside the bare limit, such as a plain loop, and beside the "
        "packages that do the same. × is the ratio to the first line of each measure, which is the "
        "limit: the median over the rounds, and the quartiles. In each round all candidates take "
        "turns, so a busy machine affects all of them. Each peer is used as its own documentation "
        "recommends. A goal is a ratio to the limit. Where it is worked out from a peer of the "
        "same run, the table names that peer."
    )
    if quick:
        yield ""
        yield "A quick run: too few rounds for these figures to mean anything."


def table(rows: list[Row]) -> Iterator[str]:
    yield "| measure | candidate | each | × | quartiles | goal |"
    yield "|---|---|--:|--:|--:|---|"
    measure_before = ""
    for row in rows:
        measure = row.measure if row.measure != measure_before else ""
        measure_before = row.measure
        if row.missing:
            why = " ".join(row.missing.replace("|", "/").split())
            yield f"| {measure} | {row.candidate} | missing: {why} | | | {_verdict(row)} |"
            continue
        low, high = row.quartiles
        yield (
            f"| {measure} | {row.candidate} | {amount(row.median, row.unit)} | {row.ratio:.3g} "
            f"| {low:.3g}–{high:.3g} | {_verdict(row)} |"
        )


def summary(rows: list[Row]) -> Iterator[str]:
    """How many goals are met, and in words which are not."""
    judged = [row for row in rows if row.goal is not None]
    missed = [row for row in judged if not row.is_met]
    yield f"{len(judged) - len(missed)} of {len(judged)} goals met."
    for row in missed:
        found = row.missing or f"{row.ratio:.4g} ×, and the goal is {row.goal:.4g} ×"
        found += f" ({row.goal_is})" if row.goal_is else ""
        yield f"Not met: {row.measure} ({row.candidate}), {found}."


def amount(value: float, unit: str) -> str:
    """A figure with three digits and the unit that suits it."""
    size, name = next((one for one in _UNITS[unit] if value >= one[0]), _UNITS[unit][-1])
    return f"{value / size:.3g} {name}"


def _verdict(row: Row) -> str:
    if row.goal is None:
        return ""
    goal = f"≤ {row.goal:.3g}" + (f" ({row.goal_is})" if row.goal_is else "")
    return f"{goal} {'met' if row.is_met else '**not met**'}"


def _machine() -> str:
    return (
        f"{time.strftime('%Y-%m-%d')}, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "processor unknown"
