"""The ledger of misconceptions is whole, and its page is what the code says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from eventkit.lab.course.misconceptions import LEDGER
from tests.notebooks import links, misconceptions, rules

FILES = misconceptions.lesson_files()
each_lesson = pytest.mark.parametrize("number", FILES)


def gates(number: str) -> list[misconceptions.Gate]:
    return list(misconceptions.gates(rules.read(FILES[number])))


def test_the_page_is_up_to_date() -> None:
    written = misconceptions.PAGE.read_text(encoding="utf-8")
    assert written == misconceptions.page(), "run: python -m tests.notebooks.misconceptions"


def test_there_are_at_least_thirty_misconceptions() -> None:
    assert len({belief for held in LEDGER.values() for belief in held}) >= 30


def test_every_lesson_has_its_beliefs() -> None:
    assert set(LEDGER) == set(FILES)


@each_lesson
def test_an_experiment_stands_where_the_ledger_says(number: str) -> None:
    headings = {heading for _, heading in links.HEADING.findall(links.prose(Path(FILES[number])))}
    assert {refuted.heading for refuted in LEDGER[number].values()} <= headings


@each_lesson
def test_one_sentence_that_can_be_said_aloud_refutes_a_belief(number: str) -> None:
    for belief, refuted in LEDGER[number].items():
        assert re.fullmatch(r"[^.?!]+(?:\.\d[^.?!]*)*[.]", refuted.because), belief
        assert len(refuted.because.split()) <= 25, belief


def test_the_page_has_nothing_that_serves_only_the_tests() -> None:
    written = misconceptions.page()
    for number, path in FILES.items():
        notebook = rules.read(path)
        names = {gate.name for gate in gates(number)}
        names |= {exercise.name for exercise in misconceptions.exercises_of(notebook)}
        assert not {name for name in names if f"`{name}`" in written}


@each_lesson
def test_every_prediction_gives_reasons_and_is_asked_again(number: str) -> None:
    assert gates(number)
    for gate in gates(number):
        assert all(option.reason for option in gate.options.values()), gate.name
        assert gate.is_asked_again, gate.name


def test_the_letters_of_the_right_options_are_spread() -> None:
    letters = Counter(gate.right for number in FILES for gate in gates(number))
    assert set(letters) == set("abcd")
    assert max(letters.values()) <= letters.total() / 3


@each_lesson
def test_every_wrong_option_holds_a_belief_and_the_right_one_none(number: str) -> None:
    for gate in gates(number):
        for letter, option in gate.options.items():
            held = [""] if letter == gate.right else list(LEDGER[number])
            assert option.belief in held, f"{gate.name} {letter}"


@each_lesson
def test_every_wrong_answer_holds_a_belief(number: str) -> None:
    for exercise in misconceptions.exercises_of(rules.read(FILES[number])):
        for wrong in exercise.wrong:
            assert wrong.belief in LEDGER[number], exercise.name


@each_lesson
def test_every_belief_is_asked_or_refused_somewhere(number: str) -> None:
    notebook = rules.read(FILES[number])
    for belief in LEDGER[number]:
        asked = misconceptions.asked(notebook, belief)
        assert asked or misconceptions.refused(notebook, belief), belief
