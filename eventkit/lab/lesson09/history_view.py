"""The picture of a counter's history: its count after each event, and a slider through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..panels.panel import LISTENER, NON_BLOCKING, WAITING, script
from .history import THRESHOLD, Rebuilt

MOST_POINTS = 500
COLOURS = {"kept": LISTENER, "read": NON_BLOCKING, "later": WAITING}


class HistoryView(anywidget.AnyWidget):
    """A canvas with the count over the events, and below it a slider of the same width. `value` is
    the sequence at which it stands. The page sends where the learner wants to be as messages.
    """

    _esm = script(__file__, "canvas.js", "dots.js", "outbox.js", "history.js")
    _css = Path(__file__).with_name("history.css")
    label = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    value = traitlets.Int().tag(sync=True)

    def show(
        self,
        counts: Sequence[tuple[int, int]],
        there: Rebuilt,
        last: int,
        answered: Mapping[str, int],
    ) -> None:
        """Show the history and the cursor at a rebuilt moment. `answered` is the number of the last
        message of each page that led there.
        """
        with self.hold_sync():
            self.frame = {**picture_of(counts, there, last), "answered": answered}
            self.value = there.moment.sequence


def picture_of(counts: Sequence[tuple[int, int]], there: Rebuilt, last: int) -> dict[str, Any]:
    """Return what the view draws: `counts` are pairs of sequence and count. The events up to
    `since` are in the snapshot, and those after it up to the cursor were read.
    """
    top = max(THRESHOLD, *(count for _, count in counts))
    step = len(counts) // MOST_POINTS + 1
    return {
        "points": [*counts[:-1:step], counts[-1]],
        "since": there.since,
        "last": last,
        "top": top,
        "threshold": THRESHOLD,
        "colours": COLOURS,
        "says": f"the count over {last} events, at most {top}; you are at event "
        f"{there.moment.sequence}",
    }
