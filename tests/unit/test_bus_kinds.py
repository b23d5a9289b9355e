"""EventBus: whole kinds of faults, each tried in its variants: what a handler raises, code that
would never run, reports that fail, calls that would wait for themselves, values at the door.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import logging
import math
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

import eventkit as ek
from eventkit import testing
from eventkit.event import decode, encode
from eventkit.timeline import Timeline

from .conftest import LONG, Gate

whether_recorded = pytest.mark.parametrize("is_recorded", [False, True], ids=["", "recorded"])


pytestmark = pytest.mark.usefixtures("quiet")


def recording(bus: ek.EventBus, is_recorded: bool) -> Any:
    return bus.record() if is_recorded else nullcontext()


def raising(error: type[BaseException]) -> Callable[[ek.Event], None]:
    def handler(event: ek.Event) -> None:
        raise error("made to fail")

    return handler


# What a handler raises

NO_EXCEPTIONS = [SystemExit, GeneratorExit, StopIteration, asyncio.CancelledError, BaseException]
EXECUTORS: dict[str, Callable[[], Any]] = {
    "inline": lambda: None,
    "threads": lambda: ek.Threads(1),
    "event loop": ek.EventLoop,
    "selector": ek.Selector,
}


@pytest.mark.parametrize("how", ["request", "request_async"])
@pytest.mark.parametrize("error", NO_EXCEPTIONS)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_request_raises_when_its_processor_ends_with_what_is_no_exception(
    bus: ek.EventBus, executor: str, error: type[BaseException], how: str
) -> None:
    def ask() -> None:
        if how == "request":
            bus.request("ask", timeout=LONG)
        else:
            asyncio.run(bus.request_async("ask", timeout=LONG))

    bus.subscribe("ask", raising(error), emits="answer", executor=EXECUTORS[executor]())
    with pytest.raises(RuntimeError, match=error.__name__):
        ask()
    (letter,) = bus.dead_letters
    assert type(letter.error) is error


class Raises(logging.Handler):
    """A logging handler that is broken."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error

    def emit(self, record: logging.LogRecord) -> None:
        raise self.error("the log fails")


@whether_recorded
@pytest.mark.parametrize("error", [*NO_EXCEPTIONS, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["log", "listener"])
def test_a_report_that_fails_takes_nothing_from_other_reports_and_subscribers(
    bus: ek.EventBus, where: str, error: type[BaseException], is_recorded: bool
) -> None:
    log = logging.getLogger("eventkit")
    log.disabled = False
    handler = Raises(error)
    got: list[ek.Event] = []
    told: list[ek.Event] = []
    bus.subscribe("a", raising(ValueError))
    bus.subscribe("a", got.append)
    if where == "listener":
        bus.subscribe("error.>", raising(error), priority=1)
    bus.subscribe("error.a", told.append)
    if where == "log":
        log.addHandler(handler)
    try:
        raises = pytest.raises(error) if error is KeyboardInterrupt else nullcontext()
        with recording(bus, is_recorded), raises:
            bus.fire("a")
    finally:
        log.removeHandler(handler)
    failures = [letter for letter in bus.dead_letters if letter.event.topic == "a"]
    untold = Counter((letter.event.topic, letter.handler) for letter in bus.dead_letters)
    assert isinstance(failures[0].error, ValueError)
    assert len(got) == (error is not KeyboardInterrupt)
    assert len(got) + len(failures) == 2, "each subscriber has handled the event or failed"
    assert len(told) + untold["error.a", "list.append"] == len(failures), "so with each report"


# Recursion


@whether_recorded
@pytest.mark.parametrize("has_refusal", [False, True], ids=["", "refused"])
@pytest.mark.parametrize("retry", [None, ek.Retry(2, 0)], ids=["", "retried"])
@pytest.mark.parametrize("topics", [1, 2, 3])
def test_handlers_that_fire_each_others_topics_end_in_one_failure_of_the_outermost(
    bus: ek.EventBus, topics: int, retry: ek.Retry | None, has_refusal: bool, is_recorded: bool
) -> None:
    calls = 0

    def fires(topic: str) -> Callable[[ek.Event], None]:
        def handler(event: ek.Event) -> None:
            nonlocal calls
            calls += 1
            assert calls < 10_000, "the number of calls doubles with each level"
            bus.fire(topic)

        return handler

    def refuse(event: ek.Event) -> None:
        raise ek.QueueFull(event, "it is full and refused")

    for number in range(topics):
        if has_refusal:
            bus.subscribe(f"t{number}", refuse)
        for _ in range(2):
            bus.subscribe(f"t{number}", fires(f"t{(number + 1) % topics}"), retry=retry)
    event = ek.Event("t0")
    with recording(bus, is_recorded), pytest.raises(ek.QueueFull) if has_refusal else nullcontext():
        bus.publish(event)
    assert {letter.event for letter in bus.dead_letters} == {event}
    assert all(isinstance(letter.error, RecursionError) for letter in bus.dead_letters)


# Code that would never run


async def coroutine_function(event: ek.Event) -> int:
    return 1


async def async_generator_function(event: ek.Event) -> AsyncIterator[int]:
    yield 1


def generator_function(event: ek.Event) -> Iterator[int]:
    yield 1


class AsyncCallable:
    async def __call__(self, event: ek.Event) -> int:
        return 1


class AsyncGeneratorCallable:
    async def __call__(self, event: ek.Event) -> AsyncIterator[int]:
        yield 1


def decorated(handler: Callable[[ek.Event], Any]) -> Callable[[ek.Event], Any]:
    @functools.wraps(handler)
    def wrapper(event: ek.Event) -> Any:
        return handler(event)

    return wrapper


@pytest.mark.parametrize(
    "handler",
    [
        functools.partial(AsyncCallable()),
        functools.partial(functools.partial(coroutine_function)),
        AsyncCallable(),
        async_generator_function,
        functools.partial(AsyncGeneratorCallable()),
    ],
    ids=[
        "partial of async callable",
        "partial",
        "async callable",
        "async generator",
        "its partial",
    ],
)
def test_code_that_can_be_seen_never_to_run_is_refused_at_subscribe(
    bus: ek.EventBus, handler: Callable[[ek.Event], Any]
) -> None:
    with pytest.raises(TypeError, match="coroutine function"):
        bus.subscribe("a", handler, executor=ek.Threads(1))


@whether_recorded
@pytest.mark.parametrize("options", [{}, {"emits": "b"}, {"retry": ek.Retry(1, 0)}, {"once": True}])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "inner", [coroutine_function, async_generator_function, generator_function]
)
def test_a_handler_that_returns_code_has_failed_and_emits_nothing(
    bus: ek.EventBus, inner: Any, executor: str, options: dict[str, Any], is_recorded: bool
) -> None:
    emitted: list[ek.Event] = []
    bus.subscribe("b", emitted.append)
    bus.subscribe("a", decorated(inner), executor=EXECUTORS[executor](), **options)
    with recording(bus, is_recorded):
        bus.fire("a")
        bus.drain(LONG)
    (letter,) = bus.dead_letters
    assert "which nothing runs" in str(letter.error)
    assert emitted == []


# Calls that would wait for themselves


@pytest.mark.parametrize(
    ("executor", "key"),
    [
        (lambda: ek.Threads(1), None),
        (lambda: ek.Threads(4), "same"),
        (ek.EventLoop, None),
        (ek.Selector, None),
    ],
    ids=["one thread", "same key", "event loop", "selector"],
)
def test_a_request_that_only_the_asking_worker_could_answer_raises_at_once(
    bus: ek.EventBus, executor: Callable[[], Any], key: str | None
) -> None:
    where = executor()
    bus.subscribe("ask", lambda event: 1, emits="answer", executor=where)
    bus.subscribe("a", lambda event: bus.request("ask", key=key), executor=where)
    bus.fire("a", key=key)
    bus.drain(LONG)
    (letter,) = bus.dead_letters
    assert "wait for itself" in str(letter.error)


def test_a_request_with_the_key_of_the_coroutine_that_asks_raises_at_once(bus: ek.EventBus) -> None:
    async def asks(event: ek.Event) -> None:
        await bus.request_async("ask", key=event.key)

    where = ek.EventLoop()
    bus.subscribe("ask", lambda event: 1, emits="answer", executor=where)
    bus.subscribe("a", asks, executor=where)
    bus.fire("a", key="same")
    bus.drain(LONG)
    (letter,) = bus.dead_letters
    assert "wait for itself" in str(letter.error)


def test_a_request_with_another_key_is_answered_by_another_worker(bus: ek.EventBus) -> None:
    answers: list[Any] = []
    where = ek.Threads(2)
    bus.subscribe("ask", lambda event: 1, emits="answer", executor=where)
    bus.subscribe(
        "a",
        lambda event: answers.append(bus.request("ask", key="two", timeout=LONG).data),
        executor=where,
    )
    bus.fire("a", key="one")
    testing.settle(bus)
    assert answers == [1]


@pytest.mark.parametrize("name", ["drain_async", "aclose"])
def test_asyncio_run_ends_though_a_wait_that_was_cancelled_goes_on(
    bus: ek.EventBus, gate: Gate, name: str
) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(getattr(bus, name)(LONG))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bus.subscribe("a", gate, executor=ek.Threads(1))
    bus.fire("a")
    gate.wait_entered()
    runs = threading.Thread(target=lambda: asyncio.run(cancelled()), daemon=True)
    runs.start()
    runs.join(LONG / 2)
    has_ended = not runs.is_alive()
    gate.open()
    assert has_ended


# Values at the door


class Word(enum.StrEnum):
    ASK = "ask"
    KEY = "the key"


class Odd(str):
    """A string that looks like another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "odd"

    def __format__(self, spec: str) -> str:
        return "odd"


class Mixed(str, enum.Enum):  # noqa: UP042  # the kind that formats itself as Mixed.ASK
    ASK = "ask"
    KEY = "the key"


WORDS = [(Word.ASK, Word.KEY), (Mixed.ASK, Mixed.KEY), (Odd("ask"), Odd("the key"))]
each_word = pytest.mark.parametrize(("topic", "key"), WORDS, ids=["StrEnum", "Enum", "subclass"])


@each_word
def test_subclasses_of_str_are_plain_topics_and_keys_in_every_event_that_the_bus_makes(
    bus: ek.EventBus, topic: str, key: str
) -> None:
    seen: list[ek.Event] = []
    bus.subscribe(">", seen.append)
    bus.subscribe(topic, lambda event: event.data, emits=topic + ".answer")
    bus.subscribe(topic, raising(ValueError))
    for _ in range(2):
        bus.fire(topic, 1, key=key)
        bus.request(topic, 1, key=key)
    assert {(event.topic, event.key) for event in seen} == {
        (name, "the key") for name in ("ask", "ask.answer", "error.ask")
    }
    assert all(type(event.topic) is str and type(event.key) is str for event in seen)


@each_word
def test_an_event_made_with_subclasses_of_str_has_plain_consequences(
    bus: ek.EventBus, topic: str, key: str
) -> None:
    seen: list[ek.Event] = []
    bus.subscribe("error.>", seen.append)
    bus.subscribe("answer", seen.append)
    bus.subscribe(topic, raising(ValueError))
    bus.subscribe(topic, lambda event: 1, emits="answer")
    for _ in range(2):  # its route is known the second time
        bus.publish(ek.Event(topic, key=key))
    assert [event.topic for event in seen] == ["error.ask", "answer"] * 2
    assert all(type(event.key) is str for event in seen)
    wire = decode(encode(ek.Event(topic, key=key), "test"))
    assert (wire.type, wire.subject) == ("ask", "the key")


NO_TIMES = [math.nan, -1, -math.inf, True, "5", b"5", 10**400, 1e300, [], 1j]


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: repr(value)[:8])
@pytest.mark.parametrize(
    "call",
    [
        lambda bus, value: bus.drain(value),
        lambda bus, value: bus.close(value),
        lambda bus, value: bus.request("ask", timeout=value),
        lambda bus, value: bus.wait_for("never", value),
        lambda bus, value: asyncio.run(bus.drain_async(value)),
        lambda bus, value: asyncio.run(bus.request_async("ask", timeout=value)),
        lambda bus, value: asyncio.run(bus.wait_for_async("never", value)),
        lambda bus, value: testing.settle(bus, value),
        lambda bus, value: testing.wait_until(lambda: False, value),
    ],
    ids=[
        "drain", "close", "request", "wait_for",
        "drain_async", "request_async", "wait_for_async", "settle", "wait_until",
    ],
)  # fmt: skip
def test_every_timeout_is_checked(
    bus: ek.EventBus, call: Callable[[ek.EventBus, Any], None], value: Any
) -> None:
    bus.subscribe("ask", lambda event: 1, emits="answer")
    with pytest.raises(ValueError, match="timeout is a number of seconds"):
        call(bus, value)


@pytest.mark.parametrize("value", [math.nan, -1, 0, True, "5", 2.5, math.inf, None])
def test_the_capacity_of_a_record_is_checked(bus: ek.EventBus, value: Any) -> None:
    with pytest.raises(ValueError, match="capacity is how many journeys to keep"):
        Timeline(value)
    with pytest.raises(ValueError, match="capacity is"), bus.record(value):
        pass
    with bus.record(10**400):  # more than any computer holds is no limit
        bus.fire("a")


@pytest.mark.parametrize(
    "options",
    [
        *({"priority": value} for value in (math.nan, True, "5", None, 1j)),
        *({"once": value} for value in ("no", 1, None)),
        *({"retry": value} for value in (3, True, ek.Retry(True), ek.Retry(1, math.nan))),
    ],
    ids=str,
)
def test_options_of_the_wrong_kind_are_refused_at_subscribe(
    bus: ek.EventBus, options: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        bus.subscribe("a", print, **options)
    bus.fire("a")
    bus.assert_clean()
