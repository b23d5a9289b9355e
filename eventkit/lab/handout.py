"""Handouts: the lessons as a class gets them, without solutions and without what comes out.

    python -m eventkit.lab.handout --to handout notebooks/*.ipynb

A handout has the lesson's text, code and hints. Its outputs are gone, so that nobody reads the
answer to a prediction before making it; the code of a prediction, which has the reasons in it, is
folded; and the help below an exercise offers no solution. Who reads the package still finds one:
it keeps honest people honest.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

_HELP = re.compile(r"\.help\(\)")


def without_solutions(notebook: Any) -> Any:
    """Turn a lesson, as nbformat reads it, into its handout; the same object is returned."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        cell.source = _HELP.sub(".help(solution=False)", cell.source)
        if "predict" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return notebook


def write(lessons: list[Path], folder: Path) -> list[Path]:
    """Write a handout of each lesson into the folder, which is made; the files written.

    Raises ValueError if the folder is the one in which a lesson stands: it would be overwritten.
    """
    if any(lesson.parent.resolve() == folder.resolve() for lesson in lessons):
        raise ValueError(f"the lessons stand in {folder} themselves; name another folder for them.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in lessons:
        handout = without_solutions(nbformat.read(lesson, as_version=4))  # type: ignore[no-untyped-call]
        written.append(folder / lesson.name)
        nbformat.write(handout, written[-1])  # type: ignore[no-untyped-call]
    return written


def main(arguments: list[str]) -> int:
    """Write the handouts; 2 if it was asked for in a way that cannot be right."""
    parser = argparse.ArgumentParser(
        prog="python -m eventkit.lab.handout",
        description="Write lessons without solutions, outputs or answers in view.",
    )
    parser.add_argument("lessons", nargs="+", type=Path, help="notebooks to read")
    parser.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    try:
        written = write(options.lessons, options.to)
    except (OSError, ValueError) as problem:
        parser.error(str(problem))
    print(f"{len(written)} handouts in {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
