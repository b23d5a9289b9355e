"""LiveView: a canvas that shows the journeys of a timeline while they happen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from ..timeline import Journey
from .look import WAITING, script

Row = tuple[float, float | None, float | None]


class LiveView(anywidget.AnyWidget):
    """One row for each event: grey while it waits, coloured while it is processed, and its
    response time at the end. What is drawn are the recorded stamps; between two records the bars
    of unfinished events grow with the clock. The same in words stands below the picture.
    """

    _esm = script("canvas.js", "live.js")
    title = traitlets.Unicode("").tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)

    def __init__(self, title: str, colour: str, **options: Any):
        super().__init__(title=title, frame={"rows": []}, text="Nothing yet.", **options)
        self._colour = colour

    def show(
        self,
        due: Sequence[int],
        journeys: Sequence[Journey],
        start: int,
        now: int,
        span: float,
        running: bool,
    ) -> None:
        """Draw the events due at the given times and how far each has come; `journeys` are those
        that have been fired, in the same order. Times in nanoseconds of `perf_counter_ns`; `span`
        is the width of the time axis in seconds.
        """
        rows = [
            _row(time, reached, start)
            for time, reached in itertools.zip_longest(due, journeys[: len(due)])
        ]
        finished = sum(row[2] is not None for row in rows)
        begun = sum(row[1] is not None for row in rows)
        arrived = sum(time <= now for time in due)
        with self.hold_sync():
            self.frame = {
                "rows": rows,
                "now": (now - start) / 1e6,
                "span": span * 1e3,
                "running": running,
                "colour": self._colour,
                "waiting": WAITING,
            }
            self.text = (
                f"{arrived} of {len(due)} came: {max(0, arrived - begun)} wait, "
                f"{begun - finished} in work, {finished} answered."
            )


def _row(due: int, journey: Journey | None, start: int) -> Row:
    def ms(stamp: int | None) -> float | None:
        return None if stamp is None else round((stamp - start) / 1e6, 1)

    return (
        round((due - start) / 1e6, 1),
        ms(journey.started) if journey else None,
        ms(journey.finished) if journey else None,
    )
