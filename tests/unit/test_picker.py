"""The interleaving picker: the learner is the scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkit.lab import InterleavingPicker, outcomes_table, schedule_table
from eventkit.lab.lesson05 import puzzle
from eventkit.lab.lesson05.picker_page import as_html
from eventkit.lab.lesson05.programs import PROGRAMS
from eventkit.lab.lesson05.schedule_picker import Position
from eventkit.lab.theory.interleavings import explore

from .conftest import LONG

LOSES, LOCKED, PLACES, TWICE, _, REPAIRED, OPPOSITE, ONE_ORDER = PROGRAMS


class Driven:
    """A panel driven by its events."""

    def __init__(self) -> None:
        self.panel = InterleavingPicker()

    def go(self, tasks: str) -> None:
        for task in tasks:
            self.panel.bus.fire("picker.go", task)
        self.panel.bus.drain(LONG)

    def do(self, action: str) -> None:
        self.panel.bus.fire(f"picker.{action}")
        self.panel.bus.drain(LONG)

    def choose(self, program: str) -> None:
        self.panel.choose(program)
        self.panel.bus.drain(LONG)

    @property
    def at(self) -> Position:
        return self.panel.position


@pytest.fixture
def driven() -> Iterator[Driven]:
    driven = Driven()
    yield driven
    driven.panel.bus.assert_clean()
    driven.panel.bus.close()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_go_wrong_or_are_repaired_as_their_names_say(program: str) -> None:
    is_broken = bool(explore(PROGRAMS[program]).failures)
    assert is_broken == (program not in (LOCKED, REPAIRED, ONE_ORDER))


def test_picks_make_the_steps(driven: Driven) -> None:
    driven.go("ABBB")
    assert [step.task for step in driven.at.run.steps[: driven.at.steps]] == list("ABBB")
    assert driven.at.said == "Step 4: B ran door.count = before + 1. count = 1."
    driven.go("B")
    assert driven.at.said == "B has finished and cannot go on: let the other go."
    assert driven.at.steps == 4


def test_the_end_is_told_and_nobody_goes_on_after_it(driven: Driven) -> None:
    driven.go("ABBBAA")
    assert driven.at.said.endswith("The end: what must hold does not: count = 1.")
    assert driven.at.good is False
    driven.go("A")
    assert driven.at.said.startswith("No task can go on: what must hold does not")
    driven.do("reset")
    driven.go("AAABBB")
    assert driven.at.said.endswith("The end: all is well.")
    assert driven.at.good is True


def test_undo_takes_one_step_back_and_another_task_can_go(driven: Driven) -> None:
    driven.do("undo")
    assert driven.at.said == "There is nothing to undo."
    driven.go("AB")
    driven.do("undo")
    assert driven.at.said == "Step 1: A ran before = door.count. count = 0."
    driven.go("A")
    assert driven.at.run.schedule[:2] == ["A", "A"]
    driven.do("undo")
    driven.do("undo")
    assert driven.at.said == "Back at the start. Who goes first?"


def test_a_task_that_waits_says_for_what(driven: Driven) -> None:
    driven.choose(LOCKED)
    driven.go("ABB")
    assert driven.at.said == "B waits for lock and cannot go on: let the other go."
    driven.choose(OPPOSITE)
    driven.go("AABBBA")
    assert "The end: deadlock: A waits for right, held by B; B waits for left" in driven.at.said
    assert (driven.at.waits("A"), driven.at.waits("B")) == ("waits for right", "waits for left")


def test_all_orders_are_run_and_counted(driven: Driven) -> None:
    driven.do("all")
    assert driven.at.said == "20 orders are possible: 18 go wrong, 2 end well."
    assert driven.at.exploration is not None
    assert "18" in repr(outcomes_table(driven.at.exploration))


def test_a_bad_one_is_another_one_each_time_until_all_were_seen(driven: Driven) -> None:
    seen = []
    for _ in range(19):
        driven.do("bad")
        assert driven.at.run.problem
        seen.append("".join(driven.at.run.schedule))
    assert len(set(seen)) == 18
    assert seen[18] == seen[0]


@pytest.mark.parametrize("program", [LOCKED, REPAIRED, ONE_ORDER])
def test_a_repaired_program_has_no_bad_one_to_show(driven: Driven, program: str) -> None:
    driven.choose(program)
    driven.do("bad")
    assert driven.at.said.startswith("There is none: all ")
    assert driven.at.good is True


def test_the_text_form_has_the_steps_in_two_columns(driven: Driven) -> None:
    title = f"[Interleaving picker: who goes next? {LOSES}]"
    assert driven.panel.text() == f"{title}\nNothing has run yet. Who goes first?"
    driven.go("AB")
    assert driven.panel.text().splitlines() == [
        title,
        "step  A                    B                    shared, after it",
        "1     before = door.count                       count = 0",
        "2                          before = door.count  count = 0",
        "Step 2: B ran before = door.count. count = 0.",
    ]


def test_the_panel_marks_where_each_task_stands(driven: Driven) -> None:
    driven.go("A")
    driven.panel._paint()
    listings = [widget.value for widget in driven.panel._code]
    assert "<b>▶     say_hello()</b>" in listings[0]
    assert "<b>▶     before = door.count</b>" in listings[1]


def test_a_schedule_table_can_end_early() -> None:
    run = explore(PROGRAMS[LOSES]).runs[0]
    assert len(repr(schedule_table(run)).splitlines()) == 7
    assert len(repr(schedule_table(run, 2)).splitlines()) == 3


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_without_a_kernel_has_every_position_of_a_program(name: str) -> None:
    html = as_html()
    programs = json.loads(html.partition("const programs = ")[2].partition(";\n")[0])
    (found,) = (program for program in programs if program["name"] == name)

    exploration = explore(PROGRAMS[name])
    assert found["bad"] == ["".join(one.schedule) for one in exploration.failures]
    for one in exploration.runs:
        at = Position.start(name)
        for number, task in enumerate(one.schedule, 1):
            at = at.go(task)
            there = found["positions"]["".join(one.schedule[:number])]
            assert (there["said"], there["good"]) == (at.said, at.good)
            assert there["waits"] == {name: at.waits(name) for name in "AB"}
    assert html.count("</script>") == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_puzzle_can_be_won_with_as_few_switches_as_it_says(
    driven: Driven, program: str
) -> None:
    driven.choose(program)
    assert "To win: " in driven.panel._goal.value
    fewest = puzzle.fewest_switches(program)
    if fewest is None:
        driven.do("all")
        assert "That is a proof. Won so far: 1 of 8." in shown_goal(driven)
        assert driven.panel.won == {program: 0}
        return
    best = min(explore(PROGRAMS[program]).failures, key=lambda one: one.switches)
    driven.go("".join(best.schedule))
    assert "no order goes wrong with fewer" in shown_goal(driven)
    assert driven.panel.won == {program: fewest}


def shown_goal(driven: Driven) -> str:
    driven.panel._painter.paint_now()
    return str(driven.panel._goal.value)


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_a_wrong_end_of_ones_own_or_a_proof_wins(driven: Driven, program: str) -> None:
    driven.choose(program)
    failures = explore(PROGRAMS[program]).failures
    if failures:
        driven.do("all")
    driven.do("bad")
    driven.go("AB")
    driven.do("undo")
    driven.go("AB")  # one of them makes the step that was shown
    assert driven.panel.won == {}

    for one in explore(PROGRAMS[program]).runs:
        driven.panel.won.clear()
        driven.do("reset")
        driven.go("".join(one.schedule))
        assert driven.panel.won == ({program: one.switches} if one.problem else {})


def test_the_tree_shows_what_was_seen_and_where_one_is(driven: Driven) -> None:
    driven.go("AB")
    driven.do("undo")
    driven.panel._painter.paint_now()

    picture = driven.panel._tree.value
    assert "3 of 69 positions seen, 0 of 20 ends" in picture
    assert picture.count("stroke-width='2.5'") == 2  # two steps were made
    assert picture.count("stroke='#E69F00'") == 1


def test_wins_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVENTKIT_PROGRESS", str(tmp_path / "progress.jsonl"))
    first = Driven()
    first.go("ABBBAA")
    first.panel.bus.close()

    assert InterleavingPicker().won == {LOSES: 2}
