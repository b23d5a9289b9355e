"""Interleavings agree with counting and with a naive simulation, for all small programs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings, strategies as st

from eventkit.lab.theory.interleavings import Lock, Program, explore, run
from tests.tiers import rounds

EXAMPLES = rounds("EVENTKIT_EXPLORED", quick=20, long=100)  # each explores hundreds of orders
NAMES = "ABC"
LINES = {"read": "own = shared['x']", "write": "shared['x'] = own + 1", "add": "shared['y'] += 1"}

bodies = st.lists(st.sampled_from(sorted(LINES)), min_size=1, max_size=3)
programs = st.lists(bodies, min_size=1, max_size=3).filter(lambda all: sum(map(len, all)) <= 6)
schedules = st.lists(st.sampled_from(NAMES), max_size=20)


def multinomial(lengths: list[int]) -> int:
    return math.factorial(sum(lengths)) // math.prod(math.factorial(one) for one in lengths)


def task(body: list[str], shared: dict[str, int], kind: str = "thread") -> Any:
    """A function that runs these lines: as they are, all in one lock, or with an await after each
    but the last.
    """
    lines = [LINES[one] for one in body]
    if kind == "locked":
        lines = ["with lock:", *(f"  {line}" for line in lines)]
    if kind == "coroutine":
        lines = [f"{line}\n await sleep(0)" for line in lines[:-1]] + lines[-1:]
    head = "async def" if kind == "coroutine" else "def"
    source = f"{head} task(own=0):\n " + "\n ".join(lines)
    scope: dict[str, Any] = {"shared": shared, "lock": shared.get("lock"), "sleep": asyncio.sleep}
    exec(source, scope)
    return scope["task"]


def make(bodies: list[list[str]], kind: str) -> Program:
    shared: dict[str, Any] = {"x": 0, "y": 0, "lock": Lock()}
    tasks = {name: task(body, shared, kind) for name, body in zip(NAMES, bodies, strict=False)}
    return Program(tasks, lambda: True, lambda: f"{shared['x']} {shared['y']}")


def merges(left: list[int]) -> Iterator[list[int]]:
    """All orders in which tasks with so many lines left can go on."""
    if not any(left):
        yield []
    for place, lines in enumerate(left):
        if lines:
            fewer = [*left[:place], lines - 1, *left[place + 1 :]]
            yield from ([place, *rest] for rest in merges(fewer))


def simulated(bodies: list[list[str]], order: list[int]) -> str:
    """What is left at the end, without threads, locks or tracing."""
    own, at = [0] * len(bodies), [0] * len(bodies)
    x = y = 0
    for place in order:
        line = bodies[place][at[place]]
        at[place] += 1
        if line == "read":
            own[place] = x
        elif line == "write":
            x = own[place] + 1
        else:
            y += 1
    return f"{x} {y}"


@settings(max_examples=EXAMPLES)
@given(programs, st.sampled_from(["thread", "coroutine"]))
def test_every_order_is_run_once_and_ends_as_a_naive_simulation_does(
    bodies: list[list[str]], kind: str
) -> None:
    runs = explore(lambda: make(bodies, kind)).runs

    assert len(runs) == multinomial([len(body) for body in bodies])
    explored = {"".join(one.schedule): one.steps[-1].state for one in runs}
    expected = {
        "".join(NAMES[place] for place in order): simulated(bodies, order)
        for order in merges([len(body) for body in bodies])
    }
    assert explored == expected


@settings(max_examples=EXAMPLES)
@given(programs)
def test_under_one_lock_only_the_results_of_one_after_another_are_left(
    bodies: list[list[str]],
) -> None:
    bodies = bodies[:2]
    exploration = explore(lambda: make(bodies, "locked"))

    places = [place for place, body in enumerate(bodies) for _ in body]
    orders = [places, sorted(places, reverse=True)]
    assert exploration.failures == []
    ends = {one.steps[-1].state for one in exploration.runs}
    assert ends == {simulated(bodies, order) for order in orders}


@settings(max_examples=EXAMPLES)
@given(programs, st.sampled_from(["thread", "coroutine", "locked"]), schedules)
def test_any_schedule_gives_a_run_whose_own_schedule_reproduces_it(
    bodies: list[list[str]], kind: str, schedule: list[str]
) -> None:
    known = [name for name in schedule if name in NAMES[: len(bodies)]]
    first = run(lambda: make(bodies, kind), known)
    for _ in range(3):
        assert run(lambda: make(bodies, kind), first.schedule) == first
