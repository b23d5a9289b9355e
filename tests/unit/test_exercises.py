"""Exercises: their checks accept the solution and nothing else, and say why."""

from __future__ import annotations

import importlib
import inspect
import linecache
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from eventkit.lab.course.exercise import Exercise, NotAttempted

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PLACES = [f"eventkit.lab.lesson{number:02}.exercise" for number in range(13)]
MODULES = {importlib.import_module(place).exercise.name: place for place in PLACES}
IN_PROCESSES = "build_one_that_holds"  # graded in processes of its own, which takes seconds


def load(name: str) -> Exercise:
    """An exercise as new: a wrong answer may remember what it was asked before."""
    module = importlib.import_module(MODULES[name])
    exercise = importlib.reload(module).exercise
    assert isinstance(exercise, Exercise)
    return exercise


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] if name == IN_PROCESSES else []


WRONG = [
    pytest.param(name, place, id=f"{name}: {wrong.belief}", marks=marks(name))
    for name in MODULES
    for place, wrong in enumerate(load(name).wrong)
]


@pytest.fixture(params=[pytest.param(name, marks=marks(name)) for name in MODULES])
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return load(request.param)


def run_stub(exercise: Exercise) -> Any:
    """What a learner's notebook holds after running the stub as it stands."""
    return run_cell(exercise.stub())


def run_cell(source: str) -> Any:
    """What a cell defines. As in a notebook, its source can be looked up afterwards."""
    name, scope = f"<cell {hash(source)}>", dict[str, Any]()
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), {"ek": importlib.import_module("eventkit")}, scope)
    (made,) = scope.values()
    return made


SAID: dict[tuple[str, int], str] = {}


def said(name: str, place: int, capsys: pytest.CaptureFixture[str]) -> str:
    """What a check prints for one of its wrong answers; asked once, since some take a while."""
    if (name, place) not in SAID:
        exercise = load(name)
        SAID[name, place] = says(exercise, exercise.wrong[place].attempt, capsys)
    return SAID[name, place]


def says(exercise: Exercise, attempt: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """What the check prints."""
    exercise.check(attempt)
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "place"), WRONG)
def test_a_wrong_answer_is_refused_with_its_belief_and_the_case_against_it(
    name: str, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, printed = load(name).wrong[place], said(name, place, capsys)
    assert printed.startswith("Not yet: ")
    assert wrong.says in printed
    belief, _, case = printed.partition("\n")
    assert belief.endswith(".") and case.strip()


def test_there_are_at_least_four_wrong_answers(exercise: Exercise) -> None:
    assert len(exercise.wrong) >= 4


def test_each_wrong_answer_has_a_diagnosis_of_its_own(
    exercise: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    all_said = [said(exercise.name, place, capsys) for place in range(len(exercise.wrong))]
    assert len(set(all_said)) == len(all_said)


def test_a_closed_loop_that_sends_early_is_told_what_its_case_shows() -> None:
    exercise = load("repair_the_benchmark")
    (wrong,) = [one for one in exercise.wrong if one.belief.startswith("users come as fast")]
    told = exercise.diagnose(wrong.attempt)
    assert told and "answered before the stall that the users would have met" in told
    assert "20 requests, 100 ms apart, 500 ms of stall" in told and "got 10 ms" in told
    assert 20 * 0.010 < 1.0  # they take 10 ms each, and that stall begins after a second


def test_the_stub_runs_and_is_not_an_attempt(
    exercise: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = run_stub(exercise)
    with pytest.raises(NotAttempted):
        exercise.diagnose(stub)
    assert says(exercise, stub, capsys).startswith("Not attempted yet")


def test_the_stub_hides_the_solution(exercise: Exercise) -> None:
    assert "# your code here" in exercise.stub()
    assert "# your code here" not in exercise.solution_source()
    hidden = set(exercise.solution_source().splitlines()) - set(exercise.stub().splitlines())
    assert hidden
    assert not any(line in exercise.stub() for line in hidden if line)


def test_the_solution_as_shown_is_right(
    exercise: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run_cell(exercise.solution_source())
    assert says(exercise, shown, capsys) == f"Right. {exercise.praise}\n"


def test_help_has_three_hints_and_the_solution(exercise: Exercise) -> None:
    shown = exercise.help()._repr_html_()
    assert shown.count("<details>") == 4
    assert len(set(exercise.hints)) == 3
    assert all(exercise.hints)


ACCEPTS_EVERYTHING = lambda attempt: None  # noqa: E731
ACCEPTS_NOTHING = lambda attempt: "no"  # noqa: E731


def mutate(
    name: str, diagnose: Callable[[Any], str | None], monkeypatch: pytest.MonkeyPatch
) -> Exercise:
    """Puts this check in the place of the exercise's own, for all tests of this file."""
    mutant = replace(load(name), diagnose=diagnose)
    monkeypatch.setitem(globals(), "load", lambda name: mutant)
    monkeypatch.setitem(globals(), "SAID", {})
    return mutant


@pytest.mark.parametrize(("name", "place"), WRONG)
def test_a_check_that_accepts_everything_fails_for_each_wrong_answer(
    name: str, place: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate(name, ACCEPTS_EVERYTHING, monkeypatch)
    with pytest.raises(AssertionError):
        test_a_wrong_answer_is_refused_with_its_belief_and_the_case_against_it(name, place, capsys)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("diagnose", "noticed_by"),
    [
        (ACCEPTS_EVERYTHING, "test_each_wrong_answer_has_a_diagnosis_of_its_own"),
        (ACCEPTS_EVERYTHING, "test_the_stub_runs_and_is_not_an_attempt"),
        (ACCEPTS_NOTHING, "test_the_solution_as_shown_is_right"),
        (ACCEPTS_NOTHING, "test_each_wrong_answer_has_a_diagnosis_of_its_own"),
        (ACCEPTS_NOTHING, "test_the_stub_runs_and_is_not_an_attempt"),
    ],
)
def test_a_check_that_accepts_everything_or_nothing_is_noticed(
    name: str,
    diagnose: Callable[[Any], str | None],
    noticed_by: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutant = mutate(name, diagnose, monkeypatch)
    test = globals()[noticed_by]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(mutant, *[capsys] * ("capsys" in inspect.signature(test).parameters))


def test_an_attempt_that_raises_is_wrong_and_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    printed = says(load("notify_once"), lambda: True, capsys)
    assert printed.startswith("Not yet: your code raised TypeError")


def lessons() -> dict[str, list[tuple[str, list[str]]]]:
    """For each exercise, the notebooks that import it, with their cells tagged `exercise`."""
    found: dict[str, list[tuple[str, list[str]]]] = {name: [] for name in MODULES}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
        code = [cell for cell in cells if cell.cell_type == "code"]
        stubs = [c.source for c in code if "exercise" in c.metadata.get("tags", [])]
        source = "\n".join(cell.source for cell in code)
        found |= {
            name: [*found[name], (path.name, stubs)]
            for name, module in MODULES.items()
            if f"from {module} import" in source
        }
    return found


@pytest.mark.parametrize("name", MODULES)
def test_one_lesson_has_the_exercise_and_begins_with_its_stub(name: str) -> None:
    assert [stubs for _, stubs in lessons()[name]] == [[load(name).stub()]]


def test_each_lesson_has_an_exercise() -> None:
    with_exercise = {path for found in lessons().values() for path, _ in found}
    assert with_exercise == {path.name for path in NOTEBOOKS.glob("*.ipynb")}
