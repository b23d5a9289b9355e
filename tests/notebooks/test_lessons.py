"""The lessons as files: they keep the rules, and a wrong number in one does not go unseen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks import links, rules

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
NBVAL = ["-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "--exitfirst"]


def test_there_are_lessons() -> None:
    assert LESSONS


@each_lesson
@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_lesson_keeps_the_rule(lesson: Path, rule: Any) -> None:
    assert list(rule(rules.read(lesson), lesson)) == []


def nbval(notebook: Any, path: Path) -> subprocess.CompletedProcess[str]:
    """What the comparison of `notebook`, written to `path`, says."""
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    command = [sys.executable, *NBVAL, f"--rootdir={path.parent}", str(path)]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=path.parent, check=False
    )


def first_number(notebook: Any) -> tuple[int, dict[str, Any], str]:
    """Where the first compared digit stands: the cell's place, what holds it, under which key."""
    for place, cell in enumerate(notebook.cells):
        if rules.is_compared(cell) and "raises-exception" not in rules.tags(cell):
            for output in cell.outputs:
                holder = output if output.output_type == "stream" else output.get("data", {})
                for key in ("text", "text/plain", "text/html"):
                    if re.search(r"\d", holder.get(key, "")):
                        return place, holder, key
    raise AssertionError("no compared output shows a number")


@pytest.mark.long
@each_lesson
def test_one_changed_number_makes_nbval_fail(lesson: Path, tmp_path: Path) -> None:
    notebook = rules.read(lesson)
    place, _, _ = first_number(notebook)
    notebook.cells = notebook.cells[: place + 1]  # what follows, and that it passes: `make nbval`
    _, holder, key = first_number(notebook)
    holder[key] = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), holder[key], count=1)

    failed = nbval(notebook, tmp_path / "changed.ipynb")
    assert failed.returncode == 1, failed.stdout
    assert "Cell outputs differ" in failed.stdout


OTHER = "class Event: ...\n"  # PyPI's eventkit, which ib_insync needs, has one


@each_lesson
def test_where_only_the_other_eventkit_is_installed_the_failing_line_says_what_to_do(
    lesson: Path, tmp_path: Path
) -> None:
    failed = import_beside(lesson, tmp_path, OTHER)
    assert "no lab? pip uninstall eventkit; pip install 'eventkit-notebooks[lab]'" in failed
    assert failed.splitlines()[-1].startswith("ImportError: cannot import name 'lab'")


@pytest.mark.parametrize("left", [OTHER, None], ids=["over ours", "removed with ours"])
@each_lesson
def test_where_the_other_eventkit_damaged_ours_the_setup_cell_says_what_to_do(
    lesson: Path, left: str | None, tmp_path: Path
) -> None:
    (tmp_path / "eventkit").mkdir()
    (tmp_path / "eventkit/lab").symlink_to(links.ROOT / "eventkit/lab")
    assert import_beside(lesson, tmp_path, left).splitlines()[-1] == (
        "ImportError: another package named eventkit is installed here, or was and took our "
        "files with it. Run: pip uninstall eventkit, then pip install --force-reinstall --no-deps "
        "eventkit-notebooks (in a clone, write -e . instead of eventkit-notebooks), and restart "
        "the kernel."
    )


def import_beside(lesson: Path, folder: Path, other: str | None) -> str:
    """Run the lesson's set-up cell where this `eventkit/__init__.py` (None: none) comes first on
    the path, and return what it says on stderr.
    """
    (folder / "eventkit").mkdir(exist_ok=True)
    if other is not None:
        (folder / "eventkit/__init__.py").write_text(other, encoding="utf-8")
    setup = next(cell for cell in rules.read(lesson).cells if "setup" in rules.tags(cell))
    script = folder / "setup_cell.py"
    script.write_text(setup.source, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-S", script],  # without site-packages, ours is not there
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 1
    return run.stderr
