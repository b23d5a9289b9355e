"""Time candidates in turn, round after round, and keep what each took beside the bare limit."""

from __future__ import annotations

import math
import statistics
import sys
import timeit
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal, NamedTuple

Timed = Callable[[], float]
"""Does something many times over and returns the seconds that one took."""


class Row(NamedTuple):
    """What one candidate took in one comparison, round by round, and the limit in the same rounds.

    `goal` is the ratio to the limit that is promised; `goal_is` says what it was worked out from. A
    candidate that could not be measured has no figures, and says in `missing` why. `unit` is
    seconds or bytes.
    """

    measure: str
    candidate: str
    each: Sequence[float] = ()
    limit: Sequence[float] = ()
    goal: float | None = None
    missing: str = ""
    unit: Literal["s", "B"] = "s"
    goal_is: str = ""

    @property
    def is_ours(self) -> bool:
        return self.candidate.startswith(("eventkit", "import eventkit"))

    @property
    def is_bare(self) -> bool:
        """Whether it is no peer but what is left when nothing is promised; its name says so."""
        return "bare" in self.candidate.replace(",", " ").split()

    @property
    def ratios(self) -> list[float]:
        return [mine / bare for mine, bare in zip(self.each, self.limit, strict=True)]

    @property
    def median(self) -> float:
        """What one took, the median over the rounds."""
        return statistics.median(self.each)

    @property
    def ratio(self) -> float:
        """The median over the rounds of the ratio to the limit; without end where there is none."""
        return math.inf if self.missing else statistics.median(self.ratios)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between these lies the middle half of the rounds' ratios."""
        if len(self.each) < 2:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    @property
    def is_met(self) -> bool:
        """Whether there is a goal and it is met; what could not be measured meets none."""
        return self.goal is not None and self.ratio <= self.goal


def compare(
    measure: str,
    candidates: Mapping[str, Timed | str],
    *,
    rounds: int,
    goal: float | None = None,
    of_best: float | None = None,
    unit: Literal["s", "B"] = "s",
) -> list[Row]:
    """Time every candidate once in each of the rounds.

    The first is the limit that all others are compared with. The second is eventkit's, which the
    goal is for: a ratio to the limit, or with `of_best` to the best of the other candidates. A text
    instead of something to time says why that candidate is missing.
    """
    print(f"  {measure}: {rounds} × {len(candidates)} ... ", end="", file=sys.stderr, flush=True)
    began = monotonic()
    times = _in_turn({name: run for name, run in candidates.items() if callable(run)}, rounds)
    print(f"{monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    limit, ours = list(candidates)[:2]
    rows = [
        Row(
            measure,
            name,
            times.get(name, ()),
            times[limit] if name in times else (),
            goal if name == ours else None,
            "" if name in times else str(run),
            unit,
        )
        for name, run in candidates.items()
    ]
    return rows if of_best is None else _beside_the_best(rows, of_best)


def _beside_the_best(rows: list[Row], share: float) -> list[Row]:
    """Set eventkit's goal: a share of what its best peer took. Set none if no peer is here."""
    limit, ours, *peers = rows
    measured = [row for row in peers if not row.missing]
    if not measured:
        return rows
    best = min(measured, key=lambda row: row.ratio)
    goal_is = f"{share:g} × {best.candidate}"
    return [limit, ours._replace(goal=share * best.ratio, goal_is=goal_is), *peers]


def _in_turn(timed: Mapping[str, Timed], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in timed}
    for run in timed.values():  # once unseen, so that caches are warm and threads are started
        run()
    for turn in range(rounds):
        for name in timed if turn % 2 else reversed(list(timed)):
            times[name].append(timed[name]())
    return times


def beside(limit: Row, rows: list[Row]) -> list[Row]:
    """The same rows beside another limit, which is one of them and comes first."""
    others = [row if row.missing else row._replace(limit=limit.each) for row in rows]
    return [limit._replace(limit=limit.each), *(row for row in others if row[:2] != limit[:2])]


def statement(code: str, number: int, *, events: int = 1, **names: Any) -> Timed:
    """Time a statement as `timeit` does: `number` times in a loop, garbage collection off. One
    execution of it handles so many `events`.
    """
    timer = timeit.Timer(code, globals=names)
    return lambda: timer.timeit(number) / number / events
