"""The notebooks of the course: find them, copy them into a folder, open the first one."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).parent


def find() -> list[Path]:
    """Return the lessons in their order: those in the wheel, or those of the checkout.

    Raises FileNotFoundError if there are none.
    """
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if lessons := sorted(folder.glob("[0-9][0-9]_*.ipynb")):
            return lessons
    raise FileNotFoundError(
        f"no lessons are beside {_PACKAGE}. Install eventkit-notebooks again, from a wheel or "
        "a whole checkout."
    )


def missing(folder: Path) -> list[Path]:
    """Return the lessons that `folder` has no file for."""
    return [lesson for lesson in find() if not os.path.lexists(folder / lesson.name)]


def changed(folder: Path) -> list[Path]:
    """Return the lessons whose file in `folder` has other content."""
    present = [lesson for lesson in find() if os.path.lexists(folder / lesson.name)]
    return [one for one in present if (folder / one.name).read_bytes() != one.read_bytes()]


def copy(lessons: Iterable[Path], folder: Path) -> None:
    """Copy lessons to `folder`, creating it if needed and overwriting files."""
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in lessons:
        shutil.copyfile(lesson, folder / lesson.name)


def open_first(folder: Path) -> None:
    """Run JupyterLab in this process, with the first lesson of `folder` open.

    It ends with SystemExit. Without a display, the address is printed and no browser opens.
    """
    options = [
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{find()[0].name}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not has_display:
        options.append("--no-browser")
    sys.argv = ["jupyter-lab", *options]
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)
