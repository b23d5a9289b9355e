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
    cells = [
        markdown("word " * minutes.WORDS_A_MINUTE),
        code("a = 1\n\nb = 2", ""),
        code("...", ""),
    ]
    cells[-1].metadata.tags = ["exercise"]
    made = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    did = 3 * minutes.SECONDS["line"] + minutes.SECONDS["cell"] + minutes.SECONDS["exercise"]
    assert minutes.seconds(made) == 60 + did
    assert minutes.minutes(made) == 10
