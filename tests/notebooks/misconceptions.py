"""The ledger of misconceptions as a page: `python -m tests.notebooks.misconceptions` writes it.

Wrong belief → lesson → the experiment that refutes it → where it is asked → the wrong answers that
prove the check. All of it is read from what runs: the beliefs, the predictions in the notebooks,
and the exercises.
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

Made by `python -m tests.notebooks.misconceptions`; do not edit it by hand.

{beliefs} wrong beliefs, each with the experiment that refutes it, the option of a prediction
that asks for it, and the wrong answers that hold it. Each of the {wrong} wrong answers is given to
its exercise's check whenever the tests run, and must be refused with the words that stand here; a
check that would let one pass, or refuse the solution, makes the tests fail.

*asked* names the prediction and its option as they stand in the lesson; *refused* names
the exercise, the place of the wrong answer in its file, and words of the diagnosis.
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


def rows(number: str, path: Path) -> Iterator[list[str]]:
    """One row for each belief of a lesson."""
    notebook = rules.read(path)
    asked, taught = list(gates(notebook)), exercises_of(notebook)
    for belief, heading in LEDGER[number].items():
        options = [
            f"`{gate.name}` {letter})"
            for gate in asked
            for letter, option in gate.options.items()
            if option.belief == belief
        ]
        answers = [
            f"`{exercise.name}` {place}: “{wrong.says}”"
            for exercise in taught
            for place, wrong in enumerate(exercise.wrong, start=1)
            if wrong.belief == belief
        ]
        experiment = f"[{heading}](../notebooks/{path.name}#{anchor(heading)})"
        yield [belief, experiment, ", ".join(options), "; ".join(answers)]


def page() -> str:
    """The whole page."""
    files = lesson_files()
    wrong = sum(len(one.wrong) for path in files.values() for one in exercises_of(rules.read(path)))
    beliefs = {belief for held in LEDGER.values() for belief in held}
    parts = [HEAD.format(beliefs=len(beliefs), wrong=wrong)]
    for number, path in files.items():
        if number in LEDGER:
            title = rules.read(path).cells[0].source.splitlines()[0].removeprefix("# ")
            lines = [f"## {title}\n", _line(["wrong belief", "experiment", "asked", "refused"])]
            lines += ["|---|---|---|---|", *map(_line, rows(number, path))]
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
