"""A KeyboardInterrupt at any instruction of `fire_async`: the next events are handled, and a plain
fire is refused as before.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextlib import nullcontext, suppress
from contextvars import copy_context
from typing import Any

import pytest

import eventkit as ek

from ..tiers import mostly_long
from .interrupting import sweep

whether_recorded = pytest.mark.parametrize("is_recorded", mostly_long([False, True], False))


def drive(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that never has to wait, without a loop."""
    with suppress(StopIteration):
        coroutine.send(None)
        raise AssertionError("it waits for something")


class Interrupted:
    """A bus with awaited and inline handlers, and what became of the events."""

    def __init__(self, is_recorded: bool) -> None:
        self.bus = ek.EventBus()
        self.got: list[object] = []
        self._context = copy_context()
        self._recording: Any = self.bus.record() if is_recorded else nullcontext()
        self._recording.__enter__()
        self.bus.subscribe("a", self._step, executor=ek.Awaited(), emits="b", priority=2)
        self.bus.subscribe("a", self.note, priority=1)
        self.bus.subscribe("a", self._note, executor=ek.Awaited())
        self.bus.subscribe("b", self._note, executor=ek.Awaited())

    async def _step(self, event: ek.Event) -> object:
        return event.data

    async def _note(self, event: ek.Event) -> None:
        self.note(event)

    def note(self, event: ek.Event) -> None:
        self.got.append((event.topic, event.data))

    def call(self) -> None:
        self._context.run(drive, self.bus.fire_async("a", 1))

    def check(self) -> None:
        self._context.run(self._check)

    def _check(self) -> None:
        self.bus.dead_letters.clear()
        self.bus.fire("b", "plain")
        assert len(self.bus.dead_letters) == 1, "a plain fire was accepted, and lost"
        self.got.clear()
        drive(self.bus.fire_async("a", 2))
        assert self.got == [("b", 2), ("a", 2), ("a", 2)]
        assert len(self.bus.dead_letters) == 1
        self.bus.drain(5)

    def close(self) -> None:
        self._recording.__exit__(None, None, None)


# Between making a coroutine and awaiting it, an interrupt leaves one that never ran.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.usefixtures("quiet")
@whether_recorded
def test_an_interrupt_at_any_instruction_of_fire_async(is_recorded: bool) -> None:
    assert sweep(lambda: Interrupted(is_recorded), instructions=True) > 200


class Kept(Interrupted):
    """As above, and the handlers go on when they are cancelled."""

    async def _step(self, event: ek.Event) -> object:
        await _bear_cancellation()
        return event.data

    async def _note(self, event: ek.Event) -> None:
        await _bear_cancellation()
        self.note(event)

    def call(self) -> None:
        self._context.run(cancel_at_each_wait, self.bus.fire_async("a", 1))

    def _check(self) -> None:
        self.bus.dead_letters.clear()
        self.bus.fire("b", "plain")
        assert len(self.bus.dead_letters) == 1, "a plain fire was accepted, and lost"


@types.coroutine
def _wait() -> Generator[None, None, None]:
    yield


async def _bear_cancellation() -> None:
    with suppress(asyncio.CancelledError):
        await _wait()


def cancel_at_each_wait(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine without a loop, and cancel whatever it waits for."""
    with suppress(StopIteration):
        coroutine.send(None)
        while True:
            coroutine.throw(asyncio.CancelledError())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.usefixtures("quiet")
@whether_recorded
def test_an_interrupt_at_any_instruction_while_handlers_bear_a_cancellation(
    is_recorded: bool,
) -> None:
    assert sweep(lambda: Kept(is_recorded), instructions=True) > 200
