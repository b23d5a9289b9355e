"""Minutes: each lesson says how long it takes, as estimated from what it has in it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.notebooks import minutes, misconceptions, rules
from tests.notebooks.test_rules import code, markdown

FILES = misconceptions.lesson_files()
each_lesson = pytest.mark.parametrize("path", FILES.values(), ids=FILES)
TO_DO = "run: python -m tests.notebooks.minutes"


@each_lesson
def test_a_lesson_says_in_its_head_how_long_it_takes(path: Path) -> None:
    notebook = rules.read(path)
    assert minutes.HEAD.search(notebook.cells[0].source)
    assert notebook.cells[0].source == minutes.head(notebook), TO_DO


@each_lesson
def test_no_lesson_takes_more_than_forty_minutes(path: Path) -> None:
    assert minutes.minutes(rules.read(path)) <= minutes.LONGEST


def test_the_table_in_the_readme_says_the_same() -> None:
    readme = minutes.README.read_text(encoding="utf-8")
    assert readme == minutes.table(readme), TO_DO
    for path in FILES.values():
        assert f"notebooks/{path.name}" in readme


def test_the_table_is_really_written() -> None:
    spoilt = "| 03 | [x](notebooks/03_blocking_vs_nonblocking.ipynb) | Why? | 99 |\n"
    assert "| Why? | 99 |" not in minutes.table(spoilt)


def test_words_lines_and_what_is_done_add_up() -> None:
    imported = code("from eventkit.lab.lesson02.exercise import exercise", "", "setup")
    tried = code("...", "", "exercise")
    cells = [
        markdown("word " * minutes.WORDS_A_MINUTE),
        imported,
        code("a = 1\n\nb = 2", ""),
        tried,
    ]
    made = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    read = 60 + 3 * minutes.SECONDS["line"]
    did = 2 * minutes.SECONDS["cell"] + minutes.SECONDS["exercise"] + minutes.SECONDS["solution"]
    assert minutes.seconds(made) == read + did
    assert minutes.minutes(made) == 10


def test_the_longer_the_solution_the_more_there_is_to_write() -> None:
    lines = [
        minutes.to_write(one)
        for name in ("03", "11")
        for one in misconceptions.exercises_of(rules.read(FILES[name]))
    ]
    assert lines == sorted(lines) and lines[0] == 1 < lines[1]
