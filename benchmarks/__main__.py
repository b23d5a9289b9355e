"""`python -m benchmarks [--quick] [part ...]`: measure, and print one table in Markdown."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from . import peers
from .comparing import Row

PARTS = [
    *("dispatch", "handoffs", "durable", "bridge", "nats_log"),
    *("secured", "imports", "click", "live"),
]
"""Modules of this package, each with `measure(quick: bool) -> list[Row]`."""

_TABLE = Path("build/bench.md")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it work at all?")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without any")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
    peers.install_other_eventkit()
    start = time.monotonic()
    rows = [row for part in chosen.parts or PARTS for row in measure(part, chosen.quick)]
    seconds = time.monotonic() - start
    text = "\n".join([*heading(chosen.quick, seconds), "", *table(rows), "", *summary(rows), ""])
    _TABLE.parent.mkdir(exist_ok=True)
    _TABLE.write_text(text, encoding="utf-8")
    print(text)


def measure(part: str, quick: bool) -> list[Row]:
    """A part that needs what is not installed is a row that says so."""
    try:
        module = importlib.import_module(f"{__package__}.{part}")
        rows: list[Row] = module.measure(quick)
    except ImportError as problem:
        return [Row(part, "eventkit", missing=str(problem))]
    return rows


def heading(quick: bool, seconds: float) -> Iterator[str]:
    """What was measured, on what machine and with which versions."""
    yield "# Benchmarks"
    yield ""
    yield (
        f"{time.strftime('%Y-%m-%d')}, {seconds:.0f} s, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores, eventkit {version('eventkit-notebooks')}, "
        f"msgspec {version('msgspec')}; {', '.join(peers.versions())}."
    )
    yield ""
    yield (
        "× is the ratio to the first line of each measure, which is the bare limit: the median "
        "over the rounds, and the quartiles. In each round all candidates of a measure take turns."
    )
    if quick:
        yield "A quick run: too few rounds for these figures to mean anything."


def table(rows: list[Row]) -> Iterator[str]:
    yield "| measure | candidate | time each | × | quartiles | goal | later |"
    yield "|---|---|--:|--:|--:|---|---|"
    measure_before = ""
    for row in rows:
        measure = row.measure if row.measure != measure_before else ""
        measure_before = row.measure
        if row.missing:
            yield f"| {measure} | {row.candidate} | missing: {row.missing} | | | | |"
            continue
        low, high = row.quartiles
        yield (
            f"| {measure} | {row.candidate} | {_duration(row.median)} | {row.ratio:.3g} "
            f"| {low:.3g}–{high:.3g} | {_verdict(row, row.goal)} | {_verdict(row, row.later)} |"
        )


def summary(rows: list[Row]) -> Iterator[str]:
    """Which goals are not met, in words."""
    judged = [row for row in rows if row.goal is not None]
    missed = [row for row in judged if row.goal is not None and row.ratio > row.goal]
    yield f"{len(judged) - len(missed)} of {len(judged)} goals met."
    for row in missed:
        yield f"Not met: {row.measure}, {row.ratio:.3g} × and not {row.goal} ×."


def _verdict(row: Row, goal: float | None) -> str:
    if goal is None:
        return ""
    return f"≤ {goal:g} {'met' if row.ratio <= goal else '**not met**'}"


def _duration(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "processor unknown"


if __name__ == "__main__":
    main()
