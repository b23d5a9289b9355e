"""The benchmarks run and report; no time is judged here."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import PARTS, measure, summary, table
from benchmarks.comparing import Row, Timed, compare


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("click", "live")])
def test_a_quick_run_yields_rows_with_a_ratio_for_eventkit(part: str) -> None:
    rows = measure(part, quick=True)

    ours = [row for row in rows if "eventkit" in row.candidate and not row.missing]
    assert ours and all(row.ratio > 0 for row in ours)
    assert len(list(table(rows))) == len(rows) + 2


def test_every_round_visits_every_candidate() -> None:
    visited: list[str] = []

    def candidate(name: str) -> Timed:
        def run() -> float:
            visited.append(name)
            return 1.0

        return run

    compare("x", {"a": candidate("a"), "b": candidate("b")}, rounds=3)

    assert "".join(visited) == "ab" + "ba" + "ab" + "ba"  # the first turn is to warm up


def test_a_goal_is_met_or_not_by_the_median_of_the_ratios() -> None:
    row = Row("publish", "eventkit", [2.0, 2.0, 90.0], [1.0, 1.0, 1.0], goal=2.2, later=1.9)

    line = list(table([row]))[-1]

    assert "≤ 2.2 met" in line and "≤ 1.9 **not met**" in line
    assert list(summary([row])) == ["1 of 1 goals met."]


def test_a_missing_peer_is_a_row_and_no_failure() -> None:
    rows = compare("x", {"bare": lambda: 1.0, "eventkit": lambda: 2.0, "peer": "gone"}, rounds=1)

    assert "missing: gone" in list(table(rows))[-1]
    assert measure("no_such_part", quick=True)[0].missing
