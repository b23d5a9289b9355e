"""Replay: the live view. It shows a recorded timeline on a stage of trigger, queue, processors and
listeners, while it happens or afterwards, at any speed and at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import anywidget
import traitlets

from ...timeline import Journey
from ..course.session import Table
from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING, WAITING, Panel, script
from .positions import OUTCOMES, Whereabouts


class Stage(anywidget.AnyWidget):
    """A canvas with each event as a numbered dot, controls for the time, and the same in words.

    It draws recorded stamps only, never a motion in between.
    """

    _esm = script(__file__, "positions.js", "canvas.js", "stage.js", "player.js", "replay.js")
    title = traitlets.Unicode().tag(sync=True)
    looks = traitlets.Dict().tag(sync=True)
    names = traitlets.Dict().tag(sync=True)
    stamps = traitlets.Bytes().tag(sync=True)
    marks = traitlets.Bytes().tag(sync=True)
    now = traitlets.Float().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)

    def __init__(self, title: str, colour: str = NON_BLOCKING):
        looks = {
            "waiting": {"colour": WAITING},
            "held": {"colour": WAITING, "hollow": True},
            "work": {"colour": colour},
            "handled": {"colour": LISTENER},
            "failed": {"colour": BLOCKING, "crossed": True},
            "left": {"colour": WAITING, "crossed": True},
        }
        super().__init__(title=title, looks=looks)
        self.show([])

    def show(
        self, journeys: Iterable[Journey], due: Sequence[int] = (), running: bool = False
    ) -> None:
        """Show these journeys as they are now. While `running`, the view follows the clock. `due`
        are the times of events that a trigger has yet to fire.
        """
        self.where = where = Whereabouts(journeys, due)
        stamps, marks = where.buffers()
        with self.hold_sync():
            self.names = {
                "workers": where.workers,
                "subscribers": where.subscribers,
                "listeners": [s for s in where.subscribers if s not in where.processors],
                "outcomes": OUTCOMES,
            }
            self.stamps, self.marks = stamps, marks
            self.now = float(time.perf_counter_ns() - where.start if where.stamps else 0)
            self.running = running


class Replay(Panel):
    """A recorded timeline to play, slow down, and step through stamp by stamp."""

    def __init__(self, journeys: Iterable[Journey], title: str = "Replay"):
        self.stage = Stage(title)
        self.stage.show(journeys)
        super().__init__(title, self.stage)

    @property
    def seconds(self) -> float:
        """Length of the record, from its first stamp to its last."""
        return self.stage.where.span / 1e9

    def text(self) -> str:
        number = len(self.stage.where.stamps)
        return f"[{self.title}: run this cell in JupyterLab to play {number:,} journeys]"

    def says(self, seconds: float) -> str:
        """Return in words how many events are at each place, `seconds` after the first stamp."""
        return self.stage.where.says(round(seconds * 1e9))

    def table(self, seconds: float) -> Table:
        """Return a table of where each event is, `seconds` after the first stamp."""
        return Table(["where", "how many", "events"], self.stage.where.rows(round(seconds * 1e9)))


def replay(journeys: Iterable[Journey], title: str = "Replay") -> Replay:
    """Return a replay of recorded journeys: a whole timeline, or those that you pick."""
    return Replay(journeys, title)
