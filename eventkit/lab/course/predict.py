"""Prediction: say what will happen before you see it. A wrong prediction teaches most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import ipywidgets as widgets

from ..panels.panel import Panel, Status, one_at_a_time
from . import progress

WITHOUT_BUTTONS = 'Click one. Where nothing can be clicked, call .choose("a") on this prediction.'


class Option(NamedTuple):
    """An answer, the reason that is shown on choosing it, and the wrong belief behind it: one of
    `misconceptions.LEDGER`, or none for the right answer.
    """

    answer: str
    reason: str
    belief: str = ""


class Prediction(Panel):
    """A question with options, each with a reason that is shown on choosing it.

    `options` maps a letter to (answer, reason), or for a wrong one to (answer, reason, belief).
    `right` is the letter of the right one. Click an option, or without a browser call
    `choose("b")`. `again()` asks the question once more, at the end.
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

    def text(self) -> str:
        answers = (f"  {letter}) {option.answer}" for letter, option in self.answers.items())
        return "\n".join([self._title(), *answers, WITHOUT_BUTTONS])

    def choose(self, letter: str) -> None:
        """Choose an option and see the reason. Raises ValueError if there is no such option."""
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
        self._reason.say(self._record(letter), good=letter == self.right)

    def _record(self, letter: str) -> str:
        if letter not in self.answers:
            raise ValueError(f"the options are {', '.join(self.answers)}; got {letter!r}.")
        self.chosen.append(letter)
        self._mark(letter)
        is_right, is_again = letter == self.right, self.before is not None
        progress.note("prediction", self.question, letter, is_right, is_again)
        opening = "Yes" if is_right else "Not so"
        return f"{letter}) {opening}. {self.answers[letter].reason}{self._at_first(letter)}"

    def _mark(self, chosen: str) -> None:
        """Mark the button of this option. Focus alone would show it only for a moment."""
        for letter, button in self._buttons.items():
            is_chosen = letter == chosen
            button.button_style = "primary" if is_chosen else ""
            button.tooltip = "your choice" if is_chosen else None

    def _at_first(self, letter: str) -> str:
        """Return a sentence about the first choice, if it was another one."""
        first = self.before.chosen[0] if self.before and self.before.chosen else letter
        return "" if first == letter else f" At first you chose {first})."
