"""Replay: the live view. It shows recorded timelines on a stage of trigger, queue, workers and
handlers, while they happen or afterwards, at any speed and at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import anywidget
import traitlets

from ...timeline import Journey
from ..panels.figures import Picture, waterfall_figure
from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING, WAITING, Panel, instead
from .page import SCRIPT, as_html, as_text
from .positions import OUTCOMES, Whereabouts


class Side(NamedTuple):
    """One record on the stage, and the colour of work in it. `due` are the times of events that a
    trigger has yet to fire. Without `queues` there is no queue; by default the record tells. At
    least `lanes` lanes are drawn, even if fewer workers have run.
    """

    journeys: Iterable[Journey]
    caption: str = ""
    colour: str = NON_BLOCKING
    due: Sequence[int] = ()
    queues: bool | None = None
    lanes: int = 0


class Stage(anywidget.AnyWidget):
    """A canvas with each event as a numbered dot, controls for the time, and the same in words.

    It draws recorded stamps only, never a motion in between. Several sides share one clock, on
    which each begins at 0. Below them may stand a `waterfall`, a row for each journey, if there are
    not too many.
    """

    _esm = SCRIPT
    title = traitlets.Unicode().tag(sync=True)
    waterfall = traitlets.Bool().tag(sync=True)
    sides: traitlets.List[Any] = traitlets.List().tag(sync=True)
    now = traitlets.Float().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)

    def __init__(self, title: str, sides: Sequence[Side], waterfall: bool = False):
        super().__init__(title=title, waterfall=waterfall)
        self.show(sides)

    def show(self, sides: Sequence[Side], running: bool = False) -> None:
        """Show these sides as they are now. While `running`, the view follows the clock."""
        self.where = [Whereabouts(side.journeys, side.due, side.queues) for side in sides]
        starts = [where.start for where in self.where if where.stamps]
        with self.hold_sync():
            self.sides = [
                _for_the_page(side, where) for side, where in zip(sides, self.where, strict=True)
            ]
            self.now = float(time.perf_counter_ns() - min(starts) if starts else 0)
            self.running = running


def _for_the_page(side: Side, where: Whereabouts) -> dict[str, Any]:
    stamps, marks = where.buffers()
    return {
        "caption": side.caption,
        "looks": _looks(side.colour),
        "queues": where.queues,
        "direct": where.direct,
        "lanes": side.lanes,
        "names": {
            "workers": where.workers,
            "subscribers": where.subscribers,
            "listeners": [s for s in where.subscribers if s not in where.processors],
            "outcomes": OUTCOMES,
        },
        "stamps": stamps,
        "marks": marks,
    }


def _looks(colour: str) -> dict[str, dict[str, str | bool]]:
    return {
        "waiting": {"colour": WAITING},
        "held": {"colour": WAITING, "hollow": True},
        "work": {"colour": colour},
        "handled": {"colour": LISTENER},
        "failed": {"colour": BLOCKING, "crossed": True},
        "left": {"colour": WAITING},
    }


class Replay(Panel):
    """Recorded timelines to play, slow down, and step through stamp by stamp."""

    def __init__(self, sides: Sequence[Side], title: str = "Replay", waterfall: bool = False):
        self._sides = [side._replace(journeys=list(side.journeys)) for side in sides]
        self.stage = Stage(title, self._sides, waterfall)
        super().__init__(title, self.stage)

    @property
    def seconds(self) -> float:
        """Length of the longest record, from its first stamp to its last."""
        return max(where.span for where in self.stage.where) / 1e9

    def text(self) -> str:
        number = sum(len(where.stamps) for where in self.stage.where)
        return f"[{self.title}: run this cell in JupyterLab to play {number:,} journeys]"

    def says(self, seconds: float) -> str:
        """Return in words how many events are at each place, `seconds` after the first stamp."""
        now = round(seconds * 1e9)
        return "\n".join(where.says(now) for where in self.stage.where)

    def to_html(self) -> str:
        """Return the replay as HTML, with its script. It plays in any page: it needs no kernel and
        loads nothing.
        """
        return as_html(self.recorded())

    def recorded(self) -> dict[str, Any]:
        """Return the recorded journeys as JSON, from which `as_html` makes a page."""
        sides = [as_text(side) for side in self.stage.sides]
        return {"title": self.title, "waterfall": self.stage.waterfall, "sides": sides}

    def still(self) -> Picture:
        """Return the journeys as waterfalls, for pages where nothing plays."""
        names = [self.title]
        if len(self._sides) > 1:
            names = [f"{self.title}, {number}" for number in range(1, len(self._sides) + 1)]
        return waterfall_figure(
            {
                side.caption or name: (list(side.journeys), side.colour)
                for name, side in zip(names, self._sides, strict=True)
            }
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data, still = super()._repr_mimebundle_(**options), self.still()._repr_mimebundle_()
        data["text/html"] = instead(still["text/html"], "play it")
        return data, {"eventkit": {"replay": self.recorded()}}


def replay(journeys: Iterable[Journey], title: str = "Replay") -> Replay:
    """Return a replay of recorded journeys: a whole timeline, or those that you pick."""
    return Replay([Side(journeys)], title)
