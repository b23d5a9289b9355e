"""Lesson 10: a retry that never counts twice, and only while the lock is held."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import eventkit as ek

from ..course.exercise import Exercise, Wrong, attempted

Count = Callable[[ek.EventLog, ek.CloudEvent, int], Any]

ENOUGH = 30  # appends: more can only be an endless loop


def count(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    """Append to the log that a click was counted, and return the entry's sequence. The entry is on
    `counter.counted`, from the source "/counter", with the click's data; `token` is that of a lock
    which you hold, as far as you know.

    The same click may be given to you again, and is counted once all the same. If an append does
    not tell what came of it (OutcomeUnknown), append again, five times at most in all. What you
    cannot mend, the caller is to know: let it be raised.
    """
    # solution begins
    counted = ek.CloudEvent(
        id=f"{click.source} {click.id}", source="/counter", type="counter.counted", data=click.data
    )
    for _ in range(4):
        try:
            return log.append(counted, fence=token)
        except ek.OutcomeUnknown:
            pass  # by its source and id it is stored once, however often it is appended
    return log.append(counted, fence=token)
    # solution ends


class TooOften(Exception):
    """The attempt appends for ever."""


class Unsure:
    """A log whose answers to `append` go missing. `answers` has an entry for each append:
    "stored"; "lost" if the event is stored but the answer is lost; "nothing" if it is neither
    stored nor answered; or "full". Later appends are stored.
    """

    def __init__(self, log: ek.EventLog, answers: Sequence[str]) -> None:
        self._log = log
        self._answers = [*answers]
        self.appends = 0

    def append(self, event: Any, *, expect: int | None = None, fence: int | None = None) -> int:
        self.appends += 1
        if self.appends > ENOUGH:
            raise TooOften
        answer = self._answers.pop(0) if self._answers else "stored"
        if answer == "full":
            raise ek.QuotaExceeded("the log is full")
        sequence = 0
        if answer != "nothing":
            sequence = self._log.append(event, expect=expect, fence=fence)
        if answer != "stored":
            raise ek.OutcomeUnknown("no answer came")
        return sequence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Case(NamedTuple):
    """Clicks such as "a1", which is click 1 of the program /a; the answer to each append; and the
    expected result: a number of entries, or an error. If `stale`, the token belongs to a holder
    that was paused until another took the lock. If the log stored nothing, as it should, and only
    the error is missing, that means `if_refused`.
    """

    clicks: Sequence[str]
    answers: Sequence[str]
    entries: int
    meaning: str
    error: type[Exception] | None = None
    stale: bool = False
    if_refused: str = ""


CASES = [
    Case(
        ["a1", "a2"],
        [],
        2,
        "two clicks came, and every append was answered. Each must become one entry on "
        "'counter.counted', from '/counter', with the click's data",
    ),
    Case(
        ["a1"],
        ["nothing"],
        1,
        "no answer came and nothing had been stored, and the click was not counted. No answer is "
        "no yes: append again",
    ),
    Case(
        ["a1"],
        ["lost"],
        1,
        "the entry had been stored, and only the answer was lost. A time-out does not mean that it "
        "did not happen: append again with the same source and id, so that the log can see that it "
        "is the same event",
    ),
    Case(
        ["a1", "a1"],
        [],
        1,
        "the same click was given to you twice, as after the death of a worker, and was counted "
        "twice. The log does not recognise an id that is new each time: make it from the click's "
        "source and id",
    ),
    Case(
        ["a1", "b1"],
        [],
        2,
        "two programs each had a click with the id 1, and one was not counted. An id is unique "
        "within its source only",
    ),
    Case(
        ["a1"],
        [],
        0,
        "you were paused, the lock expired, and another program holds it; your entry was stored "
        "all the same. A lock does not protect its holder, who cannot know whether it is still "
        "held. The log can: hand it the token, with fence=",
        ek.LeaseLost,
        stale=True,
        if_refused="you were paused, the lock expired, and another program holds it. The log saw "
        "the old token and stored nothing, which is right, but its refusal did not reach the "
        "caller. LeaseLost is an answer: catch OutcomeUnknown alone, and let LeaseLost be raised",
    ),
    Case(
        ["a1"],
        ["full"],
        0,
        "the log was full and said so, and the caller was not told. OutcomeUnknown is a reason to "
        "try again; an answer that says no is not, and has to reach the caller",
        ek.QuotaExceeded,
    ),
    Case(
        ["a1"],
        ["lost"] * 4,
        1,
        "four answers were lost, and the fifth came. It must be tried five times",
    ),
    Case(
        ["a1"],
        ["nothing"] * 100,
        0,
        "no answer ever came. After the fifth try, tell the caller that the outcome is unknown: "
        "let OutcomeUnknown be raised",
        ek.OutcomeUnknown,
    ),
]


def diagnose(attempt: Count) -> str | None:
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, ek.open_log(Path(folder, "c.db")) as log:
            found = _wrong_with(attempt, case, log)
            is_refused = case.if_refused and log.last_sequence == 0
        if found:
            return f"{case.if_refused if is_refused else case.meaning}.\n  {found}"
    return None


def _wrong_with(attempt: Count, case: Case, log: ek.EventLog) -> str | None:
    token = _token(log, case.stale)
    unsure = Unsure(log, case.answers)
    error: Exception | None = None
    returned: Any = None
    try:
        for click in case.clicks:
            returned = attempted(attempt(unsure, _click(click), token))  # type: ignore[arg-type]
    except (ek.LogError, TooOften) as raised:
        error = raised
    return _compared(case, log, error, returned, unsure.appends)


def _compared(
    case: Case, log: ek.EventLog, error: Exception | None, returned: Any, appends: int
) -> str | None:
    entries = list(log.read())
    told = f"Given: {', '.join(case.clicks)}. Appended {appends} times, {len(entries)} stored"
    if isinstance(error, TooOften):
        return f"It was appended {ENOUGH} times, and there was no end in sight."
    if case.error is ek.OutcomeUnknown and appends > 5:
        return f"{told}: five times is the most."
    if case.error is not None and not isinstance(error, case.error):
        return f"{told}; {case.error.__name__} should have been raised, and {_named(error)} was."
    if case.error is None and error is not None:
        return f"{told}; {_named(error)} was raised."
    if len(entries) != case.entries or not all(map(_is_right, entries)):
        seen = [(one.topic, one.event.source, one.data) for one in entries]
        return f"{told}: {seen}. There should be {case.entries}."
    if case.error is None and returned != entries[-1].sequence:
        return f"{told} as {entries[-1].sequence}, but {returned!r} was returned."
    return None


def _is_right(entry: ek.Entry) -> bool:
    return (entry.topic, entry.event.source, entry.data) == (
        "counter.counted",
        "/counter",
        {"count": 1},
    )


def _token(log: ek.EventLog, stale: bool) -> int:
    """Return the token of the present holder of the lock; if `stale`, of the one before."""
    first = log.lock("counter", ttl=600)
    token = first.acquire()
    if stale:
        first.release()
        log.lock("counter", ttl=600).acquire()
    return token


def _click(name: str) -> ek.CloudEvent:
    return ek.CloudEvent(id=name[1:], source=f"/{name[0]}", type="button.click", data={"count": 1})


def _named(error: Exception | None) -> str:
    return "nothing" if error is None else type(error).__name__


# Wrong answers


def _entry(click: ek.CloudEvent, id: str | None = None) -> ek.CloudEvent:
    return ek.CloudEvent(
        id=f"{click.source} {click.id}" if id is None else id,
        source="/counter",
        type="counter.counted",
        data=click.data,
    )


def _append(log: ek.EventLog, event: ek.CloudEvent, token: int | None, tries: int = 5) -> int:
    """Append as the solution does."""
    for _ in range(tries - 1):
        try:
            return log.append(event, fence=token)
        except ek.OutcomeUnknown:
            pass
    return log.append(event, fence=token)


def _no_answer_is_no(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    return log.append(_entry(click), fence=token)


def _no_answer_is_yes(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    try:
        return log.append(_entry(click), fence=token)
    except ek.OutcomeUnknown:
        return log.last_sequence


def _counting() -> Callable[[], str]:
    numbers = iter(range(1_000_000))
    return lambda: str(next(numbers))


_next_id = _counting()


def _new_id_each_try(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    for _ in range(4):
        try:
            return log.append(_entry(click, _next_id()), fence=token)
        except ek.OutcomeUnknown:
            pass
    return log.append(_entry(click, _next_id()), fence=token)


def _new_id_each_call(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    return _append(log, _entry(click, _next_id()), token)


def _id_alone(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    return _append(log, _entry(click, click.id), token)


def _no_fence(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    return _append(log, _entry(click), None)


def _keeps_quiet(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    for _ in range(5):
        try:
            return log.append(_entry(click), fence=token)
        except ek.LeaseLost:
            raise
        except ek.LogError:
            pass
    return 0


def _gives_up_soon(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    try:
        return log.append(_entry(click), fence=token)
    except ek.OutcomeUnknown:
        return log.append(_entry(click), fence=token)


def _tries_too_often(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    return _append(log, _entry(click), token, tries=20)


def _never_gives_up(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    while True:
        try:
            return log.append(_entry(click), fence=token)
        except ek.OutcomeUnknown:
            pass


exercise = Exercise(
    name="never_twice",
    solution=count,
    diagnose=diagnose,
    hints=(
        "What makes the log see that an append is one that it has had before? And who could hand "
        "you something that is the same each time: the clock, chance, or the click?",
        "Make one ek.CloudEvent, before the first try, with an id that is made of `click.source` "
        "and `click.id`. Append that very one each time, with `fence=token`.",
        "In a loop: `try: return log.append(counted, fence=token)`, and on `ek.OutcomeUnknown` go "
        "round again. Four times so, and the fifth without the `try`, so that it can raise.",
    ),
    praise="However often it is tried, a click is counted once, and only while the lock is held.",
    wrong=[
        Wrong("a time-out is a no", _no_answer_is_no, "append again"),
        Wrong("a time-out is a yes", _no_answer_is_yes, "No answer is no yes"),
        Wrong("a retry is a new event", _new_id_each_try, "does not mean that it did not happen"),
        Wrong("I am called once for each click", _new_id_each_call, "does not recognise"),
        Wrong("an id is unique", _id_alone, "within its source only"),
        Wrong("a lock protects me while I hold it", _no_fence, "hand it the token"),
        Wrong("every error can be tried away", _keeps_quiet, "has to reach the caller"),
        Wrong("the second time it will work", _gives_up_soon, "tried five times"),
        Wrong("the log will be back some day", _never_gives_up, "outcome is unknown"),
        Wrong("once more cannot hurt", _tries_too_often, "five times is the most"),
    ],
)
