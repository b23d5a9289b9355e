"""The picture of the partition switch: what it draws at one moment, and the same in words."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING, WAITING, script
from .partition import CAPACITY, Counts
from .places import Places

LOOKS = {
    "waiting": {"colour": WAITING},
    "held": {"colour": WAITING, "hollow": True},
    "work": {"colour": NON_BLOCKING},
    "done": {"colour": LISTENER},
    "answer": {"colour": LISTENER, "hollow": True},
    "lost": {"colour": BLOCKING},
    "unheard": {"colour": BLOCKING, "hollow": True},
}


class PartitionView(anywidget.AnyWidget):
    """A canvas with both sides, the server and the line between them, and the same in words."""

    _esm = script(
        __file__, "canvas.js", "dots.js", "motions.js", "line_picture.js", "partition.js"
    )  # fmt: skip
    frame = traitlets.Dict().tag(sync=True)


def picture_frame(state: str, places: Places, counts: Counts) -> dict[str, Any]:
    """Return what is drawn: each click and each answer in its place, and both numbers."""
    return {
        **places._asdict(),
        "state": state,
        "here": counts.shown,
        "places": CAPACITY,
        "looks": LOOKS,
        "says": _words(state, places, counts),
    }


def _words(state: str, places: Places, counts: Counts) -> str:
    words = (
        f"the line is {state}; here the number is {counts.shown}, {counts.waiting} of {CAPACITY} "
        f"places are taken; there the number is {counts.counted}"
    )
    parts = {
        "held back": places.held,
        "refused": places.refused,
        "lost on the line": places.lost,
        "answered, but unheard": places.unheard,
    }
    return "; ".join([words, *(f"{len(some)} {what}" for what, some in parts.items() if some)])
