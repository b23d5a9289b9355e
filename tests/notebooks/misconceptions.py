"""The ledger of misconceptions as a page: `python -m tests.notebooks.misconceptions` writes it.

Wrong belief → what is true instead → the part of a lesson whose experiment shows it. Where a belief
is asked and where it is refused is read from the predictions and exercises: no belief may have
neither.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from eventkit.lab.course.exercise import Exercise
from eventkit.lab.course.misconceptions import LEDGER
from eventkit.lab.course.predict import Option
from tests.notebooks import rules

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "misconceptions.md"

HEAD = """\
# Misconceptions

{beliefs} wrong beliefs that learners bring along, in the order of the lessons. Each has one
sentence that refutes it, and the part of the lesson that shows it. Let the class vote on the belief
first, then run that part together.

<!-- Made by `python -m tests.notebooks.misconceptions`; do not edit it by hand. -->
"""


class Gate(NamedTuple):
    """A prediction as it stands in a notebook."""

    name: str
    question: str
    options: dict[str, Option]
    right: str
    is_asked_again: bool


def lesson_files() -> dict[str, Path]:
    """The notebooks by their numbers."""
    return {path.name[:2]: path for path in sorted(ROOT.glob("notebooks/*.ipynb"))}


def gates(notebook: Any) -> Iterator[Gate]:
    """The predictions of a notebook, read from its code."""
    cells = [cell.source for cell in rules.code_cells(notebook) if "predict" in rules.tags(cell)]
    for source in cells:
        statement = ast.parse(source).body[0]
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            name = ast.unparse(statement.targets[0])
            question, options = map(ast.literal_eval, statement.value.args)
            right = ast.literal_eval(statement.value.keywords[0].value)
            given = {letter: Option(*option) for letter, option in options.items()}
            yield Gate(name, question, given, right, f"{name}.again()" in cells)


def exercises_of(notebook: Any) -> list[Exercise]:
    """The exercises that a notebook imports."""
    source = "\n".join(cell.source for cell in rules.code_cells(notebook))
    modules = re.findall(r"^from (eventkit\.lab\.\w+\.exercise) import ", source, re.MULTILINE)
    return [importlib.import_module(module).exercise for module in modules]


def anchor(heading: str) -> str:
    """The name that JupyterLab gives to a heading."""
    return quote(heading.replace("`", "").replace(" ", "-"), safe=":?,'")


def asked(notebook: Any, belief: str) -> list[str]:
    """The options of predictions that hold a belief."""
    return [
        f"`{gate.name}` {letter})"
        for gate in gates(notebook)
        for letter, option in gate.options.items()
        if option.belief == belief
    ]


def refused(notebook: Any, belief: str) -> list[str]:
    """The wrong answers that hold a belief, with words of their diagnosis."""
    return [
        f"`{exercise.name}` {place}: “{wrong.says}”"
        for exercise in exercises_of(notebook)
        for place, wrong in enumerate(exercise.wrong, start=1)
        if wrong.belief == belief
    ]


def rows(number: str, path: Path) -> Iterator[list[str]]:
    """One row for each belief of a lesson."""
    for belief, (heading, because) in LEDGER[number].items():
        shown = f"[{heading}](../notebooks/{path.name}#{anchor(heading)})"
        yield [belief[0].upper() + belief[1:], because, shown]


def page() -> str:
    """The whole page."""
    beliefs = {belief for held in LEDGER.values() for belief in held}
    parts = [HEAD.format(beliefs=len(beliefs))]
    for number, path in lesson_files().items():
        if number in LEDGER:
            title = rules.read(path).cells[0].source.splitlines()[0].removeprefix("# ")
            lines = [f"## {title}\n", _line(["they believe", "but", "see it in"])]
            lines += ["|---|---|---|", *map(_line, rows(number, path))]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT).as_posix()} is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
