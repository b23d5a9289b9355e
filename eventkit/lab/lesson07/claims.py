"""What the lesson claims about real tanks: one without a bound, and one for each policy."""

from __future__ import annotations

from collections.abc import Sequence

from ...timeline import percentile
from ..course.session import verdict
from .tank import NO_BOUND, Tank


def compare_policies(tanks: Sequence[Tank]) -> None:
    """Print each claim with its verdict. Raises AssertionError at the first that is false."""
    for claim, holds in claims({tank.title: tank for tank in tanks}):
        verdict(claim, holds)


def claims(tank: dict[str, Tank]) -> list[tuple[str, bool]]:
    """Return each claim about these tanks, by title, and True if it holds."""
    no_bound, block = tank[NO_BOUND], tank["block"]
    bounded = [one for one in tank.values() if one.capacity is not None]
    losing = [tank[policy] for policy in ("drop_oldest", "drop_newest", "raise")]
    median = {title: percentile(one.times, 50) for title, one in tank.items()}
    return [
        ("every event was answered or counted as lost",
         all(one.came == len(one.times) + one.lost for one in tank.values())),
        ("with no bound none is lost, and the slowest answer took over a second",
         no_bound.lost == 0 and max(no_bound.times) > 1.0),
        ("no bounded queue ever held more than it has places",
         all(one.most <= (one.capacity or 0) for one in bounded)),
        ("dropping or refusing answers in less than half the time: median against median",
         all(median[one.title] < median[NO_BOUND] / 2 for one in losing)),
        ("the price: over a quarter of the events are never answered",
         all(one.lost > one.came / 4 for one in losing)),
        ("blocking loses none, and held up the producer for over half a second",
         block.lost == 0 and block.held_up > 0.5),
        ("what drop_oldest answers is fresher than what drop_newest answers",
         median["drop_oldest"] < median["drop_newest"]),
    ]  # fmt: skip
