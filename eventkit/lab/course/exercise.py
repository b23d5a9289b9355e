"""Exercise: a stub, a check that knows what went wrong, three hints, and the solution.

The solution is written once, as code between two marker comments; the stub that learners get is
derived from it, so that the two cannot drift apart.
"""

from __future__ import annotations

import html
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import progress

BEGIN = "# solution begins"
END = "# solution ends"


class NotAttempted(Exception):
    """The stub is unchanged."""


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that the check must refuse, the belief behind it, and words that its diagnosis
    must contain.
    """

    belief: str
    attempt: Any
    says: str


@dataclass(frozen=True)
class Exercise:
    """A task with its check, hints and solution.

    `diagnose(attempt)` returns None for a right answer, and otherwise the misconception and the
    smallest case that refutes it. It raises NotAttempted for a stub.
    """

    name: str
    solution: Any
    diagnose: Callable[[Any], str | None]
    hints: tuple[str, str, str]
    praise: str
    wrong: Sequence[Wrong] = field(default=())

    def check(self, attempt: Any) -> None:
        """Print whether the attempt is right, not attempted yet, or wrong, and then why."""
        try:
            diagnosis = self.diagnose(attempt)
        except NotAttempted:
            print("Not attempted yet: replace the … in the cell above, run it, then run this.")
            return
        except Exception as error:
            diagnosis = f"your code raised {type(error).__name__}: {error}"
        done = "not yet" if diagnosis else "solved"
        progress.note("exercise", self.name.replace("_", " "), done, not diagnosis)
        print(f"Not yet: {diagnosis}" if diagnosis else f"Right. {self.praise}")

    def help(self, *, solution: bool = True) -> Help:
        """Return three hints, from a nudge to nearly everything, and the solution, all folded.

        Handouts for a class leave the solution out.
        """
        return Help(self, solution)

    def solution_source(self) -> str:
        """Return the solution's code, without the markers."""
        lines = self._source().splitlines()
        return "\n".join(line for line in lines if line.strip() not in (BEGIN, END))

    def stub(self) -> str:
        """Return the code that learners start from: the solution with … for each marked part."""
        lines, hidden = [], False
        for line in self._source().splitlines():
            if line.strip() == BEGIN:
                hidden = True
                lines.append(line.replace(BEGIN, "return ...  # your code here"))
            elif line.strip() == END:
                hidden = False
            elif not hidden:
                lines.append(line)
        return "\n".join(lines)

    def _source(self) -> str:
        if isinstance(self.solution, str):
            return self.solution
        return textwrap.dedent(inspect.getsource(self.solution)).rstrip()


class Help:
    """Hints and solution, folded until the learner opens them."""

    def __init__(self, exercise: Exercise, solution: bool = True):
        folded = [
            (f"Hint {n}", f"<p>{_with_code(hint)}</p>") for n, hint in enumerate(exercise.hints, 1)
        ]
        if solution:
            folded.append(("Solution", f"<pre>{html.escape(exercise.solution_source())}</pre>"))
        self._contents = "Three hints and the solution" if solution else "Three hints"
        self.html = ("".join(
            f"<details><summary>{title}</summary>{body}</details>" for title, body in folded
        ))  # fmt: skip

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"[{self._contents}: open this notebook in JupyterLab to unfold them]"


def _with_code(text: str) -> str:
    """Return text as HTML, with code between backticks marked as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def attempted(result: Any) -> Any:
    """Return a learner's result. Raises NotAttempted if it is still the stub's …"""
    if result is ...:
        raise NotAttempted
    return result
