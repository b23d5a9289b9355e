"""Progress: kept in one file of the learner's own, shown, and deleted on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkit.lab import Prediction, Progress, progress
from eventkit.lab.exercises import order_of_stages

OPTIONS = {
    "a": ("At once", "Nobody is there to run it.", "a click runs my code now"),
    "b": ("Later", "The loop must be free."),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for progress that nobody has used, in a folder that is not there yet."""
    file = tmp_path / "mine" / "progress.jsonl"
    monkeypatch.setenv("EVENTKIT_PROGRESS", str(file))
    return file


def gate() -> Prediction:
    return Prediction("When?", OPTIONS, right="b")


def test_nothing_is_written_before_an_answer(file: Path) -> None:
    gate().again().text()
    order_of_stages.exercise.check(lambda: ...)
    assert not file.parent.exists()
    assert Progress().text().startswith("Nothing yet.")


def test_predictions_are_kept_as_first_and_last_given(file: Path) -> None:
    one = gate()
    one.choose("a")
    one.again().choose("b")
    assert progress.summary() == [["prediction", "When?", "a) not so", "b) right"]]


def test_exercises_are_kept_as_tried_and_solved(file: Path) -> None:
    exercise = order_of_stages.exercise
    exercise.check(lambda: "GBE")
    exercise.check(exercise.solution)
    assert progress.summary() == [["exercise", "order of stages", "not yet", "solved"]]


def test_the_panel_says_the_same_in_words_and_where_it_is_kept(file: Path) -> None:
    gate().choose("a")
    said = Progress().text()
    assert said.startswith(f"Kept in {file}, and sent nowhere.")
    assert "When?" in said and "a) not so" in said


def test_another_kernel_sees_what_the_first_has_kept(file: Path) -> None:
    gate().choose("a")
    gate().choose("b")
    assert progress.summary() == [["prediction", "When?", "a) not so", "b) right"]]


def test_deleting_removes_the_file(file: Path) -> None:
    gate().choose("a")
    panel = Progress()
    panel.delete()
    assert not file.exists()
    assert panel.text().startswith("Nothing yet.")
    panel.delete()  # a second time is no error


def test_a_line_that_was_cut_off_is_left_out(file: Path) -> None:
    gate().choose("b")
    with file.open("a") as opened:
        opened.write('{"what": "predic')
    assert len(progress.answers()) == 1


def test_a_file_that_cannot_be_written_stops_no_lesson(file: Path) -> None:
    file.parent.write_text("where the folder should be, there is a file")
    gate().choose("a")
    assert progress.answers() == []


@pytest.mark.parametrize("name", ["CI", "PYTEST_VERSION", "EVENTKIT_PROGRESS"])
def test_nothing_is_kept_in_tests_in_ci_or_if_it_is_off(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for other in ("CI", "PYTEST_VERSION", "EVENTKIT_PROGRESS"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv(name, "off")
    gate().choose("a")
    assert progress.place() is None
    assert list(tmp_path.iterdir()) == []
    assert Progress().text() == "Nothing is kept in this run."


def test_it_is_kept_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CI", "PYTEST_VERSION", "EVENTKIT_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    gate().choose("a")
    assert progress.place() == tmp_path / ".eventkit" / "progress.jsonl"
    assert "Kept in ~/.eventkit/progress.jsonl" in Progress().text()
