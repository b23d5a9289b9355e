"""Demo: a lesson's panel as an app for the wall, with a question before it and no code.

    python -m eventkit.lab.demo --to build/demo notebooks/02_live_counter.ipynb
    voila build/demo

An app is made of what its lesson has: the title and its question, the prediction, the last panel
that has a numbered list of things to try above it, that list, and what to remember. The text in
between speaks of cells, which an app has not.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import nbformat

from .derived import command

_NUMBER = re.compile(r"^# \d+ · ")


def app(lesson: Any) -> Any:
    """The app of a lesson, as nbformat reads and writes notebooks.

    Raises ValueError if the lesson lacks a part that the app needs. The panel's cell must need
    nothing but what the set-up cell imports.
    """
    title, question, *_ = lesson.cells[0].source.split("\n\n")
    to_try, panel = _panel(lesson)
    remember = [cell for cell in lesson.cells if cell.source.startswith("## Remember")]
    if not remember:
        raise ValueError("the lesson has no part headed Remember, which its app needs.")
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    made.metadata = lesson.metadata
    made.metadata["title"] = _NUMBER.sub("", title)
    made.cells = [
        _markdown(f"# {made.metadata['title']}\n\n{question}"),
        _code(f"%%capture\n{_tagged(lesson, 'setup')[0].source}"),
        _code(_tagged(lesson, "predict")[0].source),
        _markdown(f"## Try\n\n{to_try}"),
        _code(panel.source),
        _markdown(f"## Remember\n\n{_numbered_list(remember[0])}"),
    ]
    return made


def _tagged(lesson: Any, tag: str) -> list[Any]:
    found = [cell for cell in lesson.cells if tag in cell.metadata.get("tags", [])]
    if not found:
        raise ValueError(f"the lesson has no cell tagged {tag}, which its app needs.")
    return found


def _panel(lesson: Any) -> tuple[str, Any]:
    """What to try, and the cell of the panel to try it with."""
    for panel in reversed(_tagged(lesson, "widget")):
        if to_try := _numbered_list(lesson.cells[lesson.cells.index(panel) - 1]):
            return to_try, panel
    raise ValueError("no panel of the lesson has a numbered list above it, which its app needs.")


def _numbered_list(cell: Any) -> str:
    """The last numbered list of a cell, or nothing."""
    blocks = [block for block in cell.source.split("\n\n") if block.startswith("1. ")]
    return blocks[-1] if blocks else ""


def _markdown(source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source)  # type: ignore[no-untyped-call]


def _code(source: str) -> Any:
    return nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]


def main(arguments: list[str]) -> int:
    """Write the apps; see `derived.command`."""
    return command(
        app,
        arguments,
        module="eventkit.lab.demo",
        description="Make apps of lessons, to be served by voila.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
