"""The race: what it claims of a record, and that each claim can fail."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import eventkit as ek
from eventkit.lab import taken_apart, trials_table, waiting_table
from eventkit.lab.lesson03.race import Race, Side
from eventkit.lab.theory.queueing import response_times
from eventkit.testing import LONG, wait_until

EVENTS, RATE, WORK = 10, 20.0, 0.3
DUE = [number / RATE for number in range(EVENTS)]


def put(side: Side, responses: list[float], works: list[float]) -> None:
    """Record answers with these response times and seconds of work."""
    side.timeline = ek.Timeline()
    for due, response, work in zip(DUE, responses, works, strict=True):
        end = due + response
        began, ended = round((end - work) * 1e9), round(end * 1e9)
        event = ek.Event("button.click", time=round(due * 1e9))
        side.timeline.add(ek.Journey(event, "answer", began, began, began, ended, "w", "ok"))


def raced(
    blocking: int = 1, many: int = 8, longer: float = 0.0, works: list[float] | None = None
) -> Race:
    """Return a race recorded as if by these servers, its answers `longer` than the work says."""
    race = Race(EVENTS, RATE, WORK, workers=8)
    works = works or [WORK] * EVENTS
    for side, servers in zip(race.sides, (blocking, many), strict=True):
        put(side, [time + longer for time in response_times(DUE, works, servers)], works)
    return race


def test_the_theory_holds_for_a_race_as_theory_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    raced().theory_verdicts()
    assert capsys.readouterr().out.count("✓") == 3


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        (raced(blocking=2), "within 5 % of theory"),
        (raced(many=1), "three times nearer"),
        (raced(works=[WORK + 0.07] * EVENTS), "within 60 ms"),
    ],
)
def test_each_claim_of_theory_can_fail(wrong: Race, claim: str) -> None:
    with pytest.raises(AssertionError, match=claim):
        wrong.theory_verdicts()


def test_what_is_said_of_the_slowest_the_work_and_the_trigger() -> None:
    side = raced(works=[0.3] * 5 + [0.45] * 5).blocking

    assert side.slowest().response_time == max(j.response_time or 0 for j in side.journeys())
    assert side.work_growth() == pytest.approx(1.5)
    assert side.lateness() == pytest.approx(5 * 0.3 + 4 * 0.45 - 0.45)
    assert taken_apart(side.slowest()) == "response 3,300 ms = 2,850 ms waiting + 450 ms work"


def test_tables_of_response_times() -> None:
    one, eight = (response_times(DUE, [WORK] * EVENTS, servers) for servers in (1, 8))
    rows = repr(waiting_table({"one": one, "eight": eight}, WORK)).splitlines()
    assert " ".join(rows[0].split()) == (
        "click one: response (ms) of which waiting eight: response (ms) of which waiting"
    )
    assert rows[10].split() == ["10", "2,550", "2,250", "300", "0"]

    trial = repr(trials_table(threads=[0.3, 0.5, 1.1], awaiting=[0.3])).splitlines()
    assert trial[1].split() == ["threads", "300", "500", "1,100"]


@pytest.mark.parametrize(
    ("late", "attempts", "runs"),
    [([1.0, 0.0], 3, 2), ([1.0, 1.0, 1.0], 3, 3), ([1.0], 1, 1), ([0.004], 3, 1)],
)
def test_a_race_whose_trigger_was_held_up_is_run_again(
    late: list[float], attempts: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = Race(events=3, rate=1_000, work=0.05, workers=3)
    raced: list[list[Side]] = []
    run_once = race._run

    def run() -> None:
        raced.append(race.sides)
        run_once()

    monkeypatch.setattr(race, "_run", run)
    monkeypatch.setattr(Side, "lateness", lambda side: late[len(raced) - 1])

    assert race.run(attempts) is race
    assert len(raced) == runs
    assert [len(race.measured(side)) for side in raced[-1]] == [3, 3]
    assert race.sides is raced[-1]


@pytest.mark.parametrize("attempts", [0, 1.5])
def test_a_race_runs_a_whole_number_of_times(attempts: Any) -> None:
    with pytest.raises(
        ValueError, match=r"attempts is how often .*, a whole number of 1 or more; got"
    ):
        Race(events=1).run(attempts)


def test_a_stopped_race_is_shown_as_it_stood() -> None:
    race = Race(events=40, rate=400, work=0.05, workers=2)
    runner = threading.Thread(target=race.run)
    runner.start()
    wait_until(lambda: len(race.measured(race.non_blocking)) >= 2)
    race.stop()
    runner.join(LONG)

    for side, view in zip(race.sides, race.views(), strict=True):
        shown = list(view.journeys)
        handled = [one for one in shown if one.finished is not None]
        assert {one.event.id for one in shown if one.finished is None} == side.cut_off
        assert all((one.service_time or 0) >= 0.04 for one in handled)
        assert len([one for one in shown if one.started and not one.finished]) <= side.servers
        last = max(one.event.time for one in shown)
        assert all(moment > last for moment in view.due)
