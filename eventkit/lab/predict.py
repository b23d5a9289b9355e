"""Prediction: say what will happen before you see it. A wrong prediction is what teaches."""

from __future__ import annotations

import ipywidgets as widgets

from .look import Panel, Status


class Prediction(Panel):
    """A question with its options; each carries the reason that is shown on choosing it.

    `options` maps a letter to (answer, reason); `right` is the letter of the right one. Click an
    option, or without a browser call `choose("b")`. `again()` asks once more, at the end.
    """

    def __init__(self, question: str, options: dict[str, tuple[str, str]], right: str):
        if right not in options:
            raise ValueError(f"right is one of {list(options)}; got {right!r}.")
        self.question = question
        self.answers = options
        self.right = right
        self.chosen: list[str] = []
        self._reason = Status()
        buttons = [self._button(letter) for letter in options]
        super().__init__(question, *buttons, self._reason)

    def text(self) -> str:
        answers = (f"  {letter}) {answer}" for letter, (answer, _) in self.answers.items())
        return "\n".join([self.question, *answers])

    def choose(self, letter: str) -> None:
        """Choose an option and see the reason. Raises ValueError if there is no such option."""
        print(self._record(letter))

    def again(self) -> Prediction:
        """The same question once more, now that you have seen what happens."""
        return Prediction(f"Asked again: {self.question}", self.answers, self.right)

    def _button(self, letter: str) -> widgets.Button:
        button = widgets.Button(
            description=f"{letter}) {self.answers[letter][0]}",
            layout=widgets.Layout(width="auto", max_width="100%"),
        )
        button.add_class("ek-option")
        button.on_click(lambda _: self._show(letter))
        return button

    def _show(self, letter: str) -> None:
        self._reason.say(self._record(letter), good=letter == self.right)

    def _record(self, letter: str) -> str:
        if letter not in self.answers:
            raise ValueError(f"the options are {', '.join(self.answers)}; got {letter!r}.")
        self.chosen.append(letter)
        opening = "Yes" if letter == self.right else "Not so"
        return f"{letter}) {opening}. {self.answers[letter][1]}"
