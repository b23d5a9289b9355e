"""Lesson 08: a token bucket, checked by its promise and not by how it is written."""

# mypy: disable-error-code="no-untyped-def"
# What learners start from has no annotations: their notebook does not know these names.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..course.exercise import Exercise, Wrong, attempted

Allow = Callable[[float], Any]
Make = Callable[[float, int], Any]


def make_bucket(rate, burst):
    """A function `allow(now)` that says whether an event may pass at the moment `now`, in seconds.
    It is called in the order of time.

    In any stretch of t seconds at most `rate * t + burst` events may pass, and nobody is refused
    who could have passed within that.
    """
    # solution begins
    tokens, before = burst, 0.0

    def allow(now):
        nonlocal tokens, before
        tokens = min(burst, tokens + rate * (now - before))
        before = now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return allow
    # solution ends


class Case(NamedTuple):
    """Events at given times, for a quota; in words and in numbers."""

    words: str
    rate: float
    burst: int
    times: list[float]

    def answers(self, make: Make) -> list[bool]:
        """Return whether each event may pass. All times are binary fractions, so sums are exact."""
        allow = attempted(make(self.rate, self.burst))
        return [bool(attempted(allow(now))) for now in self.times]


CASES = [
    Case("4 events shortly before second 1, 4 at second 1", 4, 4, [0.75] * 4 + [1.0] * 4),
    Case("5 events at once, at the start", 1, 3, [0.0] * 5),
    Case("3 events, a pause of 100 seconds, 6 events at once", 1, 3, [0.0] * 3 + [100.0] * 6),
    Case("an event every quarter of a second", 1, 1, [n / 4 for n in range(17)]),
    Case("an event every half second, as many as the rate", 2, 1, [n / 2 for n in range(9)]),
    Case("7 events at once, then one every 2 seconds", 1, 3, [0.0] * 7 + [2.0, 4.0, 6.0]),
    Case("2 events at once, every second", 2, 4, [float(n // 2) for n in range(16)]),
]


def breach(case: Case, answers: list[bool]) -> str | None:
    """Describe the first promise that the answers break, or return None."""
    passed: list[float] = []
    for now, may_pass in zip(case.times, answers, strict=True):
        too_many = next((words for words in _breaches(case, [*passed, now])), None)
        if may_pass and too_many:
            return f"{case.words}: {too_many}"
        if not may_pass and not too_many:
            return (
                f"{case.words}: at {now:g} s an event was refused, although no stretch of time "
                f"would have had too many. Passed so far: {_listed(passed)}"
            )
        if may_pass:
            passed.append(now)
    return None


def _breaches(case: Case, passed: list[float]) -> list[str]:
    """Describe each stretch up to the last event that holds more events than allowed."""
    found = []
    for number, begin in enumerate(passed):
        seconds, many = passed[-1] - begin, len(passed) - number
        if many > case.rate * seconds + case.burst:
            found.append(
                f"{many} events passed within {seconds:g} s, where {case.rate:g}·{seconds:g} + "
                f"{case.burst} = {case.rate * seconds + case.burst:g} are allowed"
            )
    return found


def _listed(times: list[float]) -> str:
    return ", ".join(f"{time:g} s" for time in times) or "nothing"


def _no_limit(rate: float, burst: int) -> Allow:
    return lambda now: True


def _fixed_window(rate: float, burst: int) -> Allow:
    window, passed = -1, 0

    def allow(now: float) -> bool:
        nonlocal window, passed
        if int(now) != window:
            window, passed = int(now), 0
        passed += 1
        return passed <= rate

    return allow


def _bucket(
    start: float = 1, brim: bool = True, whole: bool = False, all_pay: bool = False
) -> Make:
    """Return a maker of token buckets with the given fault."""

    def make(rate: float, burst: int) -> Allow:
        tokens, before = float(start * burst), 0.0

        def allow(now: float) -> bool:
            nonlocal tokens, before
            new = rate * (now - before)
            tokens += int(new) if whole else new
            tokens = min(burst, tokens) if brim else tokens
            before = now
            may_pass = tokens >= 1
            if may_pass or all_pay:
                tokens -= 1
            return may_pass

        return allow

    return make


def _one_by_one(rate: float, burst: int) -> Allow:
    next_one = 0.0

    def allow(now: float) -> bool:
        nonlocal next_one
        if now < next_one:
            return False
        next_one = now + 1 / rate
        return True

    return allow


def _never_filled(rate: float, burst: int) -> Allow:
    left = burst

    def allow(now: float) -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return allow


def _filled_at_once(rate: float, burst: int) -> Allow:
    tokens, filled = burst, 0.0

    def allow(now: float) -> bool:
        nonlocal tokens, filled
        if now - filled >= burst / rate:
            tokens, filled = burst, now
        tokens -= 1
        return tokens >= 0

    return allow


def _last_second(rate: float, burst: int) -> Allow:
    passed: list[float] = []

    def allow(now: float) -> bool:
        if sum(now - time < 1 for time in passed) >= burst:
            return False
        passed.append(now)
        return True

    return allow


class Belief(NamedTuple):
    """A wrong belief, a bucket built on it, and the diagnosis."""

    name: str
    make: Make
    says: str


BELIEFS = [
    Belief(
        "there is nothing to limit", _no_limit,
        "every event passes: nothing is taken from the bucket, or the code never checks that it is "
        "empty",
    ),
    Belief(
        "10 per second means never 20 at once", _fixed_window,
        "the count restarts with each second. Events at the end of one second and at the beginning "
        "of the next all pass: twice the quota in no time. And burst is not used",
    ),
    Belief(
        "a bucket holds whatever drips into it", _bucket(brim=False),
        "the bucket has no brim. A long pause fills it with more and more tokens, and all of them "
        "can be spent at once: it must never hold more than burst",
    ),
    Belief(
        "a bucket starts empty", _bucket(start=0),
        "the bucket starts empty. None of the quota has been used yet, so it must start full: a "
        "burst may pass at once",
    ),
    Belief(
        "tokens are whole", _bucket(whole=True),
        "parts of a token are thrown away. When events come often, less than a whole token drips "
        "in each time; rounded down that is none, for ever. Keep the fraction",
    ),
    Belief(
        "who asks, pays", _bucket(all_pay=True),
        "the refused pay too: a token is taken although the event does not pass. While many knock, "
        "the bucket stays empty and none gets in",
    ),
    Belief(
        "a rate is a distance", _one_by_one,
        "events are kept 1/rate apart. That keeps the rate, but forbids what burst allows: several "
        "at once, after a pause",
    ),
    Belief(
        "a quota is used up", _never_filled,
        "nothing ever drips into the bucket: after the first burst no event passes again. Add "
        "rate tokens for each second that has gone by",
    ),
    Belief(
        "a bucket is filled in one go", _filled_at_once,
        "the bucket is filled to the brim in one go, and between two fillings nothing drips in. "
        "That is a fixed window of another length. Let it drip: rate times the seconds gone by",
    ),
    Belief(
        "it is enough to remember the last second", _last_second,
        "this lets burst events pass in any second. The limit rate·t + burst holds for a stretch "
        "of any length: rate says how many each further second adds, and it is not used here",
    ),
]  # fmt: skip

SHARED = (
    "two buckets share their tokens: what one lets pass is missing from the other. Keep tokens "
    "and time inside make_bucket, so that each call makes a bucket of its own"
)

SHARED_CASE = (
    "Two buckets for 1 event a second and 2 at once, all at 0 s: of 3 events at the first bucket, "
    "2 pass. Then the second is made, and what happens to one of them shows in the other."
)


def diagnose(make: Any) -> str | None:
    made = attempted(make(1, 1))
    if not callable(made):
        return (
            "make_bucket returns no function. It is called once for each quota, and what it "
            "returns is called for each event: define allow(now) inside, and return it.\n"
            f"  make_bucket(1, 1) returned {made!r}, which cannot be called."
        )
    if attempted(made(0.0)) is None:
        return (
            "allow returned None. Return True if the event may pass, and False if not.\n"
            "  make_bucket(1, 1)(0.0) returned None, expected True."
        )
    for case in CASES:
        broken = breach(case, case.answers(make))
        if broken:
            return f"{_misconception(make)}.\n  {broken}."
    return f"{SHARED}.\n  {SHARED_CASE}" if _shares(make) else None


def _misconception(make: Make) -> str:
    """Return the diagnosis of the belief that explains all answers, if there is one."""
    if _shares(make):
        return SHARED
    for belief in BELIEFS:
        if all(case.answers(make) == case.answers(belief.make) for case in CASES):
            return belief.says
    return "this is no token bucket yet"


def _shares(make: Make) -> bool:
    """Return True if one bucket's events change another bucket."""
    one = make(1, 2)
    used = [bool(one(0.0)) for _ in range(3)]
    other = make(1, 2)
    return used == [True, True, False] and (bool(one(0.0)) or not other(0.0))


def _one_for_all() -> Make:
    """Return a maker whose buckets share their tokens, outside of the function."""
    state: dict[str, float] = {}

    def make(rate: float, burst: int) -> Allow:
        state.update(tokens=burst, before=0.0)

        def allow(now: float) -> bool:
            state["tokens"] = min(burst, state["tokens"] + rate * (now - state["before"]))
            state["before"] = now
            if state["tokens"] < 1:
                return False
            state["tokens"] -= 1
            return True

        return allow

    return make


exercise = Exercise(
    name="token_bucket",
    solution=make_bucket,
    diagnose=diagnose,
    hints=(
        "What must be remembered from one event to the next? How many tokens there were, and when "
        "that was. Everything else follows from rate, burst and now.",
        "When an event comes, first let drip in what has dripped since the last one: rate times "
        "the seconds gone by, never above burst. Then take a token, if there is a whole one.",
        "`tokens = min(burst, tokens + rate * (now - before))`, then `before = now`, whether or "
        "not it may pass; `if tokens < 1: return False`. `nonlocal tokens, before` remembers both.",
    ),
    praise="Never more than rate·t + burst in any stretch, and no event is refused without need.",
    wrong=[
        *(Wrong(one.name, one.make, one.says.split(".")[0][:60]) for one in BELIEFS),
        Wrong("one bucket is all that anybody needs", _one_for_all(), "two buckets share"),
        Wrong("the answer is the bucket", lambda rate, burst: True, "returns no function"),
        Wrong("a change is an answer", lambda rate, burst: lambda now: None, "allow returned None"),
        Wrong("no event may pass", lambda rate, burst: lambda now: False, "no token bucket yet"),
    ],
)  # fmt: skip
