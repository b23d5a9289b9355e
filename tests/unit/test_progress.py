"""Progress: kept in one file of the learner's own, shown, and deleted on request."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventkit.lab import Prediction, Progress
from eventkit.lab.course import progress
from eventkit.lab.lesson00 import exercise as order_of_stages

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
    with file.open("a", encoding="utf-8") as opened:
        opened.write('{"what": "exercise", "name": ["a"], "answer": 1, "right": 1}\n')
        opened.write("[" * 100_000 + "\n")
        opened.write('{"what": "predic')
    assert len(progress.answers()) == 1
    assert "When?" in Progress().text()


def test_a_file_that_cannot_be_written_stops_no_lesson(file: Path) -> None:
    file.parent.write_text("where the folder should be, there is a file", encoding="utf-8")
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


def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this run look like a learner's, and not like a test."""
    for name in ("CI", "PYTEST_VERSION", "EVENTKIT_PROGRESS"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_may_be_named_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTKIT_PROGRESS", "~/x.jsonl")
    assert progress.place() == Path.home() / "x.jsonl"


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("named", ["", "~nobody-of-this-name/x"])
def test_without_a_home_folder_nothing_is_kept_and_the_panel_says_so(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner(monkeypatch)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setenv("EVENTKIT_PROGRESS", named)
    gate().choose("a")
    said = Progress().text()
    assert said.startswith("Nothing is kept in this run: there is no home folder.")
    assert "EVENTKIT_PROGRESS" in said


def test_without_a_home_folder_a_file_that_is_named_is_used(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", homeless)
    gate().choose("a")
    assert Progress().text().startswith(f"Kept in {file}")


@pytest.mark.parametrize("blocked", ["the file", "its folder", "a folder above"])
def test_where_nothing_can_be_kept_the_panel_does_not_promise_it(
    blocked: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = file.parent / "deeper" / "progress.jsonl"
    if blocked == "the file":
        file.mkdir(parents=True)
    else:
        file.parent.write_text("no folder", encoding="utf-8")
    if blocked == "a folder above":
        monkeypatch.setenv("EVENTKIT_PROGRESS", str(above))
    gate().choose("a")
    said = Progress().text()
    assert said.startswith("New answers are not kept:")
    assert "cannot be written" in said and "EVENTKIT_PROGRESS" in said


def test_what_was_kept_is_shown_where_no_more_can_be(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate().choose("a")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    said = Progress().text()
    assert said.startswith("New answers are not kept:")
    assert "When?" in said


def test_a_file_that_cannot_be_deleted_is_said_to_be_still_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate().choose("a")
    panel = Progress()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    panel.delete()
    said = panel.children[-1].text
    assert "could not be removed (Read-only file system). Delete that file yourself." in said
    assert "When?" in panel.text()


ANSWERS = """
from eventkit.lab import Prediction, Progress
Prediction("When?", {"a": ("At once", "Nobody is there.")}, right="a").choose("a")
print(Progress().text())
"""


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0,
    reason="only root can become a user without a name",
)
def test_a_user_without_name_and_home_can_answer(tmp_path: Path) -> None:
    """As in a container that is started with a number for a user."""
    become = "import os; os.setgid(54321); os.setuid(54321)"
    cache = tmp_path / "matplotlib"
    cache.mkdir()
    cache.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", f"from eventkit.lab import Prediction\n{become}\n{ANSWERS}"],
        env={"PATH": os.defpath, "MPLCONFIGDIR": str(cache)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Noted: a)." in done.stdout
    assert "Nothing is kept in this run: there is no home folder." in done.stdout
