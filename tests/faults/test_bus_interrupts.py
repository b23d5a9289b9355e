"""An interrupt at any place of a bus's calls: the bus goes on, and accounts for every event."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest

import eventkit as ek
from eventkit.executors.queue import Overflow
from eventkit.testing import LONG

from ..tiers import IS_LONG
from .interrupting import sweep

QUICK_STEP = 53  # lines between two that the quick form tries
LONG_STEP = 3  # of instructions: all of them would take a quarter of an hour
OVERFLOWS: tuple[Overflow, ...] = ("block", "drop_oldest", "drop_newest", "raise")


def small(overflow: Overflow) -> Callable[[], ek.Threads]:
    return lambda: ek.Threads(2, capacity=1, overflow=overflow)


EXECUTORS: dict[str, Callable[[], Any]] = {
    "Inline": ek.Inline,
    "Threads(1)": lambda: ek.Threads(1),
    **{f"Threads(2, {overflow})": small(overflow) for overflow in OVERFLOWS},
    "EventLoop": ek.EventLoop,
    "Selector": ek.Selector,
    "Greenlets": ek.Greenlets,
}
every_executor = pytest.mark.parametrize("kind", EXECUTORS)
recorded = pytest.param(True, marks=pytest.mark.long, id="recorded")
whether_recorded = pytest.mark.parametrize("is_recorded", [pytest.param(False, id=""), recorded])
pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("quiet")]


class Interrupted:
    """A bus with a listener and a processor on one executor, one of whose calls is interrupted."""

    def __init__(self, kind: str, is_recorded: bool, call: Callable[[Interrupted], object]) -> None:
        self.bus = ek.EventBus()
        self.executor = EXECUTORS[kind]()
        self.handled: Counter[int] = Counter()
        self.accepted: list[int] = []
        self.released = threading.Event()
        self.may_be_closed = False
        self.is_over = threading.Event()
        self._call = call
        self.bus.subscribe("a", self.handle, executor=self.executor)
        self.bus.subscribe("ask", lambda event: event.data, executor=self.executor, emits="answer")
        self._recording = self.bus.record() if is_recorded else nullcontext()
        self._recording.__enter__()

    def handle(self, event: ek.Event) -> None:
        if event.data == "hold":
            self.released.wait(LONG)
        self.handled[event.id] += 1
        if event.data == "fail":
            raise ValueError("made to fail")

    def call(self) -> object:
        return self._call(self)

    def fire(self, data: object = None) -> None:
        with suppress(ek.QueueFull):
            self.accepted.append(self.bus.fire("a", data).id)

    def check(self) -> None:
        """From another thread, which a lock that is held here would keep out, and then here."""
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._check, args=(failures,), daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "stuck"
        for failure in failures:
            raise failure
        self._goes_on()
        self.bus.close(5)
        with pytest.raises(ek.BusClosed):
            self.bus.fire("a")
        self._account()

    def _check(self, failures: list[BaseException]) -> None:
        try:
            self._goes_on()
        except BaseException as failure:
            failures.append(failure)

    def _goes_on(self) -> None:
        """The next events are handled, and every other call works."""
        try:
            self.bus.drain(5)
            for _ in range(2):
                self._next_event()
            assert self.bus.request("ask", 7, timeout=5).data == 7
            self._subscribe_again()
            self._record_again()
        except ek.BusClosed:
            assert self.may_be_closed

    def _next_event(self) -> None:
        event = self.bus.fire("a")
        self.accepted.append(event.id)
        self.bus.drain(5)
        assert self.handled[event.id] == 1, "the next event was not handled"

    def _subscribe_again(self) -> None:
        got: list[object] = []
        with self.bus.subscribe("other", lambda event: got.append(event.data)):
            self.bus.fire("other", 1)
        self.bus.fire("other", 2)
        assert got == [1], "a subscription does not begin or does not end"

    def _record_again(self) -> None:
        self._recording.__exit__(None, None, None)
        self._recording = nullcontext()
        with self.bus.record() as timeline:
            self._next_event()
        self._next_event()
        assert len(timeline.journeys("a")) == 1, "a recording does not begin or does not end"

    def _account(self) -> None:
        assert all(count == 1 for count in self.handled.values()), "handled twice"
        dead = {letter.event.id for letter in self.bus.dead_letters}
        lost = set(self.accepted) - self.handled.keys() - dead
        dropped = getattr(self.executor, "dropped", 0)
        assert len(lost) <= dropped, f"lost: {lost}, and {dropped} dropped"

    def close(self) -> None:
        self.is_over.set()
        self.released.set()
        with suppress(ek.BusClosed):
            self.bus.close(5)


def sweep_over(make: Callable[[], Interrupted]) -> None:
    """Per instruction in the long form, at some of the lines in the quick one."""
    places = sweep(make, instructions=IS_LONG, step=LONG_STEP if IS_LONG else QUICK_STEP)
    print(f"{places} places")
    assert places > 3


def survives(
    kind: str,
    is_recorded: bool,
    call: Callable[[Interrupted], object],
    prepare: Callable[[Interrupted], object] = lambda setting: None,
) -> None:
    """Sweep over the call on a bus that has been prepared."""

    def make() -> Interrupted:
        setting = Interrupted(kind, is_recorded, call)
        prepare(setting)
        return setting

    sweep_over(make)


def used(setting: Interrupted) -> None:
    setting.fire()
    setting.bus.drain(LONG)


@every_executor
@pytest.mark.parametrize("is_recorded", [False, True], ids=["", "recorded"])
def test_the_first_fire(kind: str, is_recorded: bool) -> None:
    survives(kind, is_recorded, Interrupted.fire)


@every_executor
@whether_recorded
def test_fires_one_upon_the_other(kind: str, is_recorded: bool) -> None:
    def call(setting: Interrupted) -> None:
        for _ in range(3):
            setting.fire()

    survives(kind, is_recorded, call, used)


@every_executor
@whether_recorded
def test_fire_at_a_handler_that_fails(kind: str, is_recorded: bool) -> None:
    survives(kind, is_recorded, lambda setting: setting.fire("fail"), used)


@every_executor
@whether_recorded
def test_publish(kind: str, is_recorded: bool) -> None:
    survives(kind, is_recorded, lambda setting: setting.bus.publish(ek.Event("a", key="k")))


@every_executor
@whether_recorded
def test_request(kind: str, is_recorded: bool) -> None:
    survives(kind, is_recorded, lambda setting: setting.bus.request("ask", 1, timeout=LONG))


@every_executor
@whether_recorded
def test_wait_for(kind: str, is_recorded: bool) -> None:
    def prepare(setting: Interrupted) -> None:
        def keep_firing() -> None:
            with suppress(ek.BusClosed):
                while not setting.is_over.wait(0.0005):
                    setting.bus.fire("awaited")

        threading.Thread(target=keep_firing, daemon=True).start()

    survives(kind, is_recorded, lambda setting: setting.bus.wait_for("awaited", LONG), prepare)


@every_executor
def test_record(kind: str) -> None:
    def call(setting: Interrupted) -> None:
        with setting.bus.record():
            setting.fire()

    survives(kind, False, call)


@every_executor
@whether_recorded
def test_subscribe(kind: str, is_recorded: bool) -> None:
    def make() -> Interrupted:
        executor, flow = EXECUTORS[kind](), ek.Batch(2, within=1)
        return Interrupted(
            kind,
            is_recorded,
            lambda setting: setting.bus.subscribe("b.*", str, executor=executor, flow=flow),
        )

    sweep_over(make)


class Cancelling(Interrupted):
    """The call cancels a subscription that has had an event."""

    def __init__(self, kind: str, is_recorded: bool) -> None:
        super().__init__(kind, is_recorded, lambda setting: self.subscription.cancel())
        self.got: list[ek.Event] = []
        self.subscription = self.bus.subscribe("b", self.got.append, executor=self.executor)
        self.bus.fire("b")
        self.bus.drain(LONG)

    def _goes_on(self) -> None:
        """Nothing is half cancelled: it gets events or does not, and can be cancelled again."""
        super()._goes_on()
        self.bus.fire("b")
        self.bus.drain(5)
        self.subscription.cancel()
        before = len(self.got)
        self.bus.fire("b")
        self.bus.drain(5)
        assert len(self.got) == before, "it was cancelled and gets events"


@every_executor
@whether_recorded
def test_cancel(kind: str, is_recorded: bool) -> None:
    sweep_over(lambda: Cancelling(kind, is_recorded))


def busy(setting: Interrupted) -> None:
    """Some handlers wait, for a hundredth of a second; with Inline there are none."""
    if setting.executor.name == "inline":
        return
    for _ in range(2):
        setting.fire("hold")
    release = threading.Timer(0.01, setting.released.set)
    release.daemon = True
    release.start()


@every_executor
@whether_recorded
def test_drain(kind: str, is_recorded: bool) -> None:
    survives(kind, is_recorded, lambda setting: setting.bus.drain(LONG), busy)


@every_executor
@whether_recorded
def test_close(kind: str, is_recorded: bool) -> None:
    def prepare(setting: Interrupted) -> None:
        setting.may_be_closed = True
        busy(setting)

    survives(kind, is_recorded, lambda setting: setting.bus.close(LONG), prepare)


@every_executor
def test_close_in_too_little_time(kind: str) -> None:
    def prepare(setting: Interrupted) -> None:
        setting.may_be_closed = True
        busy(setting)

    survives(kind, False, lambda setting: setting.bus.close(0.001), prepare)
