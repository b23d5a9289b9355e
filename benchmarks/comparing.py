"""Time candidates in turn, round after round, and keep what each took beside the bare limit."""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Timed = Callable[[], float]
"""Does something many times over and returns the seconds that one took."""


class Row(NamedTuple):
    """One candidate's times in one comparison, round by round, and the limit's in the same rounds.

    `goal` is the ratio to the limit that is promised now, `later` the one aimed at. A candidate
    that could not be measured has no times, and says in `missing` why.
    """

    measure: str
    candidate: str
    seconds: Sequence[float] = ()
    limit: Sequence[float] = ()
    goal: float | None = None
    later: float | None = None
    missing: str = ""

    @property
    def ratios(self) -> list[float]:
        return [mine / bare for mine, bare in zip(self.seconds, self.limit, strict=True)]

    @property
    def median(self) -> float:
        """Seconds for one, the median over the rounds."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """The median over the rounds of the ratio to the limit."""
        return statistics.median(self.ratios)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between these lies the middle half of the rounds' ratios."""
        if len(self.seconds) < 2:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def compare(
    measure: str,
    candidates: Mapping[str, Timed | str],
    *,
    rounds: int,
    goal: float | None = None,
    later: float | None = None,
) -> list[Row]:
    """Time every candidate once in each of the rounds. The first is the limit that all others are
    compared with, the second is eventkit's, which the goals are for. A text instead of something
    to time says why that candidate is missing.
    """
    print(f"{measure}: {rounds} rounds of {len(candidates)}", file=sys.stderr, flush=True)
    timed = {name: run for name, run in candidates.items() if callable(run)}
    times: dict[str, list[float]] = {name: [] for name in timed}
    for run in timed.values():  # once unseen, so that caches are warm and threads are started
        run()
    for turn in range(rounds):
        order = list(timed) if turn % 2 else list(reversed(timed))
        for name in order:
            times[name].append(timed[name]())
    limit, ours = list(candidates)[:2]
    return [
        Row(measure, name, missing=str(run))
        if name not in timed
        else Row(
            measure,
            name,
            times[name],
            times[limit],
            goal=goal if name == ours else None,
            later=later if name == ours else None,
        )
        for name, run in candidates.items()
    ]


def statement(code: str, number: int, *, events: int = 1, **names: Any) -> Timed:
    """Time a statement as `timeit` does: `number` times in a loop, garbage collection off. One
    execution of it handles so many `events`.
    """
    timer = timeit.Timer(code, globals=names)
    return lambda: timer.timeit(number) / number / events
