"""Lesson 03: choose an executor and its size to meet a response-time goal."""

from __future__ import annotations

from typing import Any

import eventkit as ek

from ...executors.event_loop import EventLoop
from ...executors.inline import Inline
from ...executors.threads import Threads
from ..course.exercise import Exercise, NotAttempted, Wrong
from ..theory.queueing import response_times

EVENTS = 20
RATE = 20.0
WORK = 0.2
GOAL = 0.4
FEWEST = 4


def choose_executor() -> object:
    """An executor that answers 20 events, 20 a second, each 200 ms of blocking work, within
    400 ms at the worst, with no more threads than needed.
    """
    # solution begins
    return ek.Threads(4)
    # solution ends


def slowest(servers: int) -> float:
    """The slowest response time that theory predicts for this many servers, in seconds."""
    arrivals = [number / RATE for number in range(EVENTS)]
    return max(response_times(arrivals, [WORK] * EVENTS, servers))


def _case(servers: int) -> str:
    """Describe the first event that misses the goal with this many servers, if one does."""
    arrivals = [number / RATE for number in range(EVENTS)]
    for number, took in enumerate(response_times(arrivals, [WORK] * EVENTS, servers)):
        if took > GOAL + 1e-9:  # sums of decimals are off by less
            due = arrivals[number]
            return (
                f"\n  Event {number + 1} is due at {due:.2f} s, begins at "
                f"{due + took - WORK:.2f} s and ends at {due + took:.2f} s: {took * 1e3:.0f} ms, "
                f"where {GOAL * 1e3:.0f} ms are allowed."
            )
    return ""


def _workers(number: int) -> str:
    return f"{number} worker" + ("s" if number > 1 else "")


def diagnose(choose: Any) -> str | None:
    executor = choose()
    if executor is ...:
        raise NotAttempted
    if executor is None or isinstance(executor, Inline):
        return (
            f"inline, the trigger waits for each handler, and so do the events behind it: the "
            f"last one is answered after {slowest(1):.1f} s. It is the next events that wait, not "
            f"the one being handled.{_case(1)}"
        )
    if isinstance(executor, EventLoop):
        return (
            "the work blocks, and on an event loop a blocking handler holds up every other: one "
            f"at a time, up to {slowest(1):.1f} s, like inline. Async makes waiting cheap; it "
            f"does not make blocking code fast.{_case(1)}"
        )
    if hasattr(executor, "waits_by") and not isinstance(executor, Threads | type):
        return (
            "this work blocks, and the goal is stated in threads: return ek.Threads(n) with the "
            f"smallest n that meets it.\n  This returned {executor!r}."
        )
    if not isinstance(executor, Threads):
        return (
            "an executor is an object with its own workers, made by a call: return one such as "
            f"ek.Threads(2).\n  This returned {executor!r}."
        )
    servers = executor.workers
    if slowest(servers) > GOAL:
        return (
            f"with {_workers(servers)}, {RATE * WORK:g} events come while one is handled, and "
            f"the queue grows with every one: the slowest takes {slowest(servers):.2f} s. "
            f"Utilisation is {RATE * WORK / servers:.2f}; above 1 no patience helps."
            f"{_case(servers)}"
        )
    if servers > FEWEST:
        return (
            f"{servers} workers meet the goal, but {servers - FEWEST} of them would never have "
            f"anything to do: no more than {RATE * WORK:g} events are handled at once. More "
            f"threads are not faster threads.\n  Event {FEWEST + 1} is due at "
            f"{FEWEST / RATE:.2f} s. Event 1 ends at {WORK:.2f} s, so its worker is free again, "
            "and so on."
        )
    return None


exercise = Exercise(
    name="meet_the_goal",
    solution=choose_executor,
    diagnose=diagnose,
    hints=(
        "How many events arrive while one is being worked on?",
        "rate × work is how many workers are busy on average. Fewer than that and the queue grows "
        "without end; whether more are needed you can ask queueing.response_times.",
        "20 a second × 0.2 s = 4. Try servers=3 and servers=4 in queueing.response_times.",
    ),
    praise="Four workers are busy all the time, and no event ever waits for one.",
    wrong=[
        Wrong("the slow part is the processor", lambda: Inline(), "the next events that wait"),
        Wrong("async makes my code faster", lambda: EventLoop(), "blocking handler holds up"),
        Wrong("any thread pool will do", lambda: Threads(2), "the queue grows"),
        Wrong("more threads are faster", lambda: Threads(64), "never have anything"),
        Wrong("an executor is a class", lambda: Threads, "made by a call"),
        Wrong("processes are stronger", lambda: ek.Processes(4), "stated in threads"),
    ],
)
