"""An interrupt at any place of a call leaves a bus that works: see `interrupting`."""

import threading

import pytest

from .interrupting import BrokenByInterrupt, interrupt, sweep


class Locking:
    """A call that takes a lock, and a check whether it is free again."""

    def __init__(self, is_careful: bool = True) -> None:
        self.lock = threading.Lock()
        self.is_careful = is_careful

    def call(self) -> None:
        condition = threading.Condition(self.lock)
        with self.lock if self.is_careful else condition:
            condition.notify_all()

    def check(self) -> None:
        assert not self.lock.locked(), "the lock is held"

    def close(self) -> None:
        pass


def test_an_interrupt_comes_at_each_place_in_turn_and_then_at_none() -> None:
    places = [interrupt(Locking().call, place) for place in range(1, 50)]
    count = places.index(None)
    assert count > 5
    assert places[count:] == [None] * len(places[count:])


@pytest.mark.parametrize("instructions", [False, True])
def test_the_sweep_finds_a_lock_that_stays_held(instructions: bool) -> None:
    assert sweep(Locking, instructions=instructions) > 5
    with pytest.raises(BrokenByInterrupt, match=r"__(enter|exit)__"):
        sweep(lambda: Locking(is_careful=False), instructions=instructions)
