"""How a lesson begins and ends: the banner, and the check for failures in the background."""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import platform
import random
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from ...bus import EventBus

_failures: list[BaseException] = []
_KERNEL_NEEDED = (7, 4)
_LEFT = " style='text-align:left'"


def setup(seed: int = 1) -> None:
    """Begin a lesson: seed random numbers, watch for failures in the background, and print the
    versions in use. Raises RuntimeError if the kernel is too old for the lesson's buttons.
    """
    random.seed(seed)
    _failures.clear()
    threading.excepthook = _thread_failed
    with contextlib.suppress(RuntimeError):  # outside of a notebook no loop is running
        asyncio.get_running_loop().set_exception_handler(_task_failed)
    kernel = version("ipykernel")
    if tuple(int(part) for part in kernel.split(".")[:2]) < _KERNEL_NEEDED:
        raise RuntimeError(
            f"this lesson needs ipykernel {'.'.join(map(str, _KERNEL_NEEDED))} or newer, because "
            f"older kernels run clicks elsewhere; here is {kernel}. "
            "Run: pip install -U ipykernel, then restart the kernel."
        )
    print(
        f"eventkit {version('eventkit-notebooks')} · Python {platform.python_version()} · "
        f"ipykernel {kernel} · ipywidgets {version('ipywidgets')} · "
        f"{platform.system()}, {os.cpu_count()} cores · switch interval "
        f"{sys.getswitchinterval() * 1e3:g} ms"
    )
    if own := _own_settings():
        print(
            f"Your own IPython settings are in use ({', '.join(own)}), so some cells may print "
            "other things than the text says. To learn without them, start Jupyter with "
            "`make lab`, or with IPYTHONDIR set to an empty folder."
        )


def _own_settings() -> list[str]:
    """Return the user's settings and start-up files that can change what a cell prints."""
    shell = get_ipython()
    if shell is None or shell.profile_dir is None:  # a script
        return []
    sections = (section for section in shell.config if "Shell" in section or "Formatter" in section)
    settings = [f"{section}.{name}" for section in sections for name in shell.config[section]]
    files = Path(shell.profile_dir.startup_dir).glob("*.[ip]*y")
    return sorted(settings) + sorted(f"startup/{file.name}" for file in files)


def assert_clean(*watched: Any) -> None:
    """End a lesson: raise if a bus or panel has dead letters, or a thread or task has failed since
    `setup`. An unseen failure is the worst kind.
    """
    for one in watched:
        bus = one if isinstance(one, EventBus) else one.bus
        bus.assert_clean()
    if _failures:
        raise ExceptionGroup(
            "something failed in the background", [_exception(f) for f in _failures]
        )
    print("Nothing failed in the background.")


def verdict(claim: str, holds: bool) -> None:
    """Print whether a claim about the measurement above holds. Raises AssertionError if not, so
    that a notebook with a false claim fails.
    """
    print(f"{'✓' if holds else '✗'} {claim}")
    assert holds, f"measured otherwise on this machine: {claim}"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> None:
    """Show rows as a table, as plain text where there is no browser."""
    display(Table(headings, rows, caption))  # type: ignore[no-untyped-call]


class Table:
    """A table that is HTML in the browser and aligned text elsewhere."""

    def __init__(self, headings: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = ""):
        self._rows = [[str(cell) for cell in row] for row in [headings, *rows]]
        self.html = _html_table(self._rows, caption)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in self._rows
        )


def _html_table(rows: list[list[str]], caption: str) -> str:
    # Jupyter aligns all cells to the right, which suits numbers only.
    ends = ["" if _is_numeric(column[1:]) else _LEFT for column in zip(*rows, strict=True)]

    def line(cells: list[str], tag: str, extra: str = "") -> str:
        inner = "".join(
            f"<{tag}{extra}{end}>{html.escape(cell)}</{tag}>"
            for cell, end in zip(cells, ends, strict=True)
        )
        return f"<tr>{inner}</tr>"

    head = line(rows[0], "th", " scope='col'")
    body = "".join(line(row, "td") for row in rows[1:])
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead>{head}</thead><tbody>{body}</tbody></table>"


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[-+]?[\d,.]*\s*%?", cell) for cell in cells)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:  # no failure: Python's own hook ignores it as well
        return
    if args.exc_value is not None:
        _failures.append(args.exc_value)
    sys.__excepthook__(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)


def _task_failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _failures.append(context.get("exception") or RuntimeError(str(context.get("message"))))
    loop.default_exception_handler(context)


def _exception(failure: BaseException) -> Exception:
    return failure if isinstance(failure, Exception) else RuntimeError(repr(failure))
