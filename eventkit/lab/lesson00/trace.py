"""What a traced click went through: its steps, what it waited for, and the bars of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING, WAITING

# For each step of an answered click, in order: its lane, and the colour of its bar.
LANES = ("browser", "wire", "event loop", "thread")
BARS = (
    ("wire", WAITING),
    ("event loop", WAITING),
    ("event loop", BLOCKING),
    ("thread", WAITING),
    ("thread", NON_BLOCKING),
    ("thread", LISTENER),
    ("wire", WAITING),
    ("browser", LISTENER),
)
COLOURS = {
    "on the wire or waiting": WAITING,
    "your callback": BLOCKING,
    "the processor": NON_BLOCKING,
    "the answer": LISTENER,
}
KEPT, AWAITED, FREE = "a cell kept the loop", "a cell awaited", "no cell was running"


class Step(NamedTuple):
    """One step of a traced click: what happened, on which thread, and for how long."""

    what: str
    where: str
    milliseconds: float


class Answered(NamedTuple):
    """A click whose answer is on the screen: its number, its case, and its steps in order."""

    number: int
    case: str
    steps: list[Step]

    @property
    def total(self) -> float:
        return self.steps[-1].milliseconds

    def says(self) -> str:
        there, loop, *kernel, back, painting, total = (step.milliseconds for step in self.steps)
        return (
            f"Click {self.number}, {self.case}: {total:,.1f} ms. Of these, {loop:,.1f} waiting for "
            f"the event loop, {there + back:,.1f} on the wire, {sum(kernel):,.1f} for your code "
            f"and its thread, {painting:,.1f} for painting."
        )


def whole(kernel: Sequence[Step], wire: float, arrived: float, painted: float) -> list[Step]:
    """Return all steps of a click, given those in the kernel, in milliseconds.

    `arrived` and `painted` are the browser's times since the press. `wire` is how long a message
    takes there and back; half of it is shown on either side. The rest of the time until the answer
    arrived was spent waiting for the event loop.
    """
    outside = max(0.0, arrived - sum(step.milliseconds for step in kernel))
    half = min(wire, outside) / 2
    return [
        Step("on the wire to the kernel", "none", half),
        Step("waiting for the event loop", "none", outside - 2 * half),
        *kernel,
        Step("on the wire to the browser", "none", half),
        Step("painting", "browser", painted - arrived),
        Step("from the press to the painted answer", "all of it", painted),
    ]


def case_of(cell_runs: bool, since_cell_ended: float, waited: float) -> str:
    """Return what the kernel was doing, in milliseconds before the callback ran: a cell that ended
    while the click waited had kept the loop.
    """
    if cell_runs:
        return AWAITED
    return KEPT if since_cell_ended <= waited else FREE


def bars(milliseconds: Sequence[float]) -> list[tuple[int, float, float, str]]:
    """Return for each step its lane, when it began, how long it took, and its colour."""
    begins = accumulate(milliseconds[:-1], initial=0.0)
    return [
        (LANES.index(lane), round(begin, 3), round(length, 3), colour)
        for (lane, colour), begin, length in zip(BARS, begins, milliseconds, strict=True)
    ]


def picture(clicks: Sequence[Answered]) -> dict[str, Any]:
    """Return what the view draws: a block of lanes for each click, and an outline if there is
    none.
    """
    return {
        "lanes": LANES,
        "colours": COLOURS,
        "outline": bars([1.0] * len(BARS)),
        "clicks": [
            {
                "number": click.number,
                "case": click.case,
                "total": click.total,
                "bars": bars([step.milliseconds for step in click.steps[:-1]]),
                "says": click.says(),
            }
            for click in clicks
        ],
    }


def figures(clicks: Sequence[Answered]) -> str:
    """Return the newest click of each case in large figures, as HTML."""
    newest = {click.case: click for click in clicks}
    parts = [
        f"<div style='border-left: 6px solid {colour}; padding-left: 10px'>"
        f"<div class='ek-number' style='font-size: 28px'>"
        f"{f'{newest[case].total:,.0f} ms' if case in newest else '–'}</div>{case}</div>"
        for case, colour in ((FREE, LISTENER), (AWAITED, NON_BLOCKING), (KEPT, BLOCKING))
    ]
    return f"<div class='ek-quiet ek-figures'>{''.join(parts)}</div>"
