"""Criteria: what a system must do, and where to look if it does not.

A judge takes the facts that a scenario reported. It returns None, or what is wrong with them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ....timeline import percentile
from ...theory.queueing import response_times
from .finding import Facts, Finding
from .mutants import FAULTS, INTEGRATION, STRESS, Mutant
from .own_tests import judge_own_test
from .scenarios import CROWD, FAILS, NEW, REQUESTS, USE, VISITORS
from .trial import FREE, ROOM, WHOLE

SLACK = 3.0
BESIDE = 2.0
RANK = 95
FEWEST = math.ceil(REQUESTS * RANK / 100)
_SERVED = [number for number in range(1, VISITORS + 1) if number != FAILS]


class Criterion(NamedTuple):
    """One promise, the scenarios that show whether a system keeps it, and the judge of their facts.

    `scenarios` run one after another in the same folder, each in its own process. With `mutants`
    there is one scenario, the learner's own test, which also runs on each mutant.
    """

    name: str
    promise: str
    scenarios: tuple[str, ...]
    judge: Callable[[Facts], Finding | None]
    mutants: tuple[Mutant, ...] = ()


def judge_counting(facts: Facts) -> Finding | None:
    return (
        _all_in(facts["came"])
        or _counted(facts["counts"], range(1, 16))
        or _notices(facts["notices"])
    )


def judge_again(facts: Facts) -> Finding | None:
    served: Counter[int] = Counter(facts["served"])
    twice = [number for number, times in served.items() if times > 1]
    if twice:
        return Finding(
            "a visitor who is reported again gets no second ticket",
            f"work was called more than once for visitors {twice}",
            "the handler of a door's report: it must know which visitors were accepted, also while "
            "they are still being served. Check and accept in one step, under a lock",
        )
    return _counted(facts["counts"], range(1, 5))


def judge_access(facts: Facts) -> Finding | None:
    tried: dict[str, str] = facts["tried"]
    allowed = ["north publishes on door.north", "south publishes on door.south"]
    allowed += ["screen subscribes to count.>", "screen subscribes to notice.>"]
    for what, came_of_it in tried.items():
        if what in allowed and came_of_it != "in":
            return Finding(
                f"{what}: allowed",
                f"it raised {came_of_it}",
                "the policy that the bus is made with, and its allow() for this principal",
            )
        if what not in allowed and came_of_it != "PermissionDenied":
            seen = "it was let through" if came_of_it == "in" else f"it raised {came_of_it}"
            return Finding(
                f"{what}: PermissionDenied",
                seen,
                "the patterns that you allow: each allows one topic too many, or a wildcard all. "
                "What no rule allows is denied",
            )
    return _counted(facts["counts"], [1, 2])


def judge_slow(facts: Facts) -> Finding | None:
    if facts["came"] < VISITORS:
        return Finding(
            "fire returns while a printer is stuck",
            f"a door was blocked: only {facts['came']} of {VISITORS} visitors could be reported",
            "which thread calls work: it must not be the one that fires. Is there an executor, and "
            "is every lock released while work runs?",
        )
    if facts["meanwhile"] < VISITORS - 1:
        return Finding(
            "while one visitor is stuck, the others are served",
            f"{facts['meanwhile']} of the {VISITORS - 1} others were counted",
            "how many workers there are, and whether they wait for each other: visitors need not "
            "be counted in the order in which they came, and must not all share one key",
        )
    return _counted(facts["counts"], range(1, VISITORS + 1))


def judge_printers(facts: Facts) -> Finding | None:
    if facts["most"] == FREE:
        return None
    workers = "the number of workers of the executor that calls work"
    return Finding(
        f"{FREE} printers at work when there is enough to do, and never more",
        f"work was running in {facts['most']} threads at once",
        workers if facts["most"] else "who calls work(visitor): each visitor gets a ticket",
    )


def judge_failing(facts: Facts) -> Finding | None:
    tries = facts["tries"]
    others = [number for number in range(1, 9) if number != 3]
    for number, meaning in (("5", "works at the third try"), ("3", "never works")):
        if tries[number] != 3:
            return Finding(
                f"3 tries for visitor {number}, whose ticket {meaning}",
                f"{tries[number]} tries",
                "retry=: its `times` are the tries after the first. And each except: does it hide "
                "the error?",
            )
    if facts["failed"] != [3]:
        return Finding(
            "visitor.failed once, with visitor 3",
            f"visitor.failed with {facts['failed']}",
            "what happens after the last try: a failure is an event on error.<topic>, whose data "
            "holds the event that failed. A listener there must act on it",
        )
    return _counted(facts["counts"], others)


def judge_flood(facts: Facts) -> Finding | None:
    came, accepted = facts["came"], facts["came"].count("in")
    if len(came) < 3 * WHOLE:
        return Finding(
            "a visitor who finds the entrance full is refused at once",
            f"a door was blocked after {len(came)} visitors",
            'overflow="block" makes the door wait, and so does a lock that a thread holds '
            "while it waits for the printer",
        )
    others = set(came) - {"in", "QueueFull"}
    if others:
        return Finding("fire raises only QueueFull", f"{sorted(others)}", "what fire raises")
    inside = [number for number, how in enumerate(came, start=1) if how == "in"]
    if (found := _counted(facts["counts"], inside, never=_DROPPED)) is not None:
        return found
    if not ROOM <= accepted <= WHOLE:
        return Finding(
            f"of {3 * WHOLE} visitors, {ROOM} to {WHOLE} are accepted while none is served",
            f"{accepted} were accepted",
            "the bound of the queue. Without one it takes every visitor, and the last one waits "
            "for all the others",
        )
    last = facts["later"][-1][0] if facts["later"] else None
    if last != accepted + 1:
        return Finding(
            f"after a restart and one more visitor, the count is {accepted + 1}",
            f"it is {last}",
            "the order of two steps: a refused visitor must not be in the log, or the next process "
            "believes that they were accepted",
        )
    return None


def judge_killed(facts: Facts) -> Finding | None:
    before: list[list[Any]] = facts.get("count", [])  # there may be no count yet
    if (found := _all_in(facts["came"])) is not None:
        return found
    served: Counter[int] = Counter(facts["served"])
    left = [number for number in range(1, VISITORS + 1) if not served[number]]
    counts = facts["counts"]
    if left:
        return Finding(
            "every visitor who was accepted before kill -9 is served after the restart",
            f"visitors {left} were never served",
            "start(): it must serve the visitors who are in the log and have no ticket. And when "
            "the log is written: it must be before fire returns",
        )
    repeated = [visitor for _, visitor in before if served[visitor] > 1]
    if repeated:
        return Finding(
            "no visitor who was counted before kill -9 is served again",
            f"visitors {repeated} got a second ticket after the restart",
            "how start() knows who has been served: that must be in the log, too",
        )
    both = [count for count, _ in before + counts]
    if len(both) != len(set(both)) or max(both, default=0) != VISITORS:
        return Finding(
            f"the count continues after the restart and ends at {VISITORS}, no number twice",
            f"before: {[n for n, _ in before]}, afterwards: {[n for n, _ in counts]}",
            "where the count is kept. A variable dies with its process: count what the log says",
        )
    return _notices(facts["notices"], len(facts.get("notice", [])))


def judge_closing(facts: Facts) -> Finding | None:
    return (
        _all_in(facts["came"])
        or _unfinished(facts)
        or _counted(facts["finished"], _SERVED)
        or _notices(facts["notices"])
        or _repeated(facts)
    )


def _unfinished(facts: Facts) -> Finding | None:
    """Find visitors who are neither counted nor given up when close() returns."""
    over = {visitor for _, visitor in facts["finished"]} | set(facts["failed"])
    left = [number for number in range(1, VISITORS + 1) if number not in over]
    if not left:
        return None
    return Finding(
        "when close() returns, every visitor who was accepted is counted or has failed",
        f"visitors {left} were neither",
        "close(): it must wait for the visitors who are being served and those in the queue, "
        "including retries after a failure. bus.close(timeout=...) does",
    )


def _repeated(facts: Facts) -> Finding | None:
    """Find what the next process did again although the one before had done it."""
    served = [number for number in facts["served"] if number in _SERVED]
    if served:
        return Finding(
            "a visitor who has a ticket gets no second ticket after the restart",
            f"work was called again for visitors {served}",
            "how build() knows who was accepted and who was served: from the log, before the first "
            "visitor comes",
        )
    if FAILS in facts["served"] or facts["failed_again"]:
        return Finding(
            f"visitor {FAILS} was given up before the restart, and is not tried again",
            f"work was called {facts['served'].count(FAILS)} more times, and visitor.failed was "
            f"fired {len(facts['failed_again'])} more times",
            "what start() resumes: a visitor who has failed three times has no ticket and does not "
            "wait for one. Keep the failure in the log as well",
        )
    if facts["notices_again"]:
        return Finding(
            "no notice.full in the next process: it was fired before the restart",
            f"{facts['notices_again']} more",
            "how start() knows that the target was announced: that must be in the log, too",
        )
    if facts["counts"] == [[len(_SERVED) + 1, NEW]]:
        return None
    return Finding(
        f"after the restart one new visitor is counted, as number {len(_SERVED) + 1}",
        f"count.changed with {facts['counts']} ([count, visitor])",
        "where the count is kept. A variable dies with its process: count what the log says",
    )


def judge_crowd(facts: Facts) -> Finding | None:
    return _counted(facts["counts"], range(1, CROWD + 1))


def judge_response(facts: Facts) -> Finding | None:
    """Compare with theory and with the reference, whose facts are in `facts["reference"]`."""
    answered = [at for at in facts["counted"] if at is not None]
    if len(answered) < FEWEST:
        return Finding(
            f"{REQUESTS} visitors under open-loop load, and at least {FEWEST} counted",
            f"{len(answered)} were",
            "whether the system keeps up and accepts every visitor: utilisation with 4 printers "
            f"is {USE:g}",
        )
    seen, goal = answer_time(facts), goal_time(facts)
    if seen <= goal:
        return None
    return Finding(
        f"{RANK} % are counted within {goal * 1e3:.0f} ms of when they were due: the larger of "
        f"{SLACK:g} times theory and {BESIDE:g} times the reference, measured on this machine",
        f"{seen * 1e3:.0f} ms",
        "how many are served at once, and what waits without need: a sleep, a polling loop, a "
        "lock around the work",
    )


def answer_time(facts: Facts) -> float:
    """Return the graded percentile of response times, counted from when visitors were due.

    The grader's own delay is subtracted: it is the machine's fault, not the system's.
    """
    rows = zip(facts["counted"], facts["due"], facts["own_delay"], strict=True)
    times = [math.inf if at is None else at - due - delay for at, due, delay in rows]
    return percentile(times, RANK)


def ideal_time(facts: Facts) -> float:
    """Return the percentile that theory predicts for four printers with these service times."""
    rows = zip(facts["due"], facts["own_delay"], strict=True)
    arrivals = sorted(due + delay for due, delay in rows)
    services = [service or 0.0 for service in facts["services"]]
    return percentile(response_times(arrivals, services, FREE), RANK)


def is_near_goal(facts: Facts) -> bool:
    """Return True if a missed goal may be the machine's fault and should be measured again."""
    busy = answer_time(facts["reference"]) > SLACK * ideal_time(facts)
    return busy or answer_time(facts) < 2 * goal_time(facts)


def goal_time(facts: Facts) -> float:
    """Return the longest allowed time, in seconds."""
    return max(SLACK * ideal_time(facts), BESIDE * answer_time(facts["reference"]))


def _all_in(came: list[str]) -> Finding | None:
    others = [how for how in came if how != "in"]
    if not others:
        return None
    return Finding(
        "a door that is allowed to report a visitor can do so",
        f"{others[0]}, {len(others)} time(s)",
        "what fire raises for door.north as north, and the policy",
    )


_ON_THE_WAY = (
    "the way of these visitors from the door to the count: which topics your handlers listen to, "
    "and which step was not taken for them"
)
_DROPPED = (
    "what your queue does when it is full. To drop a visitor silently, after fire has accepted "
    "them, is not to refuse"
)
_TWICE = "what fires count.changed for a visitor: for each of them it must happen once"
_STRANGE = (
    "who is counted: only visitors who have a ticket, and the data is "
    '{"count": ..., "visitor": ...}'
)
_STEP = (
    "the code that changes the count: read, add and fire must be one step, in one thread at a "
    'time, and the data is {"count": ..., "visitor": ...}'
)


def _counted(
    counts: list[list[Any]], visitors: Iterable[int], never: str = _ON_THE_WAY
) -> Finding | None:
    """Check that each of these visitors was counted once, with the numbers 1, 2, 3 …

    `never` is the advice if some were never counted.
    """
    expected, seen = sorted(visitors), [visitor for _, visitor in counts]
    missing = sorted(set(expected) - set(seen))
    twice = sorted(number for number, times in Counter(map(str, seen)).items() if times > 1)
    strange = [visitor for visitor in seen if visitor not in expected]
    numbers = [count for count, _ in counts]
    if not (missing or twice or strange) and numbers == list(range(1, len(expected) + 1)):
        return None
    faults = [("must not be", strange, _STRANGE), ("counted twice", twice, _TWICE),
              ("never counted", missing, never)]  # fmt: skip
    said = [(f"visitors {who} {what}", advice) for what, who, advice in faults if who]
    return Finding(
        f"count.changed with 1 to {len(expected)}, each visitor once",
        "; ".join(what for what, _ in said) or _first_wrong(numbers),
        said[0][1] if said else _STEP,
    )


def _first_wrong(numbers: list[Any]) -> str:
    """Return the first number that is not 1, 2, 3 … in its place, with those before it."""
    wrong = next(place for place, number in enumerate(numbers) if number != place + 1)
    shown = ", ".join(map(str, numbers[max(0, wrong - 3) : wrong + 1]))
    return f"the numbers {'… ' if wrong > 3 else ''}{shown}, where {wrong + 1} should be the last"


def _notices(now: int, before: int = 0) -> Finding | None:
    if now + before == 1:
        return None
    again = "the comparison with the target: `==` is true once, `>=` from then on. And whether it "
    again += "is remembered after a restart"
    return Finding(
        "notice.full once and never again, when the count is the target",
        f"{now + before} times",
        again if now + before else "what compares the count with the target: after every ticket",
    )


CRITERIA = (
    Criterion("counting", "each visitor is counted once, and the target announced once",
              ("counting",), judge_counting),
    Criterion("access", "forged messages are refused, rightful ones are not",
              ("access",), judge_access),
    Criterion("again", "a visitor who is reported again is not counted again",
              ("again",), judge_again),
    Criterion("slow", "one slow ticket holds up no other visitor", ("slow",), judge_slow),
    Criterion("printers", "four printers are used, and never more", ("printers",), judge_printers),
    Criterion("failing", "three tries, then a notice, and the others go on",
              ("failing",), judge_failing),
    Criterion("killed", "kill -9 loses no visitor and counts none twice",
              ("killed", "restarted"), judge_killed),
    Criterion("flood", "a flood is refused at the door, and no visitor is lost",
              ("flood",), judge_flood),
    Criterion("closing", "close() finishes what was accepted, and the next process repeats nothing",
              ("closed", "reopened"), judge_closing),
    Criterion("crowd", "hundreds come at once, and each is counted once",
              ("crowd",), judge_crowd),
    Criterion("integration", "your integration test passes the good and fails the broken",
              ("integration_test",), judge_own_test, INTEGRATION),
    Criterion("stress", "your stress test passes the good and fails the broken",
              ("stress_test",), judge_own_test, STRESS),
    Criterion("faults", "your fault test passes the good and fails the broken",
              ("fault_test",), judge_own_test, FAULTS),
    Criterion("response", "the response-time goal is met under open-loop load",
              ("response",), judge_response),
)  # fmt: skip
