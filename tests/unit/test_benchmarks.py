"""The benchmarks run and report; no time is judged here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import __main__ as command, processes
from benchmarks.__main__ import PARTS, measure
from benchmarks.comparing import Row, Timed, beside, compare
from benchmarks.figure import draw, lines
from benchmarks.report import amount, summary, table


@pytest.mark.long
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
    met = Row("publish", "eventkit", [2.0, 2.0, 90.0], [1.0, 1.0, 1.0], goal=2.2)
    missed = met._replace(measure="fire", goal=1.9)

    assert "≤ 2.2 met" in list(table([met]))[-1]
    assert "≤ 1.9 **not met**" in list(table([missed]))[-1]
    assert list(summary([met, missed])) == [
        "1 of 2 goals met.",
        "Not met: fire (eventkit), 2 ×, and the goal is 1.9 ×.",
    ]


def test_what_could_not_be_measured_meets_no_goal() -> None:
    row = Row("flood", "eventkit", goal=1.0, missing="another number stood there")

    assert not row.is_met
    assert next(iter(summary([row]))) == "0 of 1 goals met."
    assert "another number stood there" in list(table([row]))[-1]


def test_rows_can_be_compared_with_another_of_them() -> None:
    rows = compare(
        "x",
        {"bare": lambda: 1.0, "eventkit": lambda: 2.0, "peer": lambda: 8.0, "gone": "not here"},
        rounds=3,
        goal=0.5,
    )

    again = beside(rows[2], rows)

    assert [row.candidate for row in again] == ["peer", "bare", "eventkit", "gone"]
    assert [row.ratio for row in again[:3]] == [1.0, 0.125, 0.25]
    assert again[2].is_met


def test_a_goal_can_be_a_share_of_what_the_best_peer_took() -> None:
    ours: dict[str, Timed | str] = {"bare": lambda: 1.0, "eventkit": lambda: 3.0}
    peers: dict[str, Timed | str] = {"slow": lambda: 8.0, "fast": lambda: 4.0, "gone": "not here"}

    rows = compare("x", ours | peers, rounds=3, of_best=0.8)
    alone = compare("x", ours, rounds=1, of_best=0.8)

    assert rows[1].is_met
    assert list(table(rows))[3].endswith("| ≤ 3.2 (0.8 × fast) met |")
    assert [row.goal for row in [*rows[2:], *alone]] == [None] * 5


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1.5, "s", "1.5 s"), (2e-3, "s", "2 ms"), (4e-9, "s", "4 ns"), (2048, "B", "2 KiB")],
)
def test_a_figure_has_the_unit_that_suits_it(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_a_missing_peer_is_a_row_and_no_failure() -> None:
    rows = compare("x", {"bare": lambda: 1.0, "eventkit": lambda: 2.0, "peer": "gone"}, rounds=1)

    assert "missing: gone" in list(table(rows))[-1]
    assert measure("no_such_part", quick=True)[0].missing


def test_on_one_core_the_gain_of_two_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_cores", lambda: 1)
    (row,) = processes._compute_on_two_cores(rounds=1, number=1)

    assert row.goal is None
    assert row.missing == "this machine has one core"


ROWS = [
    Row("fire", "bare loop", [1.0, 1.0], [1.0, 1.0]),
    Row("fire", "eventkit", [4.0, 4.2], [1.0, 1.0], goal=4.8),
    Row("fire", "bare deque, one wake-up", [3.0, 3.0], [1.0, 1.0]),
    Row("fire", "peer", [5_000.0, 5_000.0], [1.0, 1.0]),
    Row("flood", "0.3 s allowed", [0.3], [0.3]),
    Row("flood", "eventkit: Painter", goal=1.0, missing="another number stood there"),
    Row("neither goal nor peer", "bare loop", [1.0], [1.0]),
    Row("neither goal nor peer", "eventkit", [2.0], [1.0]),
]


def test_the_figure_shows_each_measure_that_has_a_goal_or_a_peer_and_says_it_in_words() -> None:
    fire, flood = lines(ROWS)
    assert (fire.measure, flood.measure) == ("fire", "flood")
    assert [row.candidate for row in fire.others] == ["peer"]  # what promises nothing is none

    picture = draw([("In one thread", ROWS)])

    assert picture.png.startswith(b"\x89PNG")
    assert "1 of 2 goals are met, not flood (missing, goal 1)" in picture.alt


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The command with these arguments, in a folder of its own, where nothing is measured."""
    monkeypatch.setattr(command, "_ROOT", tmp_path)
    monkeypatch.setattr(command, "measure", lambda part, quick: ROWS)
    monkeypatch.setattr("benchmarks.peers.install_other_eventkit", lambda: None)

    def main(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
        command.main()

    return main


def test_a_run_writes_nothing_that_is_committed(run: Callable[..., None], tmp_path: Path) -> None:
    run("--quick")

    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert files == {"build/bench.md", "build/bench.png"}


def test_a_full_run_is_recorded_if_asked(run: Callable[..., None], tmp_path: Path) -> None:
    run("--record")

    page = (tmp_path / "docs" / "benchmarks.md").read_text("utf-8")
    assert "| fire | bare loop |" in page
    assert page.endswith("](benchmarks.png)\n")
    assert (tmp_path / "docs" / "benchmarks.png").exists()


@pytest.mark.parametrize("also", ["--quick", "imports"])
def test_only_a_full_run_is_recorded(also: str, run: Callable[..., None]) -> None:
    with pytest.raises(SystemExit):
        run("--record", also)


def test_an_interrupted_run_shows_what_it_has(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(part: str, quick: bool) -> list[Row]:
        if part == "imports":
            raise KeyboardInterrupt
        return ROWS

    monkeypatch.setattr(command, "measure", interrupted)
    monkeypatch.setattr("logging.disable", lambda: None)

    with pytest.raises(SystemExit, match="130"):
        run("--quick", "dispatch", "imports")

    assert "| fire | bare loop |" in capsys.readouterr().out
