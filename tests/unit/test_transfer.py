"""Lesson 05's exercise: every right transfer is accepted, and equivalent orders are run once."""

from __future__ import annotations

import pytest

from eventkit.lab.lesson05 import exercise as protect
from eventkit.lab.lesson05.exercise import Account, Transfer, bank, distinct_runs
from eventkit.lab.theory.interleavings import Run, explore


def one_lock_after_the_other(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        if source.balance < amount:
            return
        source.balance -= amount
    with target.lock:
        target.balance += amount


def in_many_lines(source: Account, target: Account, amount: int) -> None:
    taken = False
    with source.lock:
        left = source.balance
        if left >= amount:
            left = left - amount
            source.balance = left
            taken = True
    if taken:
        with target.lock:
            there = target.balance
            there = there + amount
            target.balance = there


LONG = pytest.mark.long  # thousands of orders


@pytest.mark.parametrize(
    "attempt", [one_lock_after_the_other, pytest.param(in_many_lines, marks=LONG)]
)
def test_to_lock_one_account_after_the_other_is_right(attempt: Transfer) -> None:
    assert protect.diagnose(attempt) is None


def credit_without_a_lock(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        if source.balance < amount:
            return
        source.balance -= amount
    target.balance += amount


def check_and_debit_apart(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        enough = source.balance >= amount
    if enough:
        with source.lock:
            source.balance -= amount
        with target.lock:
            target.balance += amount


def credit_of_what_was_read_before(source: Account, target: Account, amount: int) -> None:
    with target.lock:
        there = target.balance
    with source.lock:
        if source.balance < amount:
            return
        source.balance -= amount
    with target.lock:
        target.balance = there + amount


@pytest.mark.parametrize(
    "attempt",
    [
        credit_without_a_lock,
        check_and_debit_apart,
        pytest.param(credit_of_what_was_read_before, marks=LONG),
    ],
)
def test_one_lock_after_the_other_with_a_gap_is_wrong(attempt: Transfer) -> None:
    said = protect.diagnose(attempt)
    assert said is not None
    assert "The end: what must hold does not" in said


def without_a_check(source: Account, target: Account, amount: int) -> None:
    source.balance -= amount
    target.balance += amount


def with_the_locks_apart(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        source.balance -= amount
    with target.lock:
        target.balance += amount


@pytest.mark.parametrize(
    ("attempt", "moves"),
    [
        (without_a_check, ("ab", "ab")),
        (without_a_check, ("ab", "ba")),
        pytest.param(with_the_locks_apart, ("ab", "ab"), marks=LONG),
        (protect.transfer, ("ab", "ba")),
    ],
)
def test_distinct_runs_end_in_every_way_that_all_orders_do(
    attempt: Transfer, moves: tuple[str, str]
) -> None:
    every = explore(bank(attempt, *moves)).runs
    distinct = list(distinct_runs(bank(attempt, *moves)))
    assert ends(distinct) == ends(every)
    assert len(distinct) < len(every)


def ends(runs: list[Run]) -> set[tuple[str | None, str]]:
    return {(one.problem, one.steps[-1].state) for one in runs}
