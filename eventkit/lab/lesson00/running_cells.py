"""RunningCells: whether a cell of the notebook is running, and when the last one ended."""

from __future__ import annotations

from functools import cache
from time import perf_counter_ns
from typing import Any

from IPython.core.getipython import get_ipython


class RunningCells:
    """Hears from IPython when a cell begins and ends. `ended` is 0 before the first end."""

    def __init__(self) -> None:
        self.running = False
        self.ended = 0

    def begin(self, *_: Any) -> None:
        self.running = True

    def end(self, *_: Any) -> None:
        self.running = False
        self.ended = perf_counter_ns()


@cache
def running_cells() -> RunningCells:
    """Return the one that hears of this kernel's cells. In a plain script it hears of none."""
    cells = RunningCells()
    shell = get_ipython()
    if shell is not None:
        shell.events.register("pre_run_cell", cells.begin)
        shell.events.register("post_run_cell", cells.end)
    return cells
