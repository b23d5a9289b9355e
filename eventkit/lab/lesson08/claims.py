"""What the lesson claims of its real runs, checked and printed."""

from __future__ import annotations

from ..course.session import verdict
from .filter_run import FilterRun


def check_filters(unfiltered: FilterRun, *filtered: FilterRun) -> None:
    """Print what holds of a burst with and without filters. Raise AssertionError if it does not."""
    came = len(unfiltered.due)
    verdict(
        f"without a filter all {came:,} were handled, and the slowest answer took over a second",
        len(unfiltered.left) == came and max(unfiltered.times) > 1,
    )
    verdict(
        "with each filter fewer than 50 were handled, and newer ones replaced all the others",
        all(len(run.left) < 50 and len(run.left) + run.replaced == came for run in filtered),
    )
    verdict(
        "the slowest answer behind each filter took less than a third of that",
        all(max(run.times) < max(unfiltered.times) / 3 for run in filtered),
    )
    verdict(
        "the last click was handled, whatever the filter",
        all(run.journeys[-1].outcome == "ok" for run in (unfiltered, *filtered)),
    )
