"""TimedClicks: a button that is clicked at given moments and notes when its callback begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import ipywidgets as widgets

from ..course.session import Table


class TimedClicks:
    """A button whose callback notes when it began, then works for `work` seconds, blocking.

    `started` has the beginnings, in seconds since the last call of `begin`.
    """

    def __init__(self, work: float):
        self.button = widgets.Button(description="Click me")
        self.started: list[float] = []
        self._work = work
        self._moments: Sequence[float] = ()
        self._began = 0.0
        self.button.on_click(self._callback)

    def begin(self, moments: Sequence[float]) -> None:
        """Start a new clock, and have the event loop click the button at these moments."""
        self.started.clear()
        self._moments = moments
        self._began = time.perf_counter()
        for seconds in moments:
            asyncio.get_running_loop().call_later(seconds, self.button.click)

    def now(self) -> float:
        """Return the seconds since `begin`."""
        return time.perf_counter() - self._began

    async def all_started(self) -> None:
        """Wait until each click's callback has begun, without keeping the loop."""
        while len(self.started) < len(self._moments):
            await asyncio.sleep(0.01)

    def waits(self) -> list[float]:
        """Return for each click the seconds from its moment until its callback began."""
        return [begun - at for begun, at in zip(self.started, self._moments, strict=True)]

    def _callback(self, _: widgets.Button) -> None:
        self.started.append(self.now())
        time.sleep(self._work)


def waits_table(
    moments: Sequence[float], sleeps: Sequence[Sequence[float]], awaits: Sequence[Sequence[float]]
) -> Table:
    """Return a row for each click: its moment in seconds, and its waits in milliseconds.

    For a cell that sleeps and one that awaits, give the predicted waits, or predicted and measured
    ones.
    """
    headings = ["click at (s)"]
    for case, columns in (("sleeps", sleeps), ("awaits", awaits)):
        measured = [f"{case}: predicted (ms)", f"{case}: measured (ms)"]
        headings += measured if len(columns) > 1 else [f"the cell {case}: waits (ms)"]
    waits = zip(*sleeps, *awaits, strict=True)
    rows = [[at, *(round(w * 1e3) for w in row)] for at, row in zip(moments, waits, strict=True)]
    return Table(headings, rows)
