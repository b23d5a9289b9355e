"""Lesson 05: protect an invariant with as little locking as possible."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import eventkit as ek

from ..course.exercise import Exercise, NotAttempted, Wrong
from ..course.session import Table
from ..theory.interleavings import Lock, Program, Run, pause, run
from .schedule_picker import shown

Transfer = Callable[..., Any]

AMOUNT = 60
BEFORE = 100


class Account:
    """A balance, and the lock that belongs to it. To read the balance and to write it are two
    steps, also in `account.balance += 1`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = Lock(f"lock {name}")
        self.now = BEFORE

    @property
    def balance(self) -> int:
        read = self.now
        pause(f"reads {self.name}: {read}")
        return read

    @balance.setter
    def balance(self, value: int) -> None:
        self.now = value


def transfer(source: Account, target: Account, amount: int) -> None:
    """Move the amount from one account to another, if it is there. Each account has a `name`, a
    `balance`, and a `lock` to use in a `with` block. No balance may become negative, no money
    appear or vanish.
    """
    # solution begins
    first, second = sorted([source, target], key=lambda account: account.name)
    with first.lock, second.lock:
        if source.balance >= amount:
            source.balance -= amount
            target.balance += amount
    # solution ends


def bank(attempt: Transfer, *moves: str) -> Callable[[], Program]:
    """Return a maker of a program of simultaneous transfers; "ab" moves from account a to b."""

    def make() -> Program:
        accounts = {name: Account(name) for name in sorted(set("".join(moves)))}
        tasks = {
            task: partial(attempt, accounts[there[0]], accounts[there[1]], AMOUNT)
            for task, there in zip("AB", moves, strict=False)
        }
        return Program(
            tasks,
            holds=lambda: (
                min(one.now for one in accounts.values()) >= 0
                and sum(one.now for one in accounts.values()) == BEFORE * len(accounts)
            ),
            state=lambda: ", ".join(f"{name}: {one.now}" for name, one in accounts.items()),
        )

    return make


def hunt(make: Callable[[], Program]) -> Run | None:
    """Return the shortest run that goes wrong, preferably with few switches; or None."""
    longest = len(run(make).steps)
    few = (
        run(make, ["A"] * one + ["B"] * other + ["A"] * longest)
        for one, other in itertools.product(range(longest), repeat=2)
    )
    bad = [one for one in few if one.problem]
    bad = bad or [one for one in distinct_runs(make) if one.problem]
    return min(bad, key=lambda one: (len(one.steps), one.switches, one.schedule), default=None)


def distinct_runs(make: Callable[[], Program]) -> Iterator[Run]:
    """Run a program in every order that can make a difference.

    Two orders that lead to the same point have the same futures, so only one is followed. A point
    is the shared state and what each task has run so far, with the balances that it read and the
    locks that it took: a task's own variables depend on nothing else.
    """
    known: set[object] = set()
    waiting: list[list[str]] = [[]]
    while waiting:
        prefix = waiting.pop()
        one = run(make, prefix)
        for place, point in enumerate(_points(one)):
            if place < len(prefix):
                continue
            if point in known:
                break
            known.add(point)
            others = [task for task in one.choices[place] if task != one.schedule[place]]
            waiting += [[*one.schedule[:place], task] for task in others]
        yield one


def _points(one: Run) -> Iterator[object]:
    """Yield the point before each step."""
    ran: dict[str, tuple[tuple[str, str], ...]] = {}
    state = ""
    for step in one.steps:
        yield state, frozenset(ran.items())
        ran[step.task] = (*ran.get(step.task, ()), (step.line, step.note))
        state = step.state


def locks_taken(one: Run) -> dict[str, set[str]]:
    """Return the names of the locks that each task took."""
    taken: dict[str, set[str]] = {step.task: set() for step in one.steps}
    for step in one.steps:
        notes = step.note.split(", ")
        taken[step.task] |= {n.removeprefix("takes ") for n in notes if n.startswith("takes ")}
    return taken


def diagnose(attempt: Transfer) -> str | None:
    if wrong := alone(attempt):
        return wrong
    for moves in (("ab", "ab"), ("ab", "ba")):
        bad = hunt(bank(attempt, *moves))
        if bad is not None:
            return _with_schedule(meaning(bad), moves, bad)
    return waits_for_nothing(attempt)


def alone(attempt: Transfer) -> str | None:
    """Return what is wrong with a transfer that runs alone, or None."""
    if inspect.iscoroutinefunction(attempt):
        return "threads will run it: write a plain function, with `def` and `with`"
    for amount, rule in (
        (AMOUNT, "even without another transfer, the amount must be moved"),
        (BEFORE, "all that is on an account may be moved"),
        (BEFORE + 1, "if the money is not there, nothing is moved, and nothing is raised"),
    ):
        moves = amount if amount <= BEFORE else 0
        if wrong := _moved_wrongly(attempt, amount, [BEFORE - moves, BEFORE + moves]):
            return f"{rule}.\n  {wrong}"
    return None


def _moved_wrongly(attempt: Transfer, amount: int, expected: list[int]) -> str | None:
    results: list[Any] = []
    accounts = Account("a"), Account("b")
    moved = run(lambda: Program({"A": lambda: results.append(attempt(*accounts, amount))},
                                holds=lambda: True))  # fmt: skip
    if results and results[0] is ...:
        raise NotAttempted
    left = [account.now for account in accounts]
    if not moved.problem and left == expected:
        return None
    return f"Moving {amount} from a to b, with {BEFORE} on each, left {left[0]} and {left[1]}" + (
        f" ({moved.problem})." if moved.problem else "."
    )


def meaning(bad: Run) -> str:
    """Return the diagnosis of the belief that a failing run shows."""
    if bad.problem and bad.problem.startswith("deadlock"):
        return (
            "each transfer holds the lock that the other one waits for, and both wait for ever. "
            "A second lock did not make it safer: every thread must take locks in the same order"
        )
    taken = locks_taken(bad)
    if not any(taken.values()):
        return "no lock was taken, so another transfer came in between a check and its write"
    own = [{name for name in names if name in ("lock a", "lock b")} for names in taken.values()]
    if not any(own):
        return (
            "the lock that was taken is none of the accounts' locks. A lock made in the call is a "
            "new one each time: no other thread has it or waits for it, and it protects nothing"
        )
    if any(len(names) == 1 for names in own):
        return (
            "two accounts are changed, but only one of their locks is held: the thread that holds "
            "the other lock changes the same balance. Hold the lock of everything that you change"
        )
    if "-" in bad.steps[-1].state:
        return (
            "the check was made before the locks were taken. When the money is taken, the check "
            "is out of date: check and act in the same locked block"
        )
    return (
        "the locks are held while writing, but what is written was read before. A lock protects "
        "nothing that was read outside of it: read and write in the same locked block"
    )


def waits_for_nothing(attempt: Transfer) -> str | None:
    """Return what is wrong if transfers without a common account wait for each other."""
    moves = ("ab", "cd")
    make = bank(attempt, *moves)
    for steps in range(len(run(make).steps)):
        done = run(make, ["A"] * steps + ["B"] * 1_000)
        waiting = [n for n, step in enumerate(done.steps, 1) if step.note.startswith("waits")]
        if waiting:
            return _with_schedule(
                "it is right, but too careful: two transfers without a common account wait for "
                "each other. With one lock around everything, only one thread runs at a time: a "
                "second one is useless. Take the locks of the two accounts only",
                moves,
                done,
                waiting[0],
            )
    return None


def _with_schedule(said: str, moves: tuple[str, str], one: Run, steps: int | None = None) -> str:
    tasks = " and ".join(
        f"{task} moves {AMOUNT} from {there[0]} to {there[1]}"
        for task, there in zip("AB", moves, strict=True)
    )
    end = f"\nThe end: {one.problem}." if one.problem else ""
    table = Table(
        ["step", "task", "what it ran", "balances"],
        [
            [number, step.task, shown(step), step.state]
            for number, step in enumerate(one.steps[:steps], 1)
        ],
    )
    return f"{said}.\n{tasks}, with {BEFORE} on each account:\n{table!r}{end}"


def _no_lock(source: Account, target: Account, amount: int) -> None:
    if source.balance >= amount:
        source.balance -= amount
        target.balance += amount


def _locks_around_the_write(source: Account, target: Account, amount: int) -> None:
    left, more = source.balance - amount, target.balance + amount
    first, second = sorted([source, target], key=lambda account: account.name)
    with first.lock, second.lock:
        if left >= 0:
            source.balance = left
            target.balance = more


def _check_outside(source: Account, target: Account, amount: int) -> None:
    if source.balance >= amount:
        first, second = sorted([source, target], key=lambda account: account.name)
        with first.lock, second.lock:
            source.balance -= amount
            target.balance += amount


def _fresh_lock(source: Account, target: Account, amount: int) -> None:
    with ek.interleavings.Lock("my lock"):
        if source.balance >= amount:
            source.balance -= amount
            target.balance += amount


def _opposite_order(source: Account, target: Account, amount: int) -> None:
    with source.lock, target.lock:
        if source.balance >= amount:
            source.balance -= amount
            target.balance += amount


def _source_only(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        if source.balance >= amount:
            source.balance -= amount
            target.balance += amount


def _no_check(source: Account, target: Account, amount: int) -> None:
    first, second = sorted([source, target], key=lambda account: account.name)
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount


def _leaves_something(source: Account, target: Account, amount: int) -> None:
    first, second = sorted([source, target], key=lambda account: account.name)
    with first.lock, second.lock:
        if source.balance > amount:
            source.balance -= amount
            target.balance += amount


_everything = Lock("the one lock")


def _one_lock_for_all(source: Account, target: Account, amount: int) -> None:
    with _everything:
        if source.balance >= amount:
            source.balance -= amount
            target.balance += amount


exercise = Exercise(
    name="protect_the_invariant",
    solution=transfer,
    diagnose=diagnose,
    hints=(
        "What must nobody change between your check and your last write? Each of these things "
        "has a lock.",
        "Take both locks before you check, and let go after the last write. Then think of a "
        "transfer that goes the other way at the same time: which lock does it take first?",
        "Sort the two accounts by name, call them first and second, and put everything into "
        "`with first.lock, second.lock:`.",
    ),
    praise="No order loses money, no transfer waits for ever, and strangers do not wait at all.",
    wrong=[
        Wrong("it printed the right number, so it is safe", _no_lock, "no lock was taken"),
        Wrong("only writing is dangerous", _locks_around_the_write, "nothing that was read"),
        Wrong("what I checked stays true", _check_outside, "check is out of date"),
        Wrong("any lock protects", _fresh_lock, "a new one each time"),
        Wrong("more locks are safer", _opposite_order, "in the same order"),
        Wrong("the giver's lock will do", _source_only, "Hold the lock of everything"),
        Wrong("one lock around everything", _one_lock_for_all, "too careful"),
        Wrong("locks make a check needless", _no_check, "nothing is moved"),
        Wrong("something must stay", _leaves_something, "all that is on an account"),
    ],
)
