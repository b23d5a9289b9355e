"""Notebooks that are made of lessons: written into a folder of their own, by a command each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat

Make = Callable[[Any], Any]
"""Gets a lesson, as nbformat reads it, and returns what is made of it."""


def write(make: Make, lessons: Sequence[Path], folder: Path) -> list[Path]:
    """Write what is made of each lesson into the folder, which is made; the files written.

    Raises ValueError if the folder is the one in which a lesson stands: it would be overwritten.
    """
    if any(lesson.parent.resolve() == folder.resolve() for lesson in lessons):
        raise ValueError(f"the lessons stand in {folder} themselves; name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in lessons:
        made = make(nbformat.read(lesson, as_version=4))  # type: ignore[no-untyped-call]
        written.append(folder / lesson.name)
        nbformat.write(made, written[-1])  # type: ignore[no-untyped-call]
    return written


def command(make: Make, arguments: Sequence[str], *, module: str, description: str) -> int:
    """The command line of a module that makes something of lessons. It ends the process with 2 if
    it was asked for in a way that cannot be right.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("lessons", nargs="+", type=Path, help="notebooks to read")
    parser.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    try:
        written = write(make, options.lessons, options.to)
    except (OSError, ValueError) as problem:
        parser.error(str(problem))
    print(f"{len(written)} written into {options.to}")
    return 0
