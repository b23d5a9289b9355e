"""Lesson 07: choose workers, capacity and overflow to meet a goal on five seeds."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import eventkit as ek

from ...executors.threads import Threads
from ..course.exercise import Exercise, NotAttempted, Wrong
from .back_pressure import Passage

SEEDS = (1, 2, 3, 4, 5)
RATE = 40.0
WORK = 0.050
SECONDS = 10.0
BURSTS = (3.0, 7.0)
IN_A_BURST = 20
SLOWEST = 0.300
GIVEN_UP = 0.05
FEWEST = 3


def choose_queue() -> object:
    """An executor that shows a machine's readings: 40 a second at random, and now and then 20 more
    within a tenth of a second; to show one takes 50 ms.

    On each of five seeds: what is shown is shown within 300 ms; at most 5 % are given up, and
    always the oldest, since the newest tells how the machine is; and the machine's thread, which
    fires the readings, is neither held up nor raised at. With no more workers than needed.
    """
    # solution begins
    return ek.Threads(3, capacity=12, overflow="drop_oldest")
    # solution ends


def readings(seed: int) -> list[float]:
    """Return when the readings come, in seconds."""
    source = random.Random(seed)
    times, now = [], source.expovariate(RATE)
    while now < SECONDS:
        times.append(now)
        now += source.expovariate(RATE)
    for burst in BURSTS:
        times += [burst + source.uniform(0, 0.1) for _ in range(IN_A_BURST)]
    return sorted(times)


def passage(executor: Threads, seed: int) -> Passage:
    """Run a seed's readings through the model of this executor's queue."""
    times, queue = readings(seed), executor._queue
    return Passage(times, [WORK] * len(times), executor.workers, queue.capacity, queue.overflow)


def diagnose(choose: Any) -> str | None:
    executor = choose()
    if executor is ...:
        raise NotAttempted
    if not isinstance(executor, Threads):
        return (
            "showing a reading blocks, so it needs threads of its own, with a queue before them: "
            f"return an executor such as ek.Threads(2, capacity=5).{_inline_case(executor)}"
        )
    passages = {seed: passage(executor, seed) for seed in SEEDS}
    for rule in (_overload, _held_up, _raised, _newest_lost, _too_slow, _too_many_lost, _idle):
        if said := rule(executor, passages):
            return said
    return None


Passages = dict[int, Passage]


def _overload(executor: Threads, passages: Passages) -> str | None:
    load = RATE * WORK / executor.workers
    if load < 1:
        return None
    seed = max(passages, key=lambda seed: max(passages[seed].answered))
    one = passages[seed]
    return (
        f"with {executor.workers} worker{'' if executor.workers == 1 else 's'}, utilisation is "
        f"{load:g}: even without a burst, as many readings come as can be shown, or more. No queue "
        "absorbs that."
        + _case(seed, f"the slowest took {max(one.answered):.2f} s, and {_share(one):.0%} were "
                      "given up")
    )  # fmt: skip


def _held_up(executor: Threads, passages: Passages) -> str | None:
    seed = max(passages, key=lambda seed: max(passages[seed].late))
    late = max(passages[seed].late)
    if late == 0:
        return None
    return (
        "'block' loses nothing: it makes the firing thread wait, and that is the machine's own. "
        "Waiting did not go away, it went to where it does more harm."
        + _case(seed, f"the machine was held up by {late * 1e3:.0f} ms")
    )


def _raised(executor: Threads, passages: Passages) -> str | None:
    seed, one = _first(passages, lambda one: one.given_up > 0)
    if one is None or executor._queue.overflow != "raise":
        return None
    when = readings(seed)[one.responses.index(None)]
    return (
        "'raise' tells the firing thread that there is no room. That is the machine's own thread, "
        "and it can do nothing about it."
        + _case(seed, f"QueueFull is raised there at {when:.2f} s")
    )


def _newest_lost(executor: Threads, passages: Passages) -> str | None:
    seed, one = _first(passages, lambda one: one.given_up > 0)
    if one is None or executor._queue.overflow != "drop_newest":
        return None
    lost = one.responses.index(None)
    times = readings(seed)
    shown = next(number for number in range(lost, -1, -1) if one.responses[number] is not None)
    return (
        "'drop_newest' keeps what is old and gives up what is new, but it is the newest reading "
        "that tells how the machine is."
        + _case(seed, f"the reading from {times[lost]:.3f} s was given up, and the one from "
                      f"{times[shown]:.3f} s was shown")
    )  # fmt: skip


def _too_slow(executor: Threads, passages: Passages) -> str | None:
    seed, one = _first(passages, lambda one: max(one.answered) > SLOWEST)
    if one is None:
        return None
    case = _case(seed, f"{one.most} waited, and the slowest took {max(one.answered) * 1e3:.0f} ms")
    if executor._queue.capacity is None:
        return (
            "a queue without a bound takes the whole burst, and its last reading waits for all the "
            f"others. Nothing is given up, but what is shown is old.{case}"
        )
    return (
        f"a queue of {executor._queue.capacity} is a wait of up to {executor._queue.capacity} × "
        f"{WORK * 1e3:.0f} ms ÷ {executor.workers}, and then the work. More room is more waiting."
        f"{case}"
    )


def _too_many_lost(executor: Threads, passages: Passages) -> str | None:
    seed, one = _first(passages, lambda one: _share(one) > GIVEN_UP)
    if one is None:
        return None
    case = _case(seed, f"{one.given_up} of {len(one.responses)} readings, "
                       f"{_share(one):.1%}, were given up")  # fmt: skip
    good = [str(seed) for seed, one in passages.items() if _share(one) <= GIVEN_UP]
    if good:
        return (
            f"this meets the goal on seed{'s' if len(good) > 1 else ''} {', '.join(good)} and not "
            "on the others. A queue that "
            f"was fitted to one day is too tight for the next.{case}"
        )
    return (
        "almost every reading that comes while the workers are busy is lost: a queue as short as "
        f"this absorbs no burst, which is the one thing a queue is good at.{case}"
    )


def _idle(executor: Threads, passages: Passages) -> str | None:
    if executor.workers == FEWEST:
        return None
    return (
        f"{executor.workers} workers meet the goal, and so do {FEWEST} with a queue of the right "
        f"length: utilisation is {RATE * WORK / executor.workers:.2f} here. Between bursts the "
        "others have nothing to do."
        f"\n  {RATE:g} readings a second × {WORK * 1e3:g} ms = {RATE * WORK:g} workers busy, of "
        f"{executor.workers}."
    )


def _inline_case(executor: object) -> str:
    """Describe two readings of which the first holds up the machine when the second is due."""
    times = readings(1)
    first, second = next(two for two in itertools.pairwise(times) if two[1] - two[0] < WORK)
    return (
        f"\n  This returned {executor!r}.\n  Without threads: with seed 1, readings are due at "
        f"{first:.3f} s and {second:.3f} s, and the first holds the machine up until "
        f"{first + WORK:.3f} s."
    )


def _first(passages: Passages, is_case: Callable[[Passage], bool]) -> tuple[int, Passage | None]:
    """Return the first seed that shows the case, with its passage, if one does."""
    return next(((seed, one) for seed, one in passages.items() if is_case(one)), (0, None))


def _share(one: Passage) -> float:
    return one.given_up / len(one.responses)


def _case(seed: int, what: str) -> str:
    return f"\n  With seed {seed}, {what}."


exercise = Exercise(
    name="choose_back_pressure",
    solution=choose_queue,
    diagnose=diagnose,
    hints=(
        "Three numbers and a word, one after the other. How many workers are busy on average, "
        "without any burst? Who may wait: the machine, the newest, the oldest?",
        "rate × work is how many workers are busy; at that very number the queue never ends. For "
        "the capacity, think in time: who finds all places but one taken waits for capacity × "
        "work ÷ workers, and is then worked on.",
        "40 × 0.05 = 2, so three workers. 300 ms less 50 ms of work leave 250 ms to wait: at most "
        "250 ÷ 50 × 3 = 15 places. How few will do, the check tells: it has five seeds.",
    ),
    praise="The bursts are absorbed, what is shown is fresh, and the machine never noticed.",
    wrong=[
        Wrong("a queue absorbs overload", lambda: Threads(2), "No queue absorbs that"),
        Wrong("one worker keeps the order", lambda: Threads(1, capacity=10, overflow="drop_oldest"),
              "with 1 worker, "),
        Wrong("a queue needs no bound", lambda: Threads(3), "takes the whole burst"),
        Wrong("blocking loses nothing", lambda: Threads(3, capacity=12), "went to where"),
        Wrong("an error is the honest answer",
              lambda: Threads(3, capacity=12, overflow="raise"), "QueueFull is raised there"),
        Wrong("first come, first served",
              lambda: Threads(3, capacity=12, overflow="drop_newest"), "gives up what is new"),
        Wrong("more room is safer",
              lambda: Threads(3, capacity=20, overflow="drop_oldest"), "More room is more waiting"),
        Wrong("the shorter the queue, the better",
              lambda: Threads(3, capacity=1, overflow="drop_oldest"), "absorbs no burst"),
        Wrong("one seed is enough",
              lambda: Threads(3, capacity=10, overflow="drop_oldest"), "fitted to one day"),
        Wrong("more workers are faster", lambda: Threads(16), "have nothing to do"),
        Wrong("to show a reading is quick", lambda: ek.Inline(), "needs threads of its own"),
    ],
)  # fmt: skip
