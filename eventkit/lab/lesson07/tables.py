"""The lesson's tables: what exact queues and real tanks did, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from ..course.session import Table
from .back_pressure import Passage


def overload_table(overloads: Mapping[int, Passage]) -> Table:
    """Return what is left in each queue when its overload ends. Keys are seconds of overload."""
    return Table(
        ["seconds of overload", "came", "waiting at the end", "response time of the last (ms)"],
        [
            [seconds, len(one.responses), one.waiting_at(one.arrivals[-1]), one.responses[-1]]
            for seconds, one in overloads.items()
        ],
    )


def level_table(passage: Passage, moments: Iterable[float]) -> Table:
    """Return how many wait at each of these moments."""
    return Table(
        ["time (ms)", "waiting"], [[moment, passage.waiting_at(moment)] for moment in moments]
    )


def passage_table(passages: Mapping[str, Passage]) -> Table:
    """Return what each policy did to the same events."""
    return Table(
        ["when full", "came", "answered", "lost", "median (ms)", "slowest (ms)", "held up (ms)",
         "most waiting"],
        [
            [policy, len(one.responses), len(one.answered), one.given_up,
             f"{statistics.median(one.answered):.0f}", max(one.answered), max(one.late), one.most]
            for policy, one in passages.items()
        ],
    )  # fmt: skip
