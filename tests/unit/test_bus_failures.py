"""EventBus: a handler that raises stops nobody else and is never silent."""

import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

import eventkit as ek
from eventkit.testing import wait_until

from .conftest import LONG, Gate


def fails(event: ek.Event) -> None:
    raise RuntimeError(f"cannot take {event.data}")


@pytest.fixture(params=["inline", "threads", "event loop", "coroutine"])
def failing(request: pytest.FixtureRequest, bus: ek.EventBus) -> ek.EventBus:
    """A bus whose first subscriber to `a` raises, by each way of running."""
    executors: dict[str, Any] = {"threads": ek.Threads(2)}

    async def fails_later(event: ek.Event) -> None:
        raise RuntimeError(f"cannot take {event.data}")

    is_coroutine = request.param == "coroutine"
    executor = executors.get(request.param)
    if request.param in ("event loop", "coroutine"):
        executor = ek.EventLoop()
    bus.subscribe("a", fails_later if is_coroutine else fails, executor=executor)
    return bus


def test_a_failing_handler_stops_nobody_else(failing: ek.EventBus) -> None:
    got: list[ek.Event] = []
    failing.subscribe("a", got.append)
    failing.fire("a", 1)
    failing.fire("a", 2)
    failing.drain(LONG)
    assert [event.data for event in got] == [1, 2]


def test_the_failure_is_a_dead_letter_with_event_error_and_handler(failing: ek.EventBus) -> None:
    event = failing.fire("a", 1)
    failing.drain(LONG)
    (letter,) = failing.dead_letters
    assert letter.event is event
    assert letter.handler in ("fails", "fails_later", "failing.<locals>.fails_later")
    assert isinstance(letter.error, RuntimeError)


def test_the_failure_is_logged_with_its_traceback(
    failing: ek.EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    event = failing.fire("a", 1)
    failing.drain(LONG)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("eventkit", logging.ERROR)
    assert f"failed on event {event.id} ('a')" in record.getMessage()
    assert "fails" in record.getMessage()
    assert record.exc_text is not None
    assert "cannot take 1" in record.exc_text
    assert "Traceback" in record.exc_text


def test_the_failure_goes_to_who_listens_for_errors(failing: ek.EventBus) -> None:
    got: list[ek.Event] = []
    failing.subscribe("error.>", got.append)
    event = failing.fire("a", 1, key="k")
    failing.drain(LONG)
    (error,) = got
    assert (error.topic, error.cause, error.key) == ("error.a", event.id, "k")
    assert error.data is failing.dead_letters[0]


def test_assert_clean_raises_all_failures_and_names_the_handler(failing: ek.EventBus) -> None:
    failing.fire("a", 1)
    failing.drain(LONG)
    with pytest.raises(ek.HandlersFailed, match=r"fails.* on event .*cannot take 1") as failed:
        failing.assert_clean()
    assert [str(error) for error in failed.value.exceptions] == ["cannot take 1"]


def test_assert_clean_says_how_many_more_there_are(failing: ek.EventBus) -> None:
    for number in range(12):
        failing.fire("a", number)
    failing.drain(LONG)
    with pytest.raises(ek.HandlersFailed, match=r"(?s)12 dead letter.*\n  and 2 more") as failed:
        failing.assert_clean()
    assert len(failed.value.exceptions) == 12


def test_an_executor_that_dropped_events_can_be_collected(
    bus: ek.EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "eventkit")  # a record of the warning would refer to it
    gate, executor = Gate(), ek.Threads(1, capacity=1, overflow="drop_newest")
    with bus.subscribe("a", gate, executor=executor):
        bus.fire("a")
        gate.wait_entered()
        for _ in range(3):
            bus.fire("a")
        assert executor.dropped
        gate.open()
        bus.drain(LONG)
    is_there = weakref.ref(executor)
    del executor
    wait_until(lambda: gc.collect() >= 0 and is_there() is None)


def test_assert_clean_is_content_with_a_clean_bus(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: None)
    bus.fire("a")
    bus.assert_clean()


def test_a_failing_error_listener_does_not_recurse(bus: ek.EventBus) -> None:
    bus.subscribe("a", fails)
    bus.subscribe("error.>", fails)
    bus.fire("a", 1)
    assert [letter.event.topic for letter in bus.dead_letters] == ["a", "error.a"]


@pytest.mark.parametrize("topic", ["error.a", "error.b.c", "error.error.a"])
def test_an_error_event_that_fails_has_no_error_event_of_its_own(
    bus: ek.EventBus, topic: str
) -> None:
    bus.subscribe(">", fails)
    bus.fire(topic)
    assert [letter.event.topic for letter in bus.dead_letters] == [topic]


def test_a_listener_to_everything_that_fails_does_not_recurse(bus: ek.EventBus) -> None:
    bus.subscribe(">", fails)
    bus.fire("a")
    assert [letter.event.topic for letter in bus.dead_letters] == ["a", "error.a"]


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_an_error_listener_that_is_full_does_no_harm(
    bus: ek.EventBus, gate: Gate, executor: str, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[ek.Event] = []
    where = ek.Threads(1) if executor == "threads" else None
    bus.subscribe("a", fails, executor=where)
    bus.subscribe("a", got.append, executor=where)
    bus.subscribe("error.a", gate, executor=ek.Threads(1, capacity=1, overflow="raise"))
    bus.fire("a")
    gate.wait_entered()
    for _ in range(3):
        bus.fire("a")
    if where is not None:
        assert where.wait_idle(LONG)
    assert len(got) == 4
    assert len(bus.dead_letters) == 4
    assert "could not publish the error event" in caplog.text
    gate.open()
    bus.drain(LONG)


def test_dead_letters_are_bounded(bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch) -> None:
    bus.subscribe("a", fails)
    assert bus.dead_letters.maxlen is not None
    logging.getLogger("eventkit").disabled = True
    try:
        for _ in range(bus.dead_letters.maxlen + 10):
            bus.fire("a")
    finally:
        logging.getLogger("eventkit").disabled = False
    assert len(bus.dead_letters) == bus.dead_letters.maxlen


def test_a_keyboard_interrupt_in_an_inline_handler_reaches_the_caller(bus: ek.EventBus) -> None:
    def interrupted(event: ek.Event) -> None:
        raise KeyboardInterrupt

    bus.subscribe("a", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bus.fire("a")


def test_sys_exit_in_a_worker_is_a_failure_and_the_worker_goes_on(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []

    def leaves(event: ek.Event) -> None:
        if event.data:
            raise SystemExit(3)
        got.append(event)

    bus.subscribe("a", leaves, executor=ek.Threads(1))
    bus.fire("a", True)
    bus.fire("a", False)
    bus.drain(LONG)
    assert len(got) == 1
    with pytest.raises(ek.HandlersFailed, match="SystemExit"):
        bus.assert_clean()


def test_a_processor_whose_reply_is_refused_has_failed(bus: ek.EventBus, gate: Gate) -> None:
    processors = ek.Threads(1)
    bus.subscribe("a", lambda event: 1, emits="b", executor=processors)
    bus.subscribe("b", gate, executor=ek.Threads(1, capacity=1, overflow="raise"))
    bus.fire("a")
    gate.wait_entered()
    for _ in range(3):
        bus.fire("a")
    assert processors.wait_idle(LONG)
    gate.open()
    bus.drain(LONG)
    assert len(gate.handled) == 2
    assert [type(letter.error) for letter in bus.dead_letters] == [ek.QueueFull, ek.QueueFull]


# Retry


class Flaky:
    """Raises the first `failures` times it is called."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls: list[object] = []

    def __call__(self, event: ek.Event) -> str:
        self.calls.append(event.data)
        if len(self.calls) <= self.failures:
            raise RuntimeError("not yet")
        return "done"


@pytest.mark.parametrize("executor", ["inline", "threads", "event loop"])
def test_retry_calls_again_until_it_works(bus: ek.EventBus, executor: str) -> None:
    handler = Flaky(2)
    got: list[ek.Event] = []
    choices: dict[str, Any] = {"threads": ek.Threads(1), "event loop": ek.EventLoop()}
    where = choices.get(executor)
    bus.subscribe("a", handler, retry=ek.Retry(2, 0.0), emits="b", executor=where)
    bus.subscribe("b", got.append)
    bus.fire("a")
    bus.drain(LONG)
    assert len(handler.calls) == 3
    assert [event.data for event in got] == ["done"]
    bus.assert_clean()


def test_retry_of_a_coroutine_function(bus: ek.EventBus) -> None:
    calls: list[object] = []

    async def flaky(event: ek.Event) -> None:
        calls.append(event.data)
        if len(calls) < 3:
            raise RuntimeError("not yet")

    bus.subscribe("a", flaky, retry=ek.Retry(2, 0.0), executor=ek.EventLoop())
    bus.fire("a")
    bus.drain(LONG)
    assert len(calls) == 3
    bus.assert_clean()


def test_retries_used_up_are_one_failure_named_after_the_handler(bus: ek.EventBus) -> None:
    handler = Flaky(100)
    bus.subscribe("a", handler, retry=ek.Retry(3, 0.0))
    bus.fire("a")
    assert len(handler.calls) == 4
    (letter,) = bus.dead_letters
    assert letter.handler == "Flaky"


def test_order_is_kept_while_a_handler_is_retried(bus: ek.EventBus) -> None:
    handler = Flaky(2)
    bus.subscribe("a", handler, retry=ek.Retry(2, 0.0), executor=ek.Threads(1))
    for number in range(3):
        bus.fire("a", number)
    bus.drain(LONG)
    assert handler.calls == [0, 0, 0, 1, 2]


def test_the_wait_doubles_with_each_retry(
    bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    bus.subscribe("a", Flaky(100), retry=ek.Retry(3, 0.5))
    bus.fire("a")
    assert waits == [0.5, 1.0, 2.0]


def test_retry_in_many_threads_at_once_retries_each_event_by_itself(bus: ek.EventBus) -> None:
    tried: dict[int, int] = {}
    lock = threading.Lock()

    def flaky(event: ek.Event) -> None:
        with lock:
            tried[event.id] = tried.get(event.id, 0) + 1
            if tried[event.id] == 1:
                raise RuntimeError("not yet")

    bus.subscribe("a", flaky, retry=ek.Retry(1, 0.0), executor=ek.Threads(4))
    for _ in range(50):
        bus.fire("a")
    bus.drain(LONG)
    assert list(tried.values()) == [2] * 50
    bus.assert_clean()


@pytest.mark.parametrize("recording", [False, True], ids=["", "recorded"])
def test_when_one_refuses_an_event_whoever_is_behind_gets_it_once_then_it_is_raised(
    bus: ek.EventBus, recording: bool
) -> None:
    got: list[str] = []

    def refuse_the_second_time(event: ek.Event) -> None:
        got.append("first")
        if got.count("first") == 2:
            raise ek.QueueFull(event, "it is full and refused")

    def refuse(event: ek.Event) -> None:
        got.append("another")
        raise ek.QueueFull(event, "this one refused")

    bus.subscribe("a", refuse_the_second_time)
    bus.subscribe("a", lambda event: got.append("between"))
    bus.subscribe("a", refuse_the_second_time)
    bus.subscribe("a", refuse)
    bus.subscribe("a", lambda event: got.append("last"))
    with (
        bus.record() if recording else nullcontext(),
        pytest.raises(ek.QueueFull, match="it is full and refused"),
    ):
        bus.fire("a")

    assert got == ["first", "between", "first", "another", "last"]
    bus.assert_clean()


@pytest.mark.parametrize("recording", [False, True], ids=["", "recorded"])
def test_an_interrupt_behind_a_refusal_is_what_the_caller_gets(
    bus: ek.EventBus, recording: bool
) -> None:
    def refuse(event: ek.Event) -> None:
        raise ek.QueueFull(event, "it is full and refused")

    def interrupt(event: ek.Event) -> None:
        raise KeyboardInterrupt

    def skipped(event: ek.Event) -> None:
        raise AssertionError("it is called after the interrupt")

    for handler in (refuse, interrupt, skipped):
        bus.subscribe("a", handler)
    with bus.record() if recording else nullcontext(), pytest.raises(KeyboardInterrupt):
        bus.fire("a")
    assert [type(letter.error) for letter in bus.dead_letters] == [KeyboardInterrupt] * 2


@pytest.mark.parametrize("recording", [False, True], ids=["", "recorded"])
def test_a_failure_behind_a_refusal_is_no_secret(bus: ek.EventBus, recording: bool) -> None:
    def refuse(event: ek.Event) -> None:
        raise ek.QueueFull(event, "it is full and refused")

    bus.subscribe("a", refuse)
    bus.subscribe("a", fails)
    with bus.record() if recording else nullcontext(), pytest.raises(ek.QueueFull):
        bus.fire("a")
    assert [letter.handler for letter in bus.dead_letters] == ["fails"]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What refers to itself stays."""
    gc.disable()
    yield
    gc.enable()


class Thing:
    """Something that an event carries."""


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("subscribers", [1, 2])
@pytest.mark.parametrize("recording", [False, True], ids=["", "recorded"])
@pytest.mark.parametrize("by", ["fire", "publish"])
def test_nobody_keeps_what_was_refused(
    bus: ek.EventBus, subscribers: int, recording: bool, by: str
) -> None:
    def refuse(event: ek.Event) -> None:
        raise ek.QueueFull(event, "it is full and refused")

    for _ in range(subscribers):
        bus.subscribe("a", refuse)
        bus.subscribe("a", refuse)
    thing = Thing()
    data = weakref.ref(thing)
    # the record itself keeps the last journey
    with bus.record(capacity=1) if recording else nullcontext():
        try:
            if by == "fire":
                bus.fire("a", thing)
            else:
                bus.publish(ek.Event("a", thing))
        except ek.QueueFull:
            pass
        else:
            pytest.fail("it was not refused")
        del thing
    assert data() is None


def test_a_bus_whose_listener_for_errors_fails_can_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its dead letters hold an event that holds an error whose traceback leads to the bus."""
    monkeypatch.setattr(logging.getLogger("eventkit"), "disabled", True)  # pytest keeps the lines
    bus = ek.EventBus()
    bus.subscribe("a", fails)
    bus.subscribe("error.a", fails)
    bus.fire("a")
    assert len(bus.dead_letters) == 2
    forgotten = weakref.ref(bus)
    del bus
    gc.collect()
    assert forgotten() is None
