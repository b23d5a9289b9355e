"""Lesson 02: notify exactly once for each crossing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from ..course.exercise import Exercise, Wrong, attempted

Rule = Callable[[int, int, int], bool]


def crossed(before: int, after: int, threshold: int) -> bool:
    """Whether a count that went from `before` to `after` has just reached the threshold."""
    # solution begins
    return before < threshold <= after
    # solution ends


def _notified(rule: Rule, counts: list[int], threshold: int) -> list[int]:
    """Return the counts at which a user would be notified while the counter takes these values."""
    steps = itertools.pairwise(counts)
    return [after for before, after in steps if attempted(rule(before, after, threshold))]


CASES = [
    ([0, 5, 9], 10, "the count never got beyond 9, and the user was told that it reached 10"),
    (
        [0, 9, 11],
        10,
        "the count went from 9 to 11 and never was 10, so a test for == misses the crossing. "
        "Merged clicks jump: ask whether the threshold lies between before and after",
    ),
    (
        [12, 0],
        10,
        "a reset took the count from 12 to 0 and the user was told that it was reached. A "
        "crossing has a direction: from below to at or above",
    ),
    (
        [11, 0, 12],
        10,
        "after a reset the count crossed again and the user was not told. Remembering that the "
        "user has been told is not the same as watching for a crossing",
    ),
    (
        [0, 10],
        10,
        "the count reached exactly 10 and the user was not told. To reach a threshold is enough, "
        "it need not be passed: the upper comparison includes equality",
    ),
    (
        [0, 10, 11, 12],
        10,
        "the count went 10, 11, 12 and the user was told more than once. At or above the "
        "threshold is a state and lasts; a crossing is a step, and starts below the threshold",
    ),
    (
        [0, 2, 3],
        3,
        "the threshold was 3, and the user was not told at 3: compare with `threshold`, not with a "
        "fixed number",
    ),
]


def _expected(counts: list[int], threshold: int) -> list[int]:
    return _notified(crossed, counts, threshold)


def diagnose(rule: Rule) -> str | None:
    if attempted(rule(0, 5, 10)) is None:
        return (
            "your function returned None. Return True or False.\n  crossed(0, 5, 10) returned "
            "None, expected False."
        )
    for counts, threshold, meaning in CASES:
        got = _notified(rule, list(counts), threshold)
        if got != _expected(counts, threshold):
            return (
                f"{meaning}.\n  Counts {counts}, threshold {threshold}: notified at {got}, "
                f"expected {_expected(counts, threshold)}."
            )
    return None


def _remembering() -> Rule:
    told: list[int] = []

    def rule(before: int, after: int, threshold: int) -> bool:
        if before < threshold <= after and not told:
            told.append(after)
            return True
        return False

    return rule


exercise = Exercise(
    name="notify_once",
    solution=crossed,
    diagnose=diagnose,
    hints=(
        "A crossing is not a place, it is a step: you need to know both ends of it.",
        "Before the step the count is on one side of the threshold, after it on the other. "
        "On which side does the threshold itself lie?",
        "Python chains comparisons: a < b <= c means a < b and b <= c.",
    ),
    praise="Merged clicks may jump as far as they like: each crossing notifies once.",
    wrong=[
        Wrong("every count will be seen", lambda b, a, t: a == t, "never was 10"),
        Wrong("at or above is the same as reaching", lambda b, a, t: a >= t, "lasts"),
        Wrong("reaching means passing", lambda b, a, t: b < t < a, "need not be passed"),
        Wrong("both ends count as inside", lambda b, a, t: b <= t <= a, "starts below"),
        Wrong("a change of side is a crossing", lambda b, a, t: (b < t) != (a < t), "direction"),
        Wrong("told once is told for ever", _remembering(), "after a reset"),
        Wrong("every step is news", lambda b, a, t: True, "never got beyond 9"),
        Wrong("the threshold is 10", lambda b, a, t: b < 10 <= a, "not with a fixed number"),
        Wrong("to have computed it is enough", lambda b, a, t: None, "returned None"),
    ],
)
