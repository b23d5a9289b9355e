"""Handouts for a class: nothing of a solution is left in them, and nothing else is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkit.lab import Exercise, export
from eventkit.lab.course.exercise import BEGIN, END
from tests.notebooks import links, misconceptions, rules


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handouts of all lessons."""
    folder = tmp_path_factory.mktemp("handouts")
    assert export.main(["handout", *map(str, links.lessons()), "--to", str(folder)]) == 0
    return folder


each_lesson = pytest.mark.parametrize("lesson", links.lessons(), ids=lambda path: path.stem)


def exercises(lesson: Path) -> list[Exercise]:
    """The exercises whose help a lesson offers."""
    notebook = rules.read(lesson)
    assert [cell for cell in rules.code_cells(notebook) if "exercise.help()" in cell.source]
    return misconceptions.exercises_of(notebook)


def hidden(exercise: Exercise) -> list[str]:
    """What stands between the marks of a solution, one text for each pair."""
    source = exercise._source()
    return [part.partition(END)[0].strip() for part in source.split(BEGIN)[1:]]


def test_lessons_of_one_name_are_not_written_over_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = str(links.lessons()[0])
    with pytest.raises(SystemExit):
        export.main(["handout", lesson, lesson, "--to", str(tmp_path)])
    assert "the same file name" in capsys.readouterr().err
    assert export.main(["handout", lesson, "--to", str(tmp_path)]) == 0
    assert "Wrote 1 notebook to" in capsys.readouterr().out


def test_a_notebook_without_what_an_app_needs_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.ipynb"
    other.write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8"
    )
    with pytest.raises(SystemExit):
        export.main(["demo", str(other), "--to", str(tmp_path / "demo")])
    assert "other.ipynb: the lesson's first cell has no title" in capsys.readouterr().err


@each_lesson
def test_no_solution_is_left_in_a_handout(lesson: Path, folder: Path) -> None:
    text = "\n".join(cell.source for cell in rules.read(folder / lesson.name).cells)

    for exercise in exercises(lesson):
        assert hidden(exercise)
        assert not [part for part in hidden(exercise) if part in text]
    assert ".help()" not in text


@each_lesson
def test_a_handout_has_no_outputs_and_folds_the_reasons_of_a_prediction(
    lesson: Path, folder: Path
) -> None:
    for cell in rules.code_cells(rules.read(folder / lesson.name)):
        assert (cell.outputs, cell.execution_count) == ([], None)
        folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        assert folded == ("predict" in rules.tags(cell))


@each_lesson
def test_a_handout_has_every_cell_of_its_lesson(lesson: Path, folder: Path) -> None:
    given = [cell.source for cell in rules.read(folder / lesson.name).cells]
    taught = [cell.source for cell in rules.read(lesson).cells]

    assert [source.replace("help(solution=False)", "help()") for source in given] == taught


def test_help_in_a_handout_has_three_hints_and_no_solution() -> None:
    for exercise in (one for lesson in links.lessons() for one in exercises(lesson)):
        offered = exercise.help(solution=False)
        assert offered.html.count("<summary>Hint ") == 3
        assert "<summary>Solution</summary>" not in offered.html
        assert "solution" not in repr(offered)
        assert "<summary>Solution</summary>" in exercise.help().html


def test_lessons_are_never_overwritten_by_their_handouts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = tmp_path / "lesson.ipynb"
    lesson.write_text("{}", encoding="utf-8")

    with pytest.raises(SystemExit) as refused:
        export.main(["handout", str(lesson), "--to", str(tmp_path)])

    assert refused.value.code == 2
    assert "name another folder" in capsys.readouterr().err
    assert lesson.read_text(encoding="utf-8") == "{}"
