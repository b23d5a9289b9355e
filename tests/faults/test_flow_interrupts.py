"""A KeyboardInterrupt at any point of a call that concerns a flow, and at random moments: the next
event passes, `drain` returns, no lock stays held, and no event that was accepted is lost.

Python looks for signals after calls, at the start of functions and at the end of loops' rounds.
The sweep raises at each such point of the package in turn.
"""

from __future__ import annotations

import dis
import inspect
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import eventkit as ek
from eventkit.flow import Flow
from eventkit.testing import LONG

from ..tiers import IS_LONG

_PACKAGE = ek.__name__
_POINTS = {"RESUME", "JUMP_BACKWARD", "BEFORE_WITH"}

FLOWS: dict[str, Callable[[], Flow]] = {
    "coalesce": lambda: ek.Coalesce(0.001),
    "debounce": lambda: ek.Debounce(0.001),
    "debounce leading": lambda: ek.Debounce(0.001, leading=True),
    "throttle": lambda: ek.Throttle(0.001),
    "batch full": lambda: ek.Batch(2, 0.001),
    "batch late": lambda: ek.Batch(9, 0.001),
    "bucket": lambda: ek.TokenBucket(100_000, 1, wait=LONG),
    "bucket that drops": lambda: ek.TokenBucket(1000, 1),
}


class Interrupt:
    """Raises KeyboardInterrupt at one of the points where Python looks for signals."""

    def __init__(self, point: int):
        self.left = point
        self.was_raised = False
        self._last: dict[FrameType, int] = {}

    def __enter__(self) -> Interrupt:
        self._before = sys.gettrace()
        if here := inspect.currentframe():
            here.f_trace_opcodes = True  # or Python 3.12 traces none in the first block
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(_PACKAGE + "."):
            return None
        frame.f_trace = self._trace  # first: Python 3.13 traces no instructions without it
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self._count(frame)
        return self._trace

    def _count(self, frame: FrameType) -> None:
        last = self._last.get(frame)
        self._last[frame] = frame.f_lasti
        if last is None or self.was_raised:
            return
        name = dis.opname[frame.f_code.co_code[last]]
        if name in _POINTS or name.startswith("CALL"):
            self.left -= 1
            if self.left < 0:
                self.was_raised = True
                raise KeyboardInterrupt


class System:
    """A bus with one subscription behind a flow, and what became of each event fired."""

    def __init__(self, flow: Flow):
        self.bus = ek.EventBus()
        self.got: list[int] = []
        self.subscription = self.bus.subscribe("t", self._handle, flow=flow)
        self.fired = 0

    def _handle(self, event: ek.Event) -> None:
        batch = event.data if isinstance(event.data, tuple) else (event,)
        self.got.extend(one.data for one in batch)

    def fire(self) -> None:
        self.fired += 1
        self.bus.fire("t", self.fired)

    def check(self, unsure: int = 0) -> None:
        """The next event passes in another thread, and every event is accounted for."""
        problems: list[BaseException] = []

        def go_on() -> None:
            try:
                self.fire()
                self.bus.drain(LONG)
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        thread.join(2 * LONG)
        assert not thread.is_alive()
        assert not problems
        self.bus.drain(0)
        self._check_accounts(unsure)

    def _check_accounts(self, unsure: int) -> None:
        stage = self.subscription.stage
        assert stage is not None
        assert len(set(self.got)) == len(self.got), "delivered twice"
        is_batch = isinstance(stage.flow, ek.Batch)
        left_out = stage.dropped + (0 if is_batch else stage.merged)
        accounted = len(self.got) + left_out + len(self.bus.dead_letters)
        assert self.fired - unsure <= accounted <= self.fired + unsure
        if stage.flow.is_quota is False and not stage.dropped:
            assert self.fired in self.got, "the last event came out"


def fire(system: System) -> None:
    system.fire()


def fire_and_drain(system: System) -> None:
    system.fire()
    system.bus.drain(LONG)


def flush(system: System) -> None:
    assert system.subscription.stage is not None
    system.subscription.stage.flush()


def sweep(make: Callable[[], Flow], act: Callable[[System], None], step: int) -> int:
    """Interrupt `act` at every point, or every `step`th. Return how many there are."""
    point = 0
    while True:
        system = System(make())
        system.fire()
        try:
            with Interrupt(point) as interrupt:
                act(system)
        except KeyboardInterrupt:
            pass
        if not interrupt.was_raised:
            system.check()
            return point
        try:
            system.check(unsure=1)
        except AssertionError as problem:
            raise AssertionError(f"interrupted at point {point}") from problem
        point += step


@pytest.mark.thorough
@pytest.mark.parametrize("act", [fire, fire_and_drain, flush])
@pytest.mark.parametrize("name", FLOWS)
def test_an_interrupt_at_any_point_leaves_a_flow_usable(
    name: str, act: Callable[[System], None]
) -> None:
    assert sweep(FLOWS[name], act, 1 if IS_LONG else 7) > 5


@pytest.mark.thorough
@pytest.mark.parametrize("name", FLOWS)
def test_interrupts_at_random_moments_leave_a_flow_usable(name: str) -> None:
    system, interrupts, number = System(FLOWS[name]()), 0, 500 if IS_LONG else 50

    def fire_until_interrupted(after: float) -> None:
        """In a function of its own: some Pythons raise at the jump back, outside the `try`. Python
        may swallow the interrupt, as in a finaliser: then it ends before the flow has too much.
        """
        signal.setitimer(signal.ITIMER_REAL, after)
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            system.fire()

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        while interrupts < number:
            try:
                fire_until_interrupted(0.0001 * (1 + interrupts % 17))
            except KeyboardInterrupt:
                interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    system.check(unsure=interrupts)


@pytest.mark.parametrize("name", FLOWS)
def test_a_signal_handler_may_fire_into_the_flow_that_it_has_interrupted(name: str) -> None:
    """Neither waits for the other, and each event is accounted for exactly."""
    system, signals = System(FLOWS[name]()), 0

    def fire_more(*_: object) -> None:
        nonlocal signals
        signals += 1
        system.fire()

    before = signal.signal(signal.SIGALRM, fire_more)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + LONG
        while signals < 100 and time.monotonic() < end:
            system.bus.fire("other")
            system.fire()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert signals >= 100
    system.check()


@pytest.mark.parametrize("ask", ["take", "try_take"])
def test_a_signal_handler_may_ask_the_bucket_that_it_has_interrupted(ask: str) -> None:
    """No token is given out twice: the clock stands still, so that all of them are counted."""
    bucket = ek.TokenBucket(1, 10**9, clock=ek.ManualClock())
    take, taken, signals = getattr(bucket, ask), 0, 0

    def take_one(*_: object) -> None:
        nonlocal signals
        signals += 1
        take()

    before = signal.signal(signal.SIGALRM, take_one)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        while signals < 300:
            take()
            taken += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert bucket.tokens == 10**9 - taken - signals
