"""Response times as tables, and one of them taken apart."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from ...timeline import Journey
from ..course.session import Table


def waiting_table(schedules: Mapping[str, Sequence[float]], work: float) -> Table:
    """For each click: its response time under each schedule, and how much of it is waiting.

    `schedules` maps a name to response times. All times are in seconds, `work` too.
    """
    headings = ["click"]
    for name in schedules:
        headings += [f"{name}: response (ms)", "of which waiting"]
    clicks = enumerate(zip(*schedules.values(), strict=True), 1)
    rows = [
        [number, *(cell for time in times for cell in (_ms(time), _ms(time - work)))]
        for number, times in clicks
    ]
    return Table(headings, rows)


def trials_table(**trials: Sequence[float]) -> Table:
    """For each trial: the first, median and last of its response times, given in seconds."""
    rows = [
        [name, _ms(times[0]), _ms(statistics.median(times)), _ms(times[-1])]
        for name, times in trials.items()
    ]
    return Table(["trial", "first (ms)", "median (ms)", "last (ms)"], rows)


def taken_apart(journey: Journey) -> str:
    """Return a finished journey's response time as a sum of waiting and work."""
    assert journey.response_time is not None
    assert journey.waited is not None and journey.service_time is not None
    return (
        f"response {_ms(journey.response_time)} ms = {_ms(journey.waited)} ms waiting "
        f"+ {_ms(journey.service_time)} ms work"
    )


def _ms(seconds: float) -> str:
    return f"{max(0.0, seconds) * 1e3:,.0f}"  # 0.3 - 0.3 of a schedule can be just below 0
