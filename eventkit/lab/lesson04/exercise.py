"""Lesson 04: build a scheduler from generators."""

# Learners write this function, and need no annotations for it.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

from ..course.exercise import Exercise, NotAttempted, Wrong

Task = Generator[float, None, Any]
Line = tuple[float, str]
PATIENCE = 1_000  # looks at the clock between two sleeps


def run_all(tasks, clock):
    """Run generators at the same time, on one thread, and return their results, in the order of
    `tasks`.

    A task yields how many seconds it wants to wait, and goes on when they are over. What it
    returns is its result (`StopIteration` has it as `value`). Tasks that are due at the same time
    go on in the order in which they began to wait. `clock.now()` is the time in seconds;
    `clock.sleep(seconds)` waits, and holds up everybody.
    """
    # solution begins
    results = [None] * len(tasks)
    turn = len(tasks)
    waiting = [(clock.now(), place, place) for place in range(turn)]  # (due, turn, whose)
    while waiting:
        first = min(waiting)
        waiting.remove(first)
        due, _, place = first
        if due > clock.now():
            clock.sleep(due - clock.now())
        try:
            delay = next(tasks[place])
        except StopIteration as end:
            results[place] = end.value
        else:
            waiting.append((clock.now() + delay, turn, place))
            turn += 1
    return results
    # solution ends


class _NeverSleepsError(Exception):
    """The clock has been looked at again and again, and nobody slept."""


class VirtualClock:
    """A clock on which nothing takes time but sleeping."""

    def __init__(self) -> None:
        self._now = 0.0
        self._looks = 0

    def now(self) -> float:
        self._looks += 1
        if self._looks > PATIENCE:
            raise _NeverSleepsError
        return self._now

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"clock.sleep({seconds:g}): nobody can sleep backwards")
        self._looks = 0
        self._now = round(self._now + seconds, 6)


class _Told:
    """Tasks that write down when they went on."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.lines: list[Line] = []

    def task(self, name: str, *delays: float) -> Task:
        self._note(name)
        for delay in delays:
            yield delay
            self._note(name)
        return f"{name} is done"

    def _note(self, name: str) -> None:
        self.lines.append((self.clock._now, name))


Delays = dict[str, tuple[float, ...]]


def _played(run: Callable[..., Any], delays: Delays) -> tuple[list[Line], Any]:
    """When which task went on, and what `run` returned."""
    told = _Told()
    result = run([told.task(name, *each) for name, each in delays.items()], told.clock)
    return told.lines, result


CASES: list[tuple[Delays, str]] = [
    ({"a": (1.0,)}, "a task must be run to its end: call next() on it until StopIteration"),
    (
        {"a": (0.0, 0.0)},
        "a task that yields 0 has not ended: it gives way, and wants to go on. Only StopIteration "
        "says that a task is over",
    ),
    (
        {"a": (1.0, 1.0), "b": (1.0, 1.0)},
        "while one task waits, the others must go on, so that the waits overlap",
    ),
    (
        {"a": (3.0,), "b": (1.0,), "c": (2.0,)},
        "the task that is due first goes on first, whoever began to wait first",
    ),
    (
        {"a": (0.0, 0.0, 0.0), "b": (0.0, 0.0, 0.0)},
        "who yields 0 gives way to those who are due too, and goes on when they have had their "
        "turn. Among tasks due at the same time, the one that has waited longest comes first",
    ),
    (
        {"a": (2.0, 1.0), "b": (1.0, 1.0, 1.0), "c": (0.0, 3.0)},
        "due at the same time, tasks go on in the order in which they began to wait",
    ),
]


def diagnose(run: Callable[..., Any]) -> str | None:
    probe = _Told()
    if run([probe.task("a", 0.0)], probe.clock) is ...:
        raise NotAttempted
    for delays, meaning in CASES:
        try:
            got, result = _played(run, delays)
        except _NeverSleepsError:
            return (
                "your scheduler looks at the clock again and again and never sleeps. Looking does "
                "not make time pass; on a real clock that would be a busy loop. Sleep until the "
                f"first task is due.\n  Tasks that yield {_yields(delays)}.\n  Expected: "
                f"{_lines(_played(run_all, delays)[0])}"
            )
        expected, results = _played(run_all, delays)
        if got != expected:
            return (
                f"{_what_went_wrong(got, expected) or meaning}.\n  Tasks that yield "
                f"{_yields(delays)}.\n  Yours:    {_lines(got)}\n  Expected: {_lines(expected)}"
            )
        if result != results:
            return (
                "the tasks ran as they should, and what they returned got lost or mixed up. Each "
                "result stands in the place of its task, whichever ended first.\n  Tasks that "
                f"yield {_yields(delays)}.\n  Yours:    {result!r}\n  Expected: {results!r}"
            )
    return None


def _what_went_wrong(got: list[Line], expected: list[Line]) -> str | None:
    """What the times tell, when many cases could have found it."""
    names = [name for _, name in got]
    end, ideal = max([0.0, *(at for at, _ in got)]), max(at for at, _ in expected)
    blocks = sum(one != other for one, other in itertools.pairwise(names)) + 1
    if end == 0 < ideal and len(got) == len(expected):
        return (
            "nobody ever waited: at 0 s all was over. A yielded number is a wish, and it is the "
            "scheduler that must see to it that the time has passed, by clock.sleep"
        )
    if end > ideal and blocks == len(set(names)) > 1:
        return (
            "you run one task to its end before the next one begins, waits and all. That is the "
            "blocking model again; let each go on only to its next yield"
        )
    if end > ideal:
        return (
            "you sleep for one task after another, so the waits add up. Waiting can be shared: "
            "note when each is due, and sleep only until the first of them"
        )
    return None


def _yields(delays: Delays) -> str:
    return "; ".join(
        f"{name}: {', '.join(f'{d:g}' for d in each)}" for name, each in delays.items()
    )


def _lines(lines: list[Line]) -> str:
    return ", ".join(f"{name} at {at:g} s" for at, name in lines) or "nobody ran"


# Wrong answers, each for one belief.


def _one_after_another(tasks, clock):
    results = []
    for task in tasks:
        try:
            while True:
                clock.sleep(next(task))
        except StopIteration as end:
            results.append(end.value)
    return results


def _sleeps_in_turn(tasks, clock):
    results = [None] * len(tasks)
    ready = list(enumerate(tasks))
    while ready:
        place, task = ready.pop(0)
        try:
            clock.sleep(next(task))
            ready.append((place, task))
        except StopIteration as end:
            results[place] = end.value
    return results


def _scheduler(key, again=lambda delay: True, wait=lambda clock, due: None):
    """The solution with a part of it changed: `key` says who is next."""

    def run(tasks, clock):
        results = [None] * len(tasks)
        turn = len(tasks)
        waiting = [(0.0, place, place) for place in range(turn)]
        while waiting:
            first = min(waiting, key=key)
            waiting.remove(first)
            due, _, place = first
            wait(clock, due)
            try:
                delay = next(tasks[place])
            except StopIteration as end:
                results[place] = end.value
            else:
                if again(delay):
                    waiting.append((clock.now() + delay, turn, place))
                    turn += 1
        return results

    return run


def _until_due(clock, due):
    if due > clock.now():
        clock.sleep(due - clock.now())


def _busily(clock, due):
    while clock.now() < due:
        pass


def _in_order(first):
    return first[:2]


def _forgets_results(tasks, clock):
    run_all(tasks, clock)


def _results_as_they_end(tasks, clock):
    ended = []

    def noting(task):
        ended.append((yield from task))

    run_all([noting(task) for task in tasks], clock)
    return ended


exercise = Exercise(
    name="build_a_scheduler",
    solution=run_all,
    diagnose=diagnose,
    hints=(
        "A scheduler needs one list: who waits, and until when. At the beginning all are in it, "
        "due now.",
        "Again and again: take the one that is due first out of the list, sleep until then if it "
        "is still to come, let it go on to its next yield with next(), and put it back, due so "
        "many seconds from now. When next() raises StopIteration, it stays out.",
        "Keep tuples (due, turn, place), where turn counts up each time somebody is put in. "
        "min(waiting) is then the first due, and of those the one that has waited longest. "
        "except StopIteration as end: results[place] = end.value.",
    ),
    praise="A list of who waits until when, and one place that sleeps: that is what an event loop "
    "is. The rest is sockets.",
    wrong=[
        Wrong("waiting is doing nothing", _one_after_another, "to its end before the next"),
        Wrong("each wait must be slept", _sleeps_in_turn, "so the waits add up"),
        Wrong("yielding makes time pass", _scheduler(_in_order), "nobody ever waited"),
        Wrong("0 means the end", _scheduler(_in_order, bool, _until_due), "yields 0 has not ended"),
        Wrong("first come, first to go on", _scheduler(lambda one: one[1], wait=_until_due),
              "is due first goes on first"),
        Wrong("the place in the list decides", _scheduler(lambda one: (one[0], one[2]),
              wait=_until_due), "gives way to those"),
        Wrong("looking at the clock is waiting", _scheduler(_in_order, wait=_busily),
              "never sleeps"),
        Wrong("a task has no result", _forgets_results, "got lost or mixed up"),
        Wrong("results come in the order of ending", _results_as_they_end, "whichever ended first"),
    ],
)  # fmt: skip
