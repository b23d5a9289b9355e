"""How long a lesson takes: `python -m tests.notebooks.minutes` writes it into heads and README.

Reading and doing are estimated from what there is, by a plain sum, and rounded up to five minutes:

- words of prose and of predictions at 238 a minute, the mean for silent reading of English
  non-fiction in Brysbaert (2019), "How many words do we read per minute?", Journal of Memory and
  Language 109, 104047, https://doi.org/10.1016/j.jml.2019.104047;
- what is done, by our own guess: see SECONDS.

It is an estimate for one reader alone, who reads English well. Nobody has been timed.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import nbformat

from eventkit.lab.course.exercise import Exercise
from tests.notebooks import links, rules
from tests.notebooks.misconceptions import exercises_of, lesson_files

README = links.ROOT / "README.md"
WORDS_A_MINUTE = 238
LONGEST = 40
WORD = re.compile(r"\w[\w'’-]*")
HEAD = re.compile(r"(?<=About )\d+(?= minutes)")
ROW = r"(?<=\({path}\) \| )([^|]*\| )\d+(?= \|)"

SECONDS = {
    "line": 2,  # to read a line of code
    "cell": 15,  # to run a cell and to look at what comes out
    "predict": 30,  # to choose an option and to read its reason
    "widget": 120,  # to play with a panel
    "exercise": 300,  # to understand what is asked, be told what is wrong, and try again
    "solution": 15,  # to write a line of it
}


def seconds(notebook: Any) -> float:
    """How long reading and doing take, unrounded."""
    cells = rules.code_cells(notebook)
    words = len(WORD.findall(links.prose_of(notebook)))
    total = 0.0
    for cell in cells:
        kinds = rules.tags(cell) & {"predict", "widget", "exercise"} or {"cell"}
        total += sum(SECONDS[kind] for kind in kinds)
        if "predict" in kinds:
            words += len(WORD.findall(cell.source))
        elif "setup" not in rules.tags(cell):
            total += SECONDS["line"] * len([line for line in cell.source.splitlines() if line])
    total += sum(SECONDS["solution"] * to_write(one) for one in exercises_of(notebook))
    return total + words / WORDS_A_MINUTE * 60


def to_write(exercise: Exercise) -> int:
    """How many lines the solution has where the stub has one: the one with …"""
    solution, stub = exercise.solution_source().splitlines(), exercise.stub().splitlines()
    return sum(map(bool, solution)) - sum(map(bool, stub)) + 1


def minutes(notebook: Any) -> int:
    """The estimate as it is printed: rounded up to five minutes."""
    return math.ceil(seconds(notebook) / 300) * 5


def head(notebook: Any) -> str:
    """The first cell with the estimate in it."""
    return HEAD.sub(str(minutes(notebook)), notebook.cells[0].source, count=1)


def table(readme: str) -> str:
    """The README with the estimates in its table of lessons."""
    for path in lesson_files().values():
        row = ROW.format(path=re.escape(f"notebooks/{path.name}"))
        readme = re.sub(row, rf"\g<1>{minutes(rules.read(path))}", readme)
    return readme


def main() -> int:
    """Write the estimates; 1 if a lesson is too long."""
    too_long = []
    for path in lesson_files().values():
        notebook = rules.read(path)
        print(f"{path.stem:<32} {seconds(notebook) / 60:5.1f} → {minutes(notebook)} minutes")
        too_long += [path.stem] * (minutes(notebook) > LONGEST)
        if head(notebook) != notebook.cells[0].source:
            notebook.cells[0].source = head(notebook)
            nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    README.write_text(table(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(*(f"{stem} takes more than {LONGEST} minutes" for stem in too_long), sep="\n", end="")
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
