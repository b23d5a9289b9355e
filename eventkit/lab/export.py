"""Notebooks made from lessons: handouts for a class, and demo apps for a screen on the wall.

    python -m eventkit.lab.export handout --to handout notebooks/*.ipynb
    python -m eventkit.lab.export demo --to build/demo notebooks/02_live_counter.ipynb
    JUPYTER_PATH=build/demo/jupyter voila build/demo --template=eventkit

A handout has the lesson's text, code and hints, but no outputs, so that learners predict before
they see an answer. The code of a prediction contains the reasons, so it is folded. The help of an
exercise offers no solution. The package still contains the solutions.

A demo app has the lesson's title and question, its first prediction, its last panel that has a
numbered list of things to try above it, that list, the prediction again, and what to remember. It
has no code and no other text. A start page leads to the apps.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import nbformat

from .demo import Card, write_template

Convert = Callable[[Any], Any]
"""Takes a lesson as nbformat reads it, and returns the notebook made from it."""

_NUMBER = re.compile(r"^# \d+ · ")


def without_solutions(notebook: Any) -> Any:
    """Turn a lesson into its handout, in place, and return it."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        cell.source = cell.source.replace(".help()", ".help(solution=False)")
        if "predict" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return notebook


def app(lesson: Any) -> Any:
    """Return the demo app of a lesson.

    The panel's cell must use only what the set-up cell imports. Raises ValueError if the lesson
    lacks a part that the app needs.
    """
    first = lesson.cells[0].source.split("\n\n") if lesson.cells else []
    if len(first) < 2:
        raise ValueError("the lesson's first cell has no title and question, which its app needs.")
    title, question = first[:2]
    to_try, panel = _panel(lesson)
    predict, *others = _tagged(lesson, "predict")
    asked_again = f"{predict.source.partition(' = ')[0]}.again()"
    remember = [cell for cell in lesson.cells if cell.source.startswith("## Remember")]
    if not remember:
        raise ValueError("the lesson has no part headed Remember, which its app needs.")
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    made.metadata = lesson.metadata
    made.metadata["title"] = _NUMBER.sub("", title)
    made.cells = [
        _markdown(f"# {made.metadata['title']}\n\n{question}"),
        _code(f"%%capture\n{_tagged(lesson, 'setup')[0].source}"),
        _code(predict.source),
        _markdown(f"## Try\n\n{to_try}"),
        _code(panel.source),
        *(_code(cell.source) for cell in others if cell.source == asked_again),
        _markdown(f"## Remember\n\n{_numbered_list(remember[0])}"),
    ]
    return made


def _tagged(lesson: Any, tag: str) -> list[Any]:
    found = [cell for cell in lesson.cells if tag in cell.metadata.get("tags", [])]
    if not found:
        raise ValueError(f"the lesson has no cell tagged {tag}, which its app needs.")
    return found


def _panel(lesson: Any) -> tuple[str, Any]:
    """Return the list of things to try and the cell of the panel below it."""
    for panel in reversed(_tagged(lesson, "widget")):
        if to_try := _numbered_list(lesson.cells[lesson.cells.index(panel) - 1]):
            return to_try, panel
    raise ValueError("no panel of the lesson has a numbered list above it, which its app needs.")


def _numbered_list(cell: Any) -> str:
    """Return the last numbered list of a cell, or an empty string."""
    blocks = [block for block in cell.source.split("\n\n") if block.startswith("1. ")]
    return blocks[-1] if blocks else ""


def _markdown(source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source)  # type: ignore[no-untyped-call]


def _code(source: str) -> Any:
    return nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]


def write(convert: Convert, lessons: Sequence[Path], folder: Path) -> list[Path]:
    """Convert each lesson and write the results to `folder`, creating it if needed.

    Return the paths written. Raises ValueError if a lesson is itself in `folder`, or two have the
    same name, because one would be overwritten.
    """
    if any(lesson.parent.resolve() == folder.resolve() for lesson in lessons):
        raise ValueError(f"the lessons themselves are in {folder}; name another folder.")
    if len({lesson.name for lesson in lessons}) < len(lessons):
        raise ValueError("two of the lessons have the same file name: write them separately.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in lessons:
        try:
            made = convert(nbformat.read(lesson, as_version=4))  # type: ignore[no-untyped-call]
        except ValueError as problem:
            raise ValueError(f"{lesson}: {problem}") from problem
        written.append(folder / lesson.name)
        nbformat.write(made, written[-1])  # type: ignore[no-untyped-call]
    return written


def write_demo(lessons: Sequence[Path], folder: Path) -> list[Path]:
    """Write the apps of lessons, and the template with their start page. Return the apps' paths.

    Raises ValueError as `write` does.
    """
    written = write(app, lessons, folder)
    write_template([_card(path) for path in written], folder)
    return written


def _card(path: Path) -> Card:
    made = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    question = made.cells[0].source.split("\n\n")[1]
    return Card(path.name, made.metadata["title"], question.strip("*"))


def main(arguments: Sequence[str]) -> int:
    """Run the command line. Raises SystemExit with status 2 if it is misused."""
    parser = argparse.ArgumentParser(
        prog="python -m eventkit.lab.export", description="Make handouts or demo apps of lessons."
    )
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    for name, make, what in (
        ("handout", partial(write, without_solutions), "lessons without solutions and outputs"),
        ("demo", write_demo, "lessons as apps, to be served by voila"),
    ):
        kind = kinds.add_parser(name, help=what)
        kind.set_defaults(make=make)
        kind.add_argument("lessons", nargs="+", type=Path, metavar="FILE", help="a lesson to read")
        kind.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="where to write")
    chosen = parser.parse_args(arguments)
    try:
        written = chosen.make(chosen.lessons, chosen.to)
    except (OSError, ValueError) as problem:
        parser.error(str(problem))
    notebooks = "1 notebook" if len(written) == 1 else f"{len(written)} notebooks"
    print(f"Wrote {notebooks} to {chosen.to}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
