"""What the tank's picture shows is what its queue did: after every step, and in between."""

from __future__ import annotations

import threading
from time import perf_counter_ns
from typing import Any

from hypothesis import given, settings, strategies as st

from eventkit import Event
from eventkit.executors.queue import Overflow
from eventkit.lab import Tank
from eventkit.lab.lesson07.follower import Follower
from eventkit.lab.lesson07.tank_picture import Flow, picture_of
from eventkit.testing import LONG, wait_until

from ..tiers import rounds

LOSING: list[Overflow] = ["drop_oldest", "drop_newest", "raise"]
EVENTS = 25

steps = st.lists(st.booleans(), max_size=EVENTS)  # True: an event comes; False: one is answered


class Held(Tank):
    """A tank whose work on an event ends when the test says so."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(work=0, **settings)
        self.done = {number: threading.Event() for number in range(1, EVENTS + 1)}

    def _handle(self, event: Event) -> None:
        assert self.done[event.data].wait(LONG)
        super()._handle(event)


class Model:
    """A queue in a few lines: who waits, who is worked on, who was answered and who was lost."""

    def __init__(self, workers: int, capacity: int | None, policy: Overflow) -> None:
        self.workers, self.capacity, self.policy = workers, capacity, policy
        self.waiting: list[int] = []
        self.working: list[int] = []
        self.answered: list[int] = []
        self.lost: list[int] = []

    def come(self, number: int) -> None:
        if self.capacity is None or len(self.waiting) < self.capacity:
            self.waiting.append(number)
        elif self.policy == "drop_oldest":
            self.lost.append(self.waiting.pop(0))
            self.waiting.append(number)
        else:
            self.lost.append(number)
        self.begin()

    def answer(self) -> int:
        number = self.working.pop(0)
        self.answered.append(number)
        self.begin()
        return number

    def begin(self) -> None:
        while self.waiting and len(self.working) < self.workers:
            self.working.append(self.waiting.pop(0))

    @property
    def picture(self) -> dict[str, Any]:
        return {
            "waiting": self.waiting,
            "level": len(self.waiting),
            "working": self.working,
            "answered": [len(self.answered), *self.answered[-8:]],
            "lost": len(self.lost),
            "held": None,
        }


def drawn(tank: Tank, follower: Follower) -> dict[str, Any]:
    """The tank's picture now. Every event is in it once, and never more wait than have room."""
    places = follower.look()
    frame = picture_of(tank, places, Flow(), [])
    everywhere = [
        *places.waiting, *places.working, *places.answered, *places.cut_off,
        *(one.number for one in places.lost), *filter(None, [places.held_up]),
    ]  # fmt: skip
    assert sorted(everywhere) == list(range(1, places.came + 1))
    assert frame["held"] is None or tank.title == "block"
    assert frame["level"] == len(places.waiting) <= (tank.capacity or places.came)
    assert {number for number, _, _ in frame["fallen"]} <= {one.number for one in places.lost}
    return frame


@settings(max_examples=rounds("EVENTKIT_EXAMPLES", quick=40, long=500))
@given(steps, st.integers(1, 3), st.none() | st.integers(1, 4), st.sampled_from(LOSING))
def test_after_every_step_the_picture_is_that_of_a_plain_queue(
    steps: list[bool], workers: int, capacity: int | None, policy: Overflow
) -> None:
    tank = Held(workers=workers, capacity=capacity, overflow=policy)
    follower, model = Follower(tank), Model(workers, capacity, policy)

    def is_as_in_the_model() -> bool:
        frame = drawn(tank, follower)
        return {part: frame[part] for part in model.picture} == model.picture

    with tank.opened():
        for comes in steps:
            take_a_step(tank, model, comes)
            wait_until(is_as_in_the_model, what=lambda: f"{model.picture}")
            assert (tank.waiting, len(tank.times), tank.lost, tank.came) == (
                len(model.waiting), len(model.answered), len(model.lost), follower.look().came,
            )  # fmt: skip
        for done in tank.done.values():
            done.set()
        tank.bus.drain(LONG)


def take_a_step(tank: Held, model: Model, comes: bool) -> None:
    if comes:
        tank._fire(perf_counter_ns())
        model.come(tank.came)
    elif model.working:
        tank.done[model.answer()].set()


@settings(max_examples=rounds("EVENTKIT_EXAMPLES", quick=10, long=100))
@given(st.integers(1, 3), st.integers(1, 5), st.sampled_from(["block", *LOSING]))
def test_a_look_at_any_moment_of_an_overload_finds_every_event_once(
    workers: int, capacity: int, policy: Overflow
) -> None:
    tank = Tank(400, 0.004, workers, capacity, policy, seconds=0.1)
    follower = Follower(tank)
    thread = threading.Thread(target=tank.run)
    thread.start()
    while thread.is_alive():
        drawn(tank, follower)
        thread.join(0.001)
    frame = drawn(tank, follower)
    assert (frame["answered"][0], frame["lost"]) == (len(tank.times), tank.lost)
    assert (frame["level"], frame["working"], frame["held"]) == (0, [], None)
