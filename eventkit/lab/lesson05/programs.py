"""The small programs of the interleaving picker, from easy to hard: some go wrong, some cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..theory.interleavings import Lock, Program, Semaphore


class Count:
    """The count that two visitors share."""

    def __init__(self) -> None:
        self.count = 0

    def program(self, visit: Callable[[], Any]) -> Program:
        return Program(
            {"A": visit, "B": visit},
            holds=lambda: self.count == 2,
            state=lambda: f"count = {self.count}",
        )


def say_hello() -> None:
    """Do nothing: any call will do here."""


def threads_that_lose() -> Program:
    door = Count()

    def visit() -> None:
        before = door.count
        say_hello()
        door.count = before + 1

    return door.program(visit)


def threads_with_a_lock() -> Program:
    door, lock = Count(), Lock()

    def visit() -> None:
        with lock:
            before = door.count
            say_hello()
            door.count = before + 1

    return door.program(visit)


def threads_with_a_semaphore() -> Program:
    door, places = Count(), Semaphore(2, "two places")

    def visit() -> None:
        with places:
            before = door.count
            door.count = before + 1

    return door.program(visit)


def threads_that_tell_twice() -> Program:
    door, told = Count(), list[str]()

    def visit() -> None:
        door.count += 1
        if door.count == 2:
            told.append("full")

    return Program(
        {"A": visit, "B": visit},
        holds=lambda: len(told) == 1,
        state=lambda: f"count = {door.count}, times told: {len(told)}",
    )


def coroutines_that_lose() -> Program:
    door = Count()

    async def visit() -> None:
        before = door.count
        await asyncio.sleep(0)
        door.count = before + 1

    return door.program(visit)


def coroutines_without_a_gap() -> Program:
    door = Count()

    async def visit() -> None:
        await asyncio.sleep(0)
        before = door.count
        door.count = before + 1

    return door.program(visit)


def two_locks(same_order: bool) -> Program:
    left, right = Lock("left"), Lock("right")
    moved: list[str] = []

    def there() -> None:
        with left:
            say_hello()
            with right:
                moved.append("there")

    def back() -> None:
        with right:
            say_hello()
            with left:
                moved.append("back")

    def back_in_order() -> None:
        with left:
            say_hello()
            with right:
                moved.append("back")

    return Program(
        {"A": there, "B": back_in_order if same_order else back},
        holds=lambda: len(moved) == 2,
        state=lambda: f"left: {_holder(left)}, right: {_holder(right)}",
    )


def _holder(lock: Lock) -> str:
    return " ".join(lock.holders) or "free"


PROGRAMS: dict[str, Callable[[], Program]] = {
    "Threads: read, call, write": threads_that_lose,
    "Threads: the same in a lock": threads_with_a_lock,
    "Threads: the same with two places": threads_with_a_semaphore,
    "Threads: count, then tell at two": threads_that_tell_twice,
    "Coroutines: read, await, write": coroutines_that_lose,
    "Coroutines: await, then read and write": coroutines_without_a_gap,
    "Two locks, taken in opposite order": lambda: two_locks(same_order=False),
    "Two locks, taken in one order": lambda: two_locks(same_order=True),
}
