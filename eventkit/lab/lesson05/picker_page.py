"""The interleaving picker as HTML, for pages without a kernel: every order has been run before."""

from __future__ import annotations

import json
from typing import Any

from ..panels.panel import script
from ..theory.interleavings import Run
from .programs import PROGRAMS
from .puzzle import orders
from .schedule_picker import Position, listings, shown


def as_html() -> str:
    """Return HTML in which each program can be stepped through in every order."""
    inside = json.dumps([_program(name) for name in PROGRAMS]).replace("</", r"<\/")
    return (
        '<div class="ek-panel ek-picker" role="group"></div>\n<script type="module">\n'
        f"const programs = {inside};\n{script(__file__, 'picker_page.js')}</script>\n"
    )


def _program(name: str) -> dict[str, Any]:
    """Return a program's code, and each position by the letters of the tasks that led to it."""
    start = Position.start(name)
    exploration = orders(name)
    positions = {}
    for one in exploration.runs:
        for steps in range(len(one.steps) + 1):
            positions["".join(one.schedule[:steps])] = _position(start.at(one, steps))
    positions[""]["said"] = start.said
    return {
        "name": name,
        "code": {
            task: {"first": listing.first, "lines": listing.lines}
            for task, listing in listings(PROGRAMS[name]()).items()
        },
        "positions": positions,
        "all": start.explored().said,
        "bad": ["".join(one.schedule) for one in exploration.failures],
    }


def _position(at: Position) -> dict[str, Any]:
    return {
        "said": at.said,
        "good": at.good,
        "places": at.run.places[at.steps],
        "waits": {name: at.waits(name) for name in at.run.places[0]},
        "row": _row(at.run, at.steps),
    }


def _row(one: Run, steps: int) -> list[str]:
    if steps == 0:
        return []
    step = one.steps[steps - 1]
    return [step.task, shown(step), step.state]
