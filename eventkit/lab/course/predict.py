"""Prediction: say what will happen before you see it, and see why afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import ipywidgets as widgets

from ..panels.panel import Panel, Status
from ..panels.turns import one_at_a_time
from . import progress

WITHOUT_BUTTONS = 'Click one. Where nothing can be clicked, call .choose("a") on this prediction.'


class Option(NamedTuple):
    """An answer, the reason why it is right or wrong, and the wrong belief behind it: one of
    `misconceptions.LEDGER`, or none for the right answer.
    """

    answer: str
    reason: str
    belief: str = ""


class Prediction(Panel):
    """A question to answer before the lesson shows what happens, and once more afterwards.

    `options` maps a letter to (answer, reason), or for a wrong one to (answer, reason, belief).
    `right` is the letter of the right one. Click an option, or without a browser call
    `choose("b")`. It is noted, and nothing is said about it yet. `again()` asks once more at the
    end: then a choice is answered with its reason.
    """

    def __init__(
        self,
        question: str,
        options: Mapping[str, tuple[str, ...]],
        right: str,
        before: Prediction | None = None,
    ):
        if right not in options:
            raise ValueError(f"right is one of {list(options)}; got {right!r}.")
        self.question = question
        self.answers = {letter: Option(*given) for letter, given in options.items()}
        self.right = right
        self.before = before
        self.chosen: list[str] = []
        self._reason = Status()
        self._buttons = {letter: self._button(letter) for letter in options}
        super().__init__(self._title(), *self._buttons.values(), self._reason)
        if first := self._first():
            self._reason.say(f"At first you chose {first}). And now?")

    def text(self) -> str:
        answers = (f"  {letter}) {option.answer}" for letter, option in self.answers.items())
        return "\n".join([self._title(), *answers, WITHOUT_BUTTONS])

    def choose(self, letter: str) -> None:
        """Choose an option. Raises ValueError if there is no such option."""
        print(self._record(letter))

    def again(self) -> Prediction:
        """Return the same question, to ask again after you have seen what happens."""
        return Prediction(self.question, self.answers, self.right, before=self)

    def _title(self) -> str:
        return self.question if self.before is None else f"Asked again: {self.question}"

    def _button(self, letter: str) -> widgets.Button:
        button = widgets.Button(
            description=f"{letter}) {self.answers[letter].answer}",
            layout=widgets.Layout(width="auto", max_width="100%"),
        )
        button.add_class("ek-option")
        button.on_click(one_at_a_time(lambda _: self._show(letter)))
        return button

    def _show(self, letter: str) -> None:
        said = self._record(letter)
        self._reason.say(said, good=letter == self.right if self.before else None)

    def _record(self, letter: str) -> str:
        if letter not in self.answers:
            raise ValueError(f"the options are {', '.join(self.answers)}; got {letter!r}.")
        self.chosen.append(letter)
        self._mark(letter)
        is_right, is_again = letter == self.right, self.before is not None
        progress.note("prediction", self.question, letter, is_right, is_again)
        if not is_again:
            return f"Noted: {letter}). Carry on: the question comes back at the end."
        opening = "Yes" if is_right else "Not so"
        first = self._first()
        at_first = f" At first you chose {first})." if first and first != letter else ""
        return f"{letter}) {opening}. {self.answers[letter].reason}{at_first}"

    def _mark(self, chosen: str) -> None:
        """Mark the button of this option. Focus alone would show it only for a moment."""
        for letter, button in self._buttons.items():
            is_chosen = letter == chosen
            button.button_style = "primary" if is_chosen else ""
            button.tooltip = "your choice" if is_chosen else None

    def _first(self) -> str:
        """Return the first choice of all, or "" if there was none."""
        return self.before.chosen[0] if self.before and self.before.chosen else ""
