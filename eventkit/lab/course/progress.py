"""Progress: what you predicted and what you solved, kept in one file of yours and sent nowhere.

The file is itself an event list, as in lesson 09: each answer is a line, and what you see is
computed from the lines. EVENTKIT_PROGRESS names another file, or is "off" to keep nothing. Tests
and CI keep nothing.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..panels.panel import Panel, Status, button, row
from .session import Table

_ANOTHER = "Set EVENTKIT_PROGRESS to a file that can be written, and start again."


def place() -> Path | None:
    """Return the file in which progress is kept, or None if none is: it is off, this is a test, or
    there is no home folder.
    """
    chosen = os.environ.get("EVENTKIT_PROGRESS")
    if _is_off(chosen):
        return None
    with contextlib.suppress(RuntimeError):  # there is no home folder
        return Path(chosen).expanduser() if chosen else Path.home() / ".eventkit" / "progress.jsonl"
    return None


def _is_off(chosen: str | None) -> bool:
    if chosen:
        return chosen == "off"
    return bool(os.environ.get("CI")) or "PYTEST_VERSION" in os.environ


def _can_write(file: Path) -> bool:
    """Return True if the file can be written, or created with the folders above it."""
    nearest = next((one for one in [file, *file.parents] if os.path.exists(one)), file)
    return os.access(nearest, os.W_OK) and nearest.is_dir() == (nearest != file)


def note(what: str, name: str, answer: str, right: bool, again: bool = False) -> None:
    """Keep an answer to a `what`: "prediction", "exercise" or "puzzle".

    A file that cannot be written stops no lesson. The panel then says that it keeps no new ones.
    """
    file = place()
    if file is None:
        return
    line = {"what": what, "name": name, "answer": answer, "right": right, "again": again}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(line) + "\n")


def answers() -> list[dict[str, Any]]:
    """Return all answers in order, without lines that cannot be read."""
    file = place()
    try:
        return list(_lines(file)) if file else []
    except OSError:  # no such file yet, or it cannot be read
        return []


def delete() -> None:
    """Delete all answers. Raises OSError if the file cannot be removed."""
    file = place()
    if file is not None:
        file.unlink(missing_ok=True)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            answer = json.loads(line)
            if (
                isinstance(answer, dict)
                and {"answer", "right"} <= set(answer)
                and all(isinstance(answer.get(name), str) for name in ("what", "name"))
            ):
                yield answer


def summary() -> list[list[str]]:
    """Return a row for each question and exercise, with the first and the last answer."""
    asked: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for answer in answers():
        asked.setdefault((answer["what"], answer["name"]), []).append(answer)
    return [
        [what, name, _words(given[0]), _words(given[-1]) if len(given) > 1 else ""]
        for (what, name), given in asked.items()
    ]


def _words(answer: dict[str, Any]) -> str:
    if answer["what"] == "puzzle":
        return f"won with {answer['answer']} switch" + ("" if answer["answer"] == "1" else "es")
    if answer["what"] == "exercise":
        return str(answer["answer"])
    return f"{answer['answer']}) {'right' if answer['right'] else 'not so'}"


class Progress(Panel):
    """What you predicted and solved so far, and a button that deletes it."""

    def __init__(self) -> None:
        self._said = Status()
        self._table = widgets.HTML()
        self._delete = button("Delete my progress", self.delete, "Remove the file for good")
        super().__init__(
            "What you predicted, what you solved", self._table, row(self._delete), self._said
        )
        self._show()

    def text(self) -> str:
        rows = summary()
        return f"{self._kept()}\n{self._as_table(rows)!r}" if rows else self._kept()

    def delete(self) -> None:
        """Delete the file, and say whether that worked."""
        try:
            delete()
        except OSError as problem:
            what = f"{_short(place() or Path())} could not be removed ({problem.strerror})"
            self._said.say(f"Not deleted: {what}. Delete that file yourself.", good=False)
            return
        self._show()
        self._said.say("Deleted. Nothing of it is left.")

    def _show(self) -> None:
        rows = summary()
        kept = f"<p>{html.escape(self._kept())}</p>"
        self._table.value = kept + (self._as_table(rows).html if rows else "")
        self._delete.disabled = not rows

    def _as_table(self, rows: list[list[str]]) -> Table:
        return Table(["", "about", "at first", "last"], rows, "Your answers")

    def _kept(self) -> str:
        file = place()
        if file is None and not _is_off(os.environ.get("EVENTKIT_PROGRESS")):
            return f"Nothing is kept in this run: there is no home folder. {_ANOTHER}"
        if file is None:
            return "Nothing is kept in this run."
        if not _can_write(file):
            return f"New answers are not kept: {_short(file)} cannot be written. {_ANOTHER}"
        if not answers():
            return f"Nothing yet. It will be kept in {_short(file)}, and sent nowhere."
        return f"Kept in {_short(file)}, and sent nowhere."


def _short(file: Path) -> str:
    """Return the path as people write it: ~ for home."""
    try:
        home = Path.home()
    except RuntimeError:
        return str(file)
    return f"~/{file.relative_to(home).as_posix()}" if file.is_relative_to(home) else str(file)
