"""Events share nothing but their data: no context variables, and no end of a worker."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

import eventkit as ek
from eventkit.testing import LONG

from .test_executors import (
    MAKERS,
    Setting,
    every_local,
    every_queue,
    given_loop as given_loop,
    setting as setting,
)

user: contextvars.ContextVar[str] = contextvars.ContextVar("user")


class Ends(BaseException):
    """No Exception, and unknown to every library."""


NOT_EXCEPTIONS = [
    SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration,
    asyncio.CancelledError, RecursionError, MemoryError, Ends,
]  # fmt: skip


def make_handler(kind: str, plain: Any) -> Any:
    """The kind of handler that gives way, if this executor has one."""

    async def by_await(event: ek.Event) -> None:
        await asyncio.sleep(0)
        plain(event)

    def by_yield(event: ek.Event) -> Any:
        yield ek.Delay(0)
        plain(event)

    if kind.startswith("EventLoop"):
        return by_await
    return by_yield if kind == "Selector" else plain


@every_local
@pytest.mark.parametrize("gives_way", [False, True])
def test_no_event_sees_the_context_of_its_firer_or_of_another_event(
    setting: Setting, gives_way: bool
) -> None:
    seen: list[str | None] = []

    def handle(event: ek.Event) -> None:
        seen.append(user.get(None))
        user.set(event.data)
        seen.append(None if user.get() == event.data else user.get())

    handler = make_handler(setting.kind, handle) if gives_way else handle
    setting.bus.subscribe("a", handler, executor=setting.make())

    def fire(place: int) -> None:
        user.set(f"firer {place}")
        for number in range(50):
            setting.bus.fire("a", f"{place}-{number}", key=[None, "k"][number % 2])
        setting.bus.drain(LONG)

    for place in range(3):
        thread = threading.Thread(target=fire, args=(place,))
        thread.start()
        thread.join(LONG)
    assert seen == [None] * 300


@every_queue
@pytest.mark.parametrize("error", NOT_EXCEPTIONS)
@pytest.mark.parametrize("gives_way", [False, True])
def test_what_is_no_exception_becomes_a_dead_letter_and_the_worker_goes_on(
    setting: Setting, error: type[BaseException], gives_way: bool
) -> None:
    good: list[int] = []

    def handle(event: ek.Event) -> None:
        if event.data % 2:
            raise error("odd")
        good.append(event.data)

    handler = make_handler(setting.kind, handle) if gives_way else handle
    setting.bus.subscribe("a", handler, executor=setting.make())
    for number in range(20):
        setting.bus.fire("a", number, key=[None, "k"][number % 4 // 2])
    setting.bus.drain(LONG)
    assert sorted(good) == list(range(0, 20, 2))
    assert sorted(one.event.data for one in setting.bus.dead_letters) == list(range(1, 20, 2))


@every_queue
@pytest.mark.parametrize("error", NOT_EXCEPTIONS)
def test_a_report_that_fails_does_not_end_the_worker(
    setting: Setting, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    good: list[int] = []

    def handle(event: ek.Event) -> None:
        if event.data % 2:
            raise ValueError("odd")
        good.append(event.data)

    def fail(*_: object) -> None:
        raise error("cannot report")

    subscription = setting.bus.subscribe("a", handle, executor=setting.make())
    monkeypatch.setattr(subscription, "failed", fail)
    for number in range(20):
        setting.bus.fire("a", number)
    setting.bus.drain(LONG)
    assert sorted(good) == list(range(0, 20, 2))


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "EventLoop(loop)"])
def test_a_thread_that_cannot_start_costs_at_most_its_own_event(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    got: list[int] = []
    setting.bus.subscribe("a", lambda event: got.append(event.data), executor=setting.make())
    monkeypatch.setattr(threading.Thread, "start", fail)
    setting.bus.fire("a", 0)
    monkeypatch.undo()
    setting.bus.drain(LONG)
    for number in (1, 2):
        setting.bus.fire("a", number)
        setting.bus.drain(LONG)
    assert got == [1, 2]
    assert [one.event.data for one in setting.bus.dead_letters] == [0]
