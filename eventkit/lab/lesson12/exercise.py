"""Lesson 12: a small real system, graded under load and with faults in every place."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from ..course.exercise import BEGIN, END, Exercise, NotAttempted, Wrong
from . import grader
from .grader.reference import build


def text_of(attempt: Any) -> str:
    """Return a submission as source text: a function gets the import that it needs."""
    if isinstance(attempt, str):
        return attempt
    lines = textwrap.dedent(inspect.getsource(attempt)).splitlines()
    body = [line for line in lines if line.strip() not in (BEGIN, END)]
    return "\n".join(["import eventkit as ek", "", "", *body, ""])


def diagnose(attempt: Any) -> str | None:
    source = text_of(attempt)
    if not grader.is_attempted(source):
        raise NotAttempted
    unmet = grader.first_finding(source)
    if unmet is None:
        return None
    name, promise = unmet.criterion[:2]
    expected, seen, look_at = unmet.finding or ("", "", "")
    return f"{name}: {promise}.\n  expected: {expected}\n  seen:     {seen}\n  look at:  {look_at}"


def _with(*changes: tuple[str, str]) -> str:
    """Return the solution's text with each old part replaced by the new one."""
    text = text_of(build)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


_NO_BOUND = ("if len(known) - len(done) >= 20 + 4:", "if False:")
_ON_DISK = ("log.append(event)\n            known.add(visitor)", "known.add(visitor)")
_CHECK = "        with changing:\n            if visitor in known:"

exercise = Exercise(
    name="build_one_that_holds",
    solution=build,
    diagnose=diagnose,
    hints=(
        "Begin with the path of one visitor: who is told first, what must be on disk by then, and "
        "which thread goes on? Then ask of each line: and if the process is killed here?",
        "Three handlers are enough. An inline one on `door.*` decides under a lock, writes into "
        "the log and fires on; one on `Threads(4)` calls `work` and emits; an inline one counts, "
        "again under the lock. What is in the log and has no ticket, `start()` fires on again.",
        "`ek.Retry(2)` makes three tries, and the failure comes as an event on "
        "`error.visitor.admitted`, whose `data.event` is the one that failed. An inline handler "
        "that raises `ek.QueueFull(event, ...)` refuses that event: whoever fired it is told.",
    ),
    praise="It holds: under load, with a fault in every place, and after kill -9.",
    wrong=[
        Wrong("to be at the target is to be beyond it",
              _with((' and not log.last_sequence_of("notice.full")', "")), "`==` is true once"),
        Wrong("a door is a door", _with(('publish="door.north"', 'publish="door.*"')),
              "north publishes on door.south"),
        Wrong("a screen may see everything",
              _with(('subscribe=["count.>", "notice.>"]', 'subscribe=[">"]')),
              "screen subscribes to door.>"),
        Wrong("a message is handled exactly once",
              _with(("            if visitor in known:\n                return\n", "")),
              "gets no second ticket"),
        Wrong("to handle it at once is to be quick", _with(("ek.Threads(4)", "ek.Inline()")),
              "which thread calls work"),
        Wrong("one worker is safer", _with(("ek.Threads(4)", "ek.Threads(1)")),
              "how many workers there are"),
        Wrong("more workers are faster", _with(("ek.Threads(4)", "ek.Threads(16)")),
              "and never more"),
        Wrong("a retry is a try", _with(("ek.Retry(2,", "ek.Retry(3,")),
              "tries after the first"),
        Wrong("a failure makes itself heard",
              _with(('    @bus.listener("error.visitor.admitted")\n', "")),
              "A listener there must act"),
        Wrong("a queue needs no bound", _with(_NO_BOUND), "Without one it takes every visitor"),
        Wrong("to drop is to refuse",
              _with(('raise ek.QueueFull(event, "the entrance is full and refused")', "return")),
              "To drop a visitor silently"),
        Wrong("back-pressure suits every system",
              _with(_NO_BOUND, ("ek.Threads(4)", "ek.Threads(4, capacity=20)")),
              'overflow="block" makes the door wait'),
        Wrong("into the log first, to be safe",
              _with(_ON_DISK, (_CHECK, "        with changing:\n            log.append(event)\n"
                               "            if visitor in known:")),
              "a refused visitor must not be in the log"),
        Wrong("what is on disk takes care of itself",
              _with(("for visitor in sorted(known - done):", "for visitor in []:")),
              "were never served"),
        Wrong("state is the truth",
              _with(('sum(1 for _ in log.read(topic="visitor.served"))', "0")),
              "A variable dies with its process"),
        Wrong("twice is better than never",
              _with(('{entry.data["visitor"] for entry in log.read(topic="visitor.*")}', "set()")),
              "got a second ticket after the restart"),
    ],
)  # fmt: skip
