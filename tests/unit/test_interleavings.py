"""Interleavings: the explorer finds what can go wrong, and proves what cannot."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from eventkit.lab.theory import interleavings
from eventkit.lab.theory.interleavings import Lock, Program, Semaphore, explore, run

Make = Callable[[], Program]


class Shared:
    count = 0

    def program(self, *tasks: Callable[[], Any]) -> Program:
        """These tasks, A, B, …, of which each is to add 1."""
        return Program(
            dict(zip("ABC", tasks, strict=False)),
            holds=lambda: self.count == len(tasks),
            state=lambda: f"count = {self.count}",
        )


def call() -> None: ...


def lost_update() -> Program:
    shared = Shared()

    def add() -> None:
        before = shared.count
        call()
        shared.count = before + 1

    return shared.program(add, add)


def with_a_lock() -> Program:
    shared, lock = Shared(), Lock()

    def add() -> None:
        with lock:
            before = shared.count
            call()
            shared.count = before + 1

    return shared.program(add, add)


def await_race() -> Program:
    shared = Shared()

    async def add() -> None:
        before = shared.count
        await asyncio.sleep(0)
        shared.count = before + 1

    return shared.program(add, add)


def with_an_async_lock() -> Program:
    shared, lock = Shared(), Lock()

    async def add() -> None:
        async with lock:
            before = shared.count
            await asyncio.sleep(0)
            shared.count = before + 1

    return shared.program(add, add)


def no_await_between() -> Program:
    shared = Shared()

    async def add() -> None:
        await asyncio.sleep(0)
        before = shared.count
        shared.count = before + 1
        await asyncio.sleep(0)

    return shared.program(add, add)


def two_locks(same_order: bool, in_one_line: bool = False) -> Program:
    shared, one, other = Shared(), Lock("one"), Lock("other")

    def nested(first: Lock, second: Lock) -> None:
        with first:
            call()
            with second:
                shared.count += 1

    def flat(first: Lock, second: Lock) -> None:
        with first, second:
            shared.count += 1

    add = flat if in_one_line else nested
    there = functools.partial(add, one, other)
    back = there if same_order else functools.partial(add, other, one)
    return shared.program(there, back)


def async_locks(same_order: bool) -> Program:
    shared, one, other = Shared(), Lock("one"), Lock("other")

    async def add(first: Lock, second: Lock) -> None:
        async with first:
            await asyncio.sleep(0)
            async with second:
                shared.count += 1

    there = functools.partial(add, one, other)
    back = there if same_order else functools.partial(add, other, one)
    return shared.program(there, back)


LOST = "what must hold does not: count = 1"
DEADLOCK = "deadlock: A waits for other, held by B; B waits for one, held by A"
BROKEN = {
    "lost update": (lost_update, LOST),
    "await race": (await_race, LOST),
    "locks in opposite order": (lambda: two_locks(False), DEADLOCK),
    "locks in opposite order in one line": (lambda: two_locks(False, True), DEADLOCK),
    "async locks in opposite order": (lambda: async_locks(False), DEADLOCK),
}
REPAIRED = {
    "lock": with_a_lock,
    "async lock": with_an_async_lock,
    "no await between": no_await_between,
    "locks in one order": lambda: two_locks(True),
    "locks in one order in one line": lambda: two_locks(True, True),
    "async locks in one order": lambda: async_locks(True),
}
broken = pytest.mark.parametrize(("make", "problem"), BROKEN.values(), ids=BROKEN)
repaired = pytest.mark.parametrize("make", REPAIRED.values(), ids=REPAIRED)


@broken
def test_the_explorer_finds_what_can_go_wrong(make: Make, problem: str) -> None:
    failures = explore(make).failures
    assert {failure.problem for failure in failures} == {problem}


@broken
def test_its_schedule_reproduces_a_failure_every_time(make: Make, problem: str) -> None:
    for failure in explore(make).failures:
        assert all(run(make, failure.schedule) == failure for _ in range(5))


@repaired
def test_exhaustion_proves_a_repaired_program_free_of_failures(make: Make) -> None:
    exploration = explore(make)
    assert exploration.failures == []
    assert len(exploration.runs) > 1


@pytest.mark.parametrize(
    ("make", "orders", "bad"),
    [(lost_update, 20, 18), (await_race, 6, 4), (no_await_between, 20, 0)],
)
def test_the_orders_are_those_that_can_be_counted_by_hand(
    make: Make, orders: int, bad: int
) -> None:
    exploration = explore(make)
    assert len(exploration.runs) == orders
    assert len(exploration.failures) == bad
    assert len({tuple(one.schedule) for one in exploration.runs}) == orders


def test_failures_come_shortest_first_and_then_with_the_fewest_switches() -> None:
    failures = explore(lost_update).failures
    keys = [(len(failure.schedule), failure.switches) for failure in failures]
    assert keys == sorted(keys)
    assert "".join(failures[0].schedule) in ("AABBBA", "ABBBAA")


def test_a_record_tells_each_step_and_the_state_after_it() -> None:
    done = run(lost_update, "AAB")
    assert [(step.task, step.line, step.state) for step in done.steps] == [
        ("A", "before = shared.count", "count = 0"),
        ("A", "call()", "count = 0"),
        ("B", "before = shared.count", "count = 0"),
        ("A", "shared.count = before + 1", "count = 1"),
        ("B", "call()", "count = 1"),
        ("B", "shared.count = before + 1", "count = 1"),
    ]
    assert done.choices == [["A", "B"]] * 4 + [["B"]] * 2
    assert done.problem == LOST
    assert done.switches == 3


def test_places_say_before_which_line_each_unfinished_task_stands() -> None:
    first = run(lost_update).places[0]["A"]
    places = run(lost_update).places
    lines = [{name: line - first for name, line in one.items()} for one in places]
    assert lines == [
        {"A": 0, "B": 0}, {"A": 1, "B": 0}, {"A": 2, "B": 0}, {"B": 0}, {"B": 1}, {"B": 2}, {},
    ]  # fmt: skip


def test_a_step_of_a_coroutine_is_all_that_it_runs_up_to_its_next_await() -> None:
    done = run(await_race)
    assert [step.line for step in done.steps] == [
        "before = shared.count; await asyncio.sleep(0)",
        "shared.count = before + 1",
    ] * 2


@pytest.mark.parametrize("make", [with_a_lock, with_an_async_lock])
def test_notes_tell_who_takes_waits_and_releases(make: Make) -> None:
    notes = [(step.task, step.note) for step in run(make, "ABAAAAAB").steps if step.note]
    assert notes == [
        ("A", "takes lock"),
        ("B", "waits for lock"),
        ("A", "releases lock"),
        ("B", "takes lock"),
        ("B", "releases lock"),
    ]


def test_a_schedule_that_names_a_task_that_cannot_go_lets_the_first_go_that_can() -> None:
    assert run(lost_update, "AAAAAA").schedule == list("AAABBB")
    assert run(with_a_lock, "ABBB").schedule[:4] == ["A", "B", "A", "A"]


# Locks and semaphores


@pytest.mark.parametrize("permits", [1, 2])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_semaphore_admits_as_many_as_it_has_permits_and_no_more(
    permits: int, is_async: bool
) -> None:
    most: list[int] = []

    def make() -> Program:
        seats = Semaphore(permits, "seats")
        task = async_sit if is_async else sit
        return Program(
            {name: functools.partial(task, seats) for name in "ABC"},
            holds=lambda: not seats.holders,
            state=lambda: " ".join(seats.holders),
        )

    def sit(seats: Lock) -> None:
        with seats:
            most.append(len(seats.holders))

    async def async_sit(seats: Lock) -> None:
        async with seats:
            await asyncio.sleep(0)
            most.append(len(seats.holders))

    exploration = explore(make)
    assert exploration.failures == []
    assert max(most) == permits
    assert any("waits for seats" in one.note for r in exploration.runs for one in r.steps)


def test_a_task_that_takes_its_own_lock_again_is_a_deadlock() -> None:
    def make() -> Program:
        lock = Lock("door")

        def enter() -> None:
            with lock, lock:
                pass

        return Program({"A": enter}, holds=lambda: True)

    assert run(make).problem == "deadlock: A waits for door, held by A"


def test_a_deadlock_around_a_semaphore_names_all_holders() -> None:
    def make() -> Program:
        seats = Semaphore(2, "seats")

        def sit() -> None:
            with seats, seats:
                pass

        return Program({"A": sit, "B": sit}, holds=lambda: True)

    assert explore(make).failures[0].problem == (
        "deadlock: A waits for seats, held by A and B; B waits for seats, held by A and B"
    )


@pytest.mark.parametrize("permits", [0, -1, 1.5, "2"])
def test_permits_are_one_or_more(permits: Any) -> None:
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        Semaphore(permits)


class Split:
    """A number whose reading and writing are two steps."""

    value = 0

    @property
    def number(self) -> int:
        value = self.value
        interleavings.pause(f"reads {value}")
        return value

    @number.setter
    def number(self, value: int) -> None:
        self.value = value


@pytest.mark.parametrize(("is_async", "orders", "bad"), [(False, 6, 4), (True, 2, 0)])
def test_a_pause_ends_a_step_within_a_line_of_a_thread_only(
    is_async: bool, orders: int, bad: int
) -> None:
    def make() -> Program:
        shared = Split()

        def add() -> None:
            shared.number += 1

        async def async_add() -> None:
            shared.number += 1

        task = async_add if is_async else add
        return Program({"A": task, "B": task}, lambda: shared.value == 2)

    exploration = explore(make)
    assert (len(exploration.runs), len(exploration.failures)) == (orders, bad)
    assert exploration.runs[0].steps[0].note == "reads 0"


# Failures in tasks


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_in_a_task_is_the_runs_problem_and_releases_its_locks(is_async: bool) -> None:
    lock = Lock()

    def fail() -> None:
        with lock:
            raise KeyError("gone")

    async def async_fail() -> None:
        async with lock:
            raise KeyError("gone")

    task = async_fail if is_async else fail
    done = run(lambda: Program({"A": task, "B": call}, holds=lambda: True))
    assert done.problem == "A raised KeyError: 'gone'"
    assert lock.holders == []


def test_an_error_that_comes_in_some_orders_only_is_found() -> None:
    def make() -> Program:
        stock = ["last"]

        def take() -> None:
            if stock:
                stock.pop()

        return Program({"A": take, "B": take}, holds=lambda: not stock)

    exploration = explore(make)
    assert {failure.problem for failure in exploration.failures} == {
        "A raised IndexError: pop from empty list",
        "B raised IndexError: pop from empty list",
    }
    assert any(run.problem is None for run in exploration.runs)


def test_abandoned_tasks_end_and_clean_up() -> None:
    cleaned_up: list[str] = []

    def make() -> Program:
        one, other = Lock("one"), Lock("other")

        def enter(first: Lock, second: Lock) -> None:
            try:
                with first, second:
                    pass
            finally:
                cleaned_up.append(first.name)
                with second:  # even if cleaning up would wait again
                    pass

        there, back = functools.partial(enter, one, other), functools.partial(enter, other, one)
        return Program({"A": there, "B": back}, holds=lambda: True)

    threads = threading.active_count()
    done = run(make, "ABABAB")
    assert done.problem and done.problem.startswith("deadlock")
    assert sorted(cleaned_up) == ["one", "other"]
    assert threading.active_count() == threads


def test_abandoned_coroutines_are_closed() -> None:
    ended: list[str] = []

    async def stay() -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            ended.append("stay")

    async def fail() -> None:
        raise KeyError

    run(lambda: Program({"A": stay, "B": fail}, holds=lambda: True), "AB")
    assert ended == ["stay"]


def test_no_thread_outlives_an_exploration() -> None:
    threads = threading.active_count()
    for make, _ in BROKEN.values():
        explore(make)
    assert threading.active_count() == threads


def test_a_task_that_swallows_everything_ends_too() -> None:
    def stubborn() -> None:
        with suppress(BaseException):
            call()
            call()
        call()

    def fail() -> None:
        raise KeyError

    threads = threading.active_count()
    run(lambda: Program({"A": stubborn, "B": fail}, holds=lambda: True), "AAB")
    assert threading.active_count() == threads


def test_the_tracing_of_the_caller_goes_on() -> None:
    import sys

    def tracer(*_: Any) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        run(await_race)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


# What cannot be run


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("task", [generator, async_generator, print, 5, None, Shared])
def test_a_task_that_is_no_function_is_refused(task: Any) -> None:
    with pytest.raises(TypeError, match="task A is a plain function or a coroutine function"):
        run(lambda: Program({"B": call, "A": task}, holds=lambda: True))


def test_a_task_that_needs_arguments_is_refused() -> None:
    def add(amount: int) -> None: ...

    async def add_async(amount: int) -> None: ...

    for task in (add, add_async):
        with pytest.raises(TypeError, match=r"task A .* 'amount'.*functools.partial"):
            run(lambda task=task: Program({"A": task}, holds=lambda: True))  # type: ignore[misc]


def test_a_function_that_returns_a_coroutine_is_told_that_nobody_awaits_it() -> None:
    async def wait() -> None: ...

    problem = run(lambda: Program({"A": lambda: wait()}, holds=lambda: True)).problem
    assert problem and problem.startswith("A raised TypeError: it returned a coroutine")


def test_a_schedule_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the tasks are \['A', 'B'\]; the schedule has \{'C'\}"):
        run(lost_update, "ABC")


def test_too_many_orders_are_refused_with_what_to_do() -> None:
    assert len(explore(lost_update, limit=20).runs) == 20
    with pytest.raises(ValueError, match=r"more than 19 orders\. Make it smaller"):
        explore(lost_update, limit=19)


def test_a_program_that_is_not_made_anew_is_refused() -> None:
    kept = lost_update()
    with pytest.raises(ValueError, match="must rebuild everything that the tasks share"):
        explore(lambda: kept)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_that_never_ends_is_refused(is_async: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(interleavings, "_LONGEST_RUN", 200)

    def spin() -> None:
        while True:
            call()

    async def async_spin() -> None:
        while True:
            await asyncio.sleep(0)

    task = async_spin if is_async else spin
    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="A, B had not ended after 200 steps"):
        run(lambda: Program({"A": task, "B": call}, holds=lambda: True))
    assert threading.active_count() == threads


def test_waiting_that_the_scheduler_cannot_see_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(interleavings, "_PATIENCE", 0.2)

    def make() -> Program:
        real = threading.Lock()

        def enter() -> None:
            with real:
                call()

        return Program({"A": enter, "B": enter}, holds=lambda: True)

    with pytest.raises(RuntimeError, match=r"B has not come back from 'with real:' for 0\.2 s"):
        run(make, "AB")


def test_a_coroutine_that_awaits_what_needs_a_loop_is_refused() -> None:
    async def wait() -> None:
        await asyncio.sleep(0.01)

    async def explore_on_a_loop() -> None:
        explore(lambda: Program({"A": wait}, holds=lambda: True))

    # in a thread of its own, in which no other test has left a loop running
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(RuntimeError, match="A awaits Future, which needs a running event loop"),
    ):
        pool.submit(lambda: asyncio.run(explore_on_a_loop())).result()


def test_a_plain_with_that_would_wait_in_a_coroutine_is_the_runs_problem() -> None:
    def make() -> Program:
        lock = Lock()

        async def enter() -> None:
            with lock:
                await asyncio.sleep(0)

        return Program({"A": enter, "B": enter}, holds=lambda: True)

    problem = run(make, "AB").problem
    assert problem and "B is a coroutine and must write `async with`" in problem


def test_a_lock_outside_of_a_program_says_which_to_use_there() -> None:
    run(with_an_async_lock)
    with pytest.raises(RuntimeError, match=r"threading.Lock or asyncio.Lock elsewhere"), Lock():
        pass


def test_a_program_without_tasks_has_one_order() -> None:
    exploration = explore(lambda: Program({}, holds=lambda: True))
    assert [(one.schedule, one.problem) for one in exploration.runs] == [([], None)]
