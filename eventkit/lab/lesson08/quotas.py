"""Quotas: what passes one, and whether that is what it promises."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...event import Event
from ...flow import Flow
from ..course.session import Table
from .filter_run import FilterRun
from .passing import TOPIC


def knock(flow: Flow, due: Sequence[float]) -> list[float]:
    """Put clicks into a flow at these seconds, on the real clock. Return when they passed."""
    begun, passed = time.perf_counter(), list[float]()
    with flow.start(lambda _: passed.append(time.perf_counter() - begun)) as stage:
        for moment in due:
            time.sleep(max(0, begun + moment - time.perf_counter()))
            stage.put(Event(TOPIC))
    return passed


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the most times within any stretch of `seconds`, its end excluded."""
    most = begin = 0
    for end, moment in enumerate(times):
        while moment - times[begin] >= seconds - 1e-9:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def keeps_quota(times: Sequence[float], rate: float, burst: int, slack: float = 1e-9) -> bool:
    """Return True if no stretch of t seconds has more times than rate · t + burst + slack."""
    return all(
        later - sooner + 1 <= rate * (times[later] - times[sooner]) + burst + slack
        for sooner in range(len(times))
        for later in range(sooner, len(times))
    )


def quota_table(runs: Sequence[FilterRun], within: float) -> Table:
    """Return how many passed each quota, and its promise for a stretch of `within` seconds."""
    return Table(
        ["quota", f"passed, of {len(runs[0].due)}", f"most within {within} s",
         f"promised for {within} s"],
        [[r.label, len(r.left), most_within(r.left, within), _promise(r, within)] for r in runs],
    )  # fmt: skip


def _promise(run: FilterRun, seconds: float) -> float | str:
    if run.kind != "token bucket":
        return "nothing"
    rate, burst = run.numbers
    return rate * seconds + burst
