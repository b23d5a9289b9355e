"""Bad input: a clear error at once, that says what was given, what is allowed, what to do."""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import eventkit as ek


def refusal(kind: type[Exception], call: Callable[..., object], *args: Any, **options: Any) -> str:
    with pytest.raises(kind) as refused:
        call(*args, **options)
    return str(refused.value)


async def coroutine(event: ek.Event) -> None: ...


def handler(event: ek.Event) -> None: ...


class AsyncCallable:
    async def __call__(self, event: ek.Event) -> None: ...


@pytest.mark.parametrize("topic", ["", "a..b", "a b", "a.*", "a.>", None, 5, ["a"], {"a": 1}])
def test_an_invalid_topic_cannot_be_fired(bus: ek.EventBus, topic: Any) -> None:
    text = refusal(ek.InvalidTopic, bus.fire, topic)
    assert repr(topic) in text
    assert "'button.click'" in text or "words joined by single dots" in text
    refusal(ek.InvalidTopic, bus.publish, ek.Event(topic))
    refusal(ek.InvalidTopic, bus.request, topic)


@pytest.mark.parametrize("pattern", ["", "a..b", "a.>.b", "a*", None, 5, ["a"]])
def test_an_invalid_pattern_cannot_be_subscribed_to(bus: ek.EventBus, pattern: Any) -> None:
    text = refusal(ek.InvalidTopic, bus.subscribe, pattern, handler)
    assert repr(pattern) in text
    assert "* for one word and > at the end" in text or "'button.click'" in text
    refusal(ek.InvalidTopic, bus.wait_for, pattern)


@pytest.mark.parametrize("event", ["a", None, 5])
def test_only_an_event_is_published(bus: ek.EventBus, event: Any) -> None:
    assert f"got {event!r}" in refusal(TypeError, bus.publish, event)
    with pytest.raises(TypeError, match="use fire"):
        asyncio.run(bus.publish_async(event))


def test_events_are_persisted_into_an_open_log(bus: ek.EventBus) -> None:
    assert "got 'events.db'" in refusal(TypeError, bus.persist, "events.db", ">")


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, "1", None, True])
def test_a_delay_is_a_number_of_seconds(wrong: Any) -> None:
    assert f"got {wrong!r}" in refusal(ValueError, ek.Delay, wrong)


def test_a_clock_is_an_instance() -> None:
    assert "clock is a ManualClock()" in refusal(TypeError, ek.Debounce, 1, clock=ek.ManualClock)


def test_a_processor_cannot_emit_on_an_invalid_topic(bus: ek.EventBus) -> None:
    text = refusal(ek.InvalidTopic, bus.subscribe, "a", handler, emits="b.*")
    assert "'b.*' is not a valid topic" in text


@pytest.mark.parametrize("make", [ek.Threads, ek.EventLoop])
@pytest.mark.parametrize("capacity", [0, -1, 1.5, "10", True])
def test_a_capacity_is_1_or_more_or_none(make: Callable[..., Any], capacity: Any) -> None:
    text = refusal(ValueError, make, capacity=capacity)
    assert "1 or more, or None for no bound" in text
    assert f"got {capacity!r}" in text


@pytest.mark.parametrize("make", [ek.Threads, ek.EventLoop])
def test_overflow_is_one_of_four(make: Callable[..., Any]) -> None:
    text = refusal(ValueError, make, capacity=1, overflow="explode")
    for allowed in ("block", "drop_oldest", "drop_newest", "raise", "'explode'"):
        assert allowed in text


@pytest.mark.parametrize("workers", [0, -1, 2.0, "4", None, True])
def test_workers_are_1_or_more(workers: Any) -> None:
    text = refusal(ValueError, ek.Threads, workers)
    assert "number of threads, a whole number of 1 or more" in text
    assert f"got {workers!r}" in text


@pytest.mark.parametrize("concurrency", [0, -1, 2.0, "4", None, True])
def test_concurrency_is_1_or_more(concurrency: Any) -> None:
    text = refusal(ValueError, ek.EventLoop, concurrency=concurrency)
    assert "run at once, a whole number of 1 or more" in text
    assert f"got {concurrency!r}" in text


def test_a_loop_is_an_event_loop() -> None:
    text = refusal(TypeError, ek.EventLoop, 4)
    assert "asyncio.get_running_loop()" in text
    assert "got 4" in text


@pytest.mark.parametrize("executor", [None, ek.Inline(), ek.Threads(1)])
def test_a_coroutine_function_needs_an_event_loop(bus: ek.EventBus, executor: Any) -> None:
    text = refusal(TypeError, bus.subscribe, "a", coroutine, executor=executor)
    assert "coroutine is a coroutine function" in text
    assert "would never await it" in text
    assert "Use executor=EventLoop()" in text
    refusal(TypeError, bus.subscribe, "a", AsyncCallable(), executor=executor)


def test_a_refused_subscription_leaves_nothing_behind(bus: ek.EventBus) -> None:
    refusal(TypeError, bus.subscribe, "a", coroutine)
    bus.fire("a")
    assert not bus._routing._order
    assert not bus._places.executors


@pytest.mark.parametrize("not_callable", [None, 5, "handler", handler(ek.Event("a"))])  # type: ignore[func-returns-value]
def test_a_handler_can_be_called(bus: ek.EventBus, not_callable: Any) -> None:
    text = refusal(TypeError, bus.subscribe, "a", not_callable)
    assert f"a function of one argument, the event; got {not_callable!r}" in text


@pytest.mark.parametrize(
    "wrong", [lambda: None, lambda one, two: None, lambda *, named: None, lambda event, *, named: 1]
)
def test_a_handler_takes_one_argument(bus: ek.EventBus, wrong: Any) -> None:
    text = refusal(TypeError, bus.subscribe, "a", wrong)
    assert "<lambda> must take one argument, the event:" in text


@pytest.mark.parametrize(
    "right",
    [lambda event: None, lambda *events: None, lambda event, more=1: None, [].append, print],
)
def test_whatever_can_be_called_with_one_argument_is_a_handler(
    bus: ek.EventBus, right: Any
) -> None:
    bus.subscribe("a", right)


def test_an_executor_is_an_instance(bus: ek.EventBus) -> None:
    for wrong in (ek.Threads, ek.Inline, "threads", 4, 0, ""):
        text = refusal(TypeError, bus.subscribe, "a", handler, executor=wrong)
        assert "an instance such as Threads(4), or None for inline" in text
        assert f"got {wrong!r}" in text


def test_an_executor_of_concurrent_futures_is_none_of_ours(bus: ek.EventBus) -> None:
    with ThreadPoolExecutor(1) as pool:
        text = refusal(TypeError, bus.subscribe, "a", handler, executor=pool)
    assert "an instance such as Threads(4)" in text


def test_a_listener_emits_nothing(bus: ek.EventBus) -> None:
    text = refusal(ValueError, bus.listener, "a", emits="b")
    assert "a listener emits nothing; use processor(..., emits=...) instead" in text


def test_a_priority_is_a_number(bus: ek.EventBus) -> None:
    text = refusal(TypeError, bus.subscribe, "a", handler, priority="high")
    assert "priority is a number, the higher the sooner; got 'high'" in text


@pytest.mark.parametrize("retry", [3, (3, 0.1), ek.Retry(-1), ek.Retry(1, -0.1)])
def test_retry_is_a_retry(bus: ek.EventBus, retry: Any) -> None:
    text = refusal(TypeError, bus.subscribe, "a", handler, retry=retry)
    assert "retry is Retry(times, backoff) with numbers of 0 or more, or None; got" in text


def test_a_key_that_cannot_be_hashed_harms_no_worker(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append, executor=ek.Threads(1))
    bus.fire("a", key=["no", "key"])  # type: ignore[arg-type]
    bus.fire("a")
    bus.drain(20)
    assert len(got) == 1
    with pytest.raises(ek.HandlersFailed, match="unhashable"):
        bus.assert_clean()


def test_firing_on_a_closed_bus_says_so(bus: ek.EventBus) -> None:
    bus.close()
    assert "this bus is closed, so 'a' cannot be fired" in refusal(ek.BusClosed, bus.fire, "a")


def test_an_event_loop_that_has_ended_says_so(bus: ek.EventBus) -> None:
    import asyncio

    async def make() -> ek.EventLoop:
        return ek.EventLoop(asyncio.get_running_loop(), name="kernel")

    bus.subscribe("a", handler, executor=asyncio.run(make()))
    bus.fire("a")
    bus.fire("a")
    bus.drain(0)  # nothing is left waiting for a loop that will never run
    assert len(bus.dead_letters) == 2
    with pytest.raises(ek.HandlersFailed, match="the event loop of kernel is closed"):
        bus.assert_clean()


def test_a_name_that_eventkit_does_not_have_says_what_it_has() -> None:
    text = refusal(AttributeError, lambda: ek.EventBuss)  # type: ignore[attr-defined]
    assert "eventkit has no 'EventBuss'" in text
    assert "EventBus" in text
