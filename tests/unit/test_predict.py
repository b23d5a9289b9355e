"""Predictions: a choice is noted, with buttons or without. Asked again, every option says why."""

from __future__ import annotations

import pytest

from eventkit.lab import Prediction

OPTIONS = {
    "a": ("At once", "Nobody is there to run it.", "a click runs my code now"),
    "b": ("Later", "The loop must be free."),
}


@pytest.fixture
def gate() -> Prediction:
    return Prediction("When does it run?", OPTIONS, right="b")


def test_without_a_front_end_question_and_options_are_text_and_how_to_choose(
    gate: Prediction,
) -> None:
    assert gate.text().splitlines() == [
        "When does it run?",
        "  a) At once",
        "  b) Later",
        'Click one. Where nothing can be clicked, call .choose("a") on this prediction.',
    ]


@pytest.mark.parametrize(
    ("letter", "says"),
    [("a", "a) Not so. Nobody is there to run it."), ("b", "b) Yes. The loop must be free.")],
)
def test_asked_again_a_choice_without_a_front_end_prints_the_reason(
    gate: Prediction, letter: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.again().choose(letter)
    assert capsys.readouterr().out == f"{says}\n"


@pytest.mark.parametrize("letter", ["a", "b"])
def test_the_first_choice_is_noted_and_not_judged(
    gate: Prediction, letter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.choose(letter)
    noted = f"Noted: {letter}). Carry on: the question comes back at the end."
    assert capsys.readouterr().out == f"{noted}\n"
    assert gate.chosen == [letter]


def test_a_button_says_what_choose_prints(gate: Prediction) -> None:
    _, first, _, status = gate.children
    first.click()
    assert status.text.startswith("Noted: a).")
    again = gate.again()
    _, first, _, status = again.children
    assert status.text == "At first you chose a). And now?"
    first.click()
    assert status.text == "a) Not so. Nobody is there to run it."
    assert (gate.chosen, again.chosen) == (["a"], ["a"])


def test_the_last_choice_stays_marked(gate: Prediction) -> None:
    _, first, second, _ = gate.children
    first.click()
    assert [(one.button_style, one.tooltip) for one in (first, second)] == [
        ("primary", "your choice"), ("", None),
    ]  # fmt: skip
    gate.choose("b")
    assert [(one.button_style, one.tooltip) for one in (first, second)] == [
        ("", None), ("primary", "your choice"),
    ]  # fmt: skip


def test_an_option_that_is_not_there_is_refused(gate: Prediction) -> None:
    with pytest.raises(ValueError, match="the options are a, b; got 'c'"):
        gate.choose("c")
    assert gate.chosen == []


def test_the_right_option_must_be_there() -> None:
    with pytest.raises(ValueError, match=r"right is one of \['a', 'b'\]; got 'c'"):
        Prediction("When?", OPTIONS, right="c")


def test_asked_again_it_has_the_same_options_and_says_so(gate: Prediction) -> None:
    again = gate.again()
    assert again.text() == f"Asked again: {gate.text()}"


def test_asked_again_it_recalls_what_was_chosen_first(
    gate: Prediction, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.choose("a")
    gate.again().choose("b")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "b) Yes. The loop must be free. At first you chose a)."
    )
