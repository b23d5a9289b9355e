"""`python -m benchmarks [--quick] [--record] [part ...]`: measure, and print one table.

Table and figure go to `build/`. `--record` writes them into `docs/` as well.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
import traceback
from pathlib import Path

from . import peers, report
from .comparing import Row

PARTS = {
    "dispatch": "Within one thread",
    "handoffs": "Many events at once, to coroutines, threads and loops",
    "processes": "In worker processes",
    "latency": "One event at a time",
    "due": "One event at a time",
    "durable": "On disk, synced",
    "bridge": "To another process",
    "nats_log": "To another process",
    "secured": "Secured",
    "imports": "Import and memory",
    "click": "On the screen",
    "live": "On the screen",
}
"""Modules of this package, each with `measure(quick: bool) -> list[Row]`, and their headings."""

Results = dict[str, list[Row]]
"""The rows of each part that was measured."""

_ROOT = Path(__file__).parents[1]


def main() -> None:
    chosen = _arguments()
    peers.install_other_eventkit()
    results: Results = {}
    start = time.monotonic()
    try:
        for number, part in enumerate(chosen.parts, 1):
            minutes = (time.monotonic() - start) / 60
            print(f"{part}, {number} of {len(chosen.parts)}, after {minutes:.1f} min",
                  file=sys.stderr, flush=True)  # fmt: skip
            results[part] = measure(part, chosen.quick)
    except KeyboardInterrupt:
        logging.disable()  # the browser's driver was interrupted as well, and would complain
        print("\nInterrupted; this is what was measured before.", file=sys.stderr)
        print("\n".join(report.table(_rows(results))))
        raise SystemExit(130) from None
    text = report.page(_rows(results), chosen.quick, time.monotonic() - start)
    print(text)
    write(results, text, _ROOT / "build", "bench")
    if chosen.record:
        write(results, text, _ROOT / "docs", "benchmarks")


def measure(part: str, quick: bool) -> list[Row]:
    """What fails, or needs what is not installed, is a row that says so."""
    try:
        module = importlib.import_module(f"{__package__}.{part}")
        rows: list[Row] = module.measure(quick)
    except Exception as problem:
        if not isinstance(problem, ImportError):
            traceback.print_exc()
        return [Row(part, "eventkit", missing=f"{type(problem).__name__}: {problem}")]
    return rows


def write(results: Results, text: str, folder: Path, name: str) -> None:
    """Write the figure, and the page with the figure at its end."""
    from .figure import draw

    folder.mkdir(exist_ok=True)
    picture = draw([(PARTS[part], rows) for part, rows in results.items()])
    (folder / f"{name}.png").write_bytes(picture.png)
    page = f"{text}\n![{picture.alt}]({name}.png)\n"
    (folder / f"{name}.md").write_text(page, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it work at all?")
    parser.add_argument("--record", action="store_true", help="all parts, into docs/")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without any")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
    if chosen.record and (chosen.quick or chosen.parts):
        parser.error("--record is for a full run: without --quick, and of all parts.")
    chosen.parts = chosen.parts or list(PARTS)
    return chosen


def _rows(results: Results) -> list[Row]:
    return [row for rows in results.values() for row in rows]


if __name__ == "__main__":
    main()
