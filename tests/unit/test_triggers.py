"""Triggers: when events are due, how many come, and what ends them."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from time import perf_counter_ns

import pytest

import eventkit as ek
from eventkit.triggers import Trigger

from .conftest import LONG, Gate

FAST = 1e6  # a second


def collect(bus: ek.EventBus, trigger: Trigger) -> list[ek.Event]:
    got: list[ek.Event] = []
    with bus.subscribe("a", got.append):
        trigger.run(bus, "a", "data")
    return got


@pytest.mark.parametrize(
    "make",
    [
        lambda count: ek.Timer(1 / FAST, count),
        lambda count: ek.OpenLoop(FAST, count),
        lambda count: ek.OpenLoop(FAST, count, arrivals="even"),
    ],
)
def test_run_fires_count_events_with_the_data(
    bus: ek.EventBus, make: Callable[[int], Trigger]
) -> None:
    trigger = make(50)
    got = collect(bus, trigger)
    assert [event.data for event in got] == ["data"] * 50
    assert trigger.fired == 50
    assert collect(bus, make(0)) == []


def test_a_timers_events_are_due_one_interval_apart(bus: ek.EventBus) -> None:
    before = perf_counter_ns()
    got = collect(bus, ek.Timer(0.001, 20))
    due = [event.time for event in got]
    assert [later - earlier for earlier, later in itertools.pairwise(due)] == [1_000_000] * 19
    assert due[0] >= before + 1_000_000


def test_no_event_is_fired_before_it_is_due(bus: ek.EventBus) -> None:
    early: list[int] = []

    def look(event: ek.Event) -> None:
        early.append(min(0, perf_counter_ns() - event.time))

    bus.subscribe("a", look)
    ek.OpenLoop(rate=2_000, count=40).run(bus, "a")
    assert early == [0] * 40


def test_events_that_blocking_handlers_held_up_are_still_due_when_they_were_due(
    bus: ek.EventBus,
) -> None:
    """However long each handler takes: the schedule is that of `due_times`, to the nanosecond."""
    trigger = ek.OpenLoop(rate=1e5, count=30, seed=3)
    took: list[int] = []

    def slow(event: ek.Event) -> None:
        until = perf_counter_ns() + 200_000
        while perf_counter_ns() < until:
            pass
        took.append(event.time)

    bus.subscribe("a", slow)
    trigger.run(bus, "a")
    expected = [int(seconds * 1e9) for seconds in itertools.islice(trigger.due_times(), 30)]
    assert [due - took[0] for due in took] == expected


def test_a_held_up_trigger_shows_in_the_response_times(bus: ek.EventBus) -> None:
    def slow(event: ek.Event) -> None:
        until = perf_counter_ns() + 1_000_000
        while perf_counter_ns() < until:
            pass

    bus.subscribe("a", slow)
    with bus.record() as timeline:
        ek.OpenLoop(rate=1e6, count=20, arrivals="even").run(bus, "a")
    times = timeline.response_times()
    assert times == sorted(times)
    assert times[-1] > 0.019


def test_even_arrivals_have_even_gaps() -> None:
    assert list(itertools.islice(ek.OpenLoop(20, arrivals="even").gaps(), 3)) == [0.05] * 3
    assert list(itertools.islice(ek.OpenLoop(20, arrivals="even").due_times(), 3)) == [0, 0.05, 0.1]


def test_one_seed_gives_the_same_gaps_and_another_gives_others() -> None:
    def gaps(seed: int) -> list[float]:
        return list(itertools.islice(ek.OpenLoop(10, seed=seed).gaps(), 100))

    assert gaps(1) == gaps(1)
    assert gaps(1) != gaps(2)
    trigger = ek.OpenLoop(10, seed=1)
    assert list(itertools.islice(trigger.gaps(), 100)) == gaps(1)
    assert list(itertools.islice(trigger.gaps(), 100)) == gaps(1)


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() -> None:
    gaps = list(itertools.islice(ek.OpenLoop(10, seed=5).gaps(), 20_000))
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.1, rel=0.03)
    assert spread == pytest.approx(mean, rel=0.05)


def test_stop_ends_a_trigger_that_has_no_end(bus: ek.EventBus, gate: Gate) -> None:
    gate.open()
    bus.subscribe("a", gate)
    trigger = ek.OpenLoop(rate=FAST)
    trigger.start(bus, "a")
    gate.wait_entered()
    trigger.stop()
    fired = trigger.fired
    assert trigger.wait(LONG)
    assert trigger.fired == fired == len(gate.handled)


def test_stop_does_not_wait_for_the_next_beat(bus: ek.EventBus) -> None:
    trigger = ek.Timer(interval=1000 * LONG)
    trigger.start(bus, "a")
    trigger.stop()
    assert trigger.fired == 0


def test_a_handler_may_stop_the_trigger_that_fires_it(bus: ek.EventBus) -> None:
    trigger = ek.OpenLoop(rate=FAST)
    bus.subscribe("a", lambda event: trigger.stop())
    trigger.run(bus, "a")
    assert trigger.fired == 1


def test_a_running_trigger_cannot_be_started_again(bus: ek.EventBus) -> None:
    trigger = ek.Timer(interval=1000 * LONG)
    trigger.start(bus, "a")
    with pytest.raises(RuntimeError, match=r"running already: stop\(\) or wait\(\) first"):
        trigger.start(bus, "a")
    trigger.stop()


def test_a_finished_trigger_can_be_started_again_from_the_beginning(bus: ek.EventBus) -> None:
    trigger = ek.OpenLoop(FAST, count=5)
    assert len(collect(bus, trigger)) == 5
    assert len(collect(bus, trigger)) == 5
    assert trigger.fired == 5


def test_wait_says_whether_the_end_was_reached(bus: ek.EventBus) -> None:
    trigger = ek.Timer(interval=1000 * LONG)
    trigger.start(bus, "a")
    assert trigger.wait(0) is False
    trigger.stop()
    assert trigger.wait(LONG) is True


def test_what_the_bus_raises_ends_the_trigger_and_is_raised_by_wait(bus: ek.EventBus) -> None:
    trigger = ek.OpenLoop(FAST, count=10)
    bus.close()
    with pytest.raises(ek.BusClosed):
        trigger.run(bus, "a")
    assert isinstance(trigger.error, ek.BusClosed)
    assert trigger.fired == 0


def test_a_failing_handler_does_not_end_the_trigger(bus: ek.EventBus) -> None:
    def fails(event: ek.Event) -> None:
        raise RuntimeError("broken")

    bus.subscribe("a", fails)
    trigger = ek.OpenLoop(FAST, count=3)
    trigger.run(bus, "a")
    assert trigger.fired == 3
    assert len(bus.dead_letters) == 3


# Closed loop


def test_a_closed_loop_sends_count_requests_in_all(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: 1, emits="b", executor=ek.Threads(2))
    trigger = ek.ClosedLoop(users=5, count=200)
    trigger.run(bus, "a")
    assert trigger.fired == 200
    assert trigger.failed == 0


def test_no_user_sends_a_second_request_before_the_answer(bus: ek.EventBus) -> None:
    lock, at_once, most = threading.Lock(), 0, 0

    def count(event: ek.Event) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        with lock:
            at_once -= 1
        return 1

    bus.subscribe("a", count, emits="b", executor=ek.Threads(8))
    ek.ClosedLoop(users=3, count=300).run(bus, "a")
    assert most <= 3


def test_all_users_are_at_work_at_once(bus: ek.EventBus) -> None:
    together = threading.Barrier(3)

    def meet(event: ek.Event) -> int:
        together.wait(LONG)
        return 1

    bus.subscribe("a", meet, emits="b", executor=ek.Threads(3))
    trigger = ek.ClosedLoop(users=3, count=3)
    trigger.run(bus, "a")
    assert trigger.failed == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyError, TimeoutError])
def test_a_request_that_fails_is_counted_and_the_user_goes_on(
    bus: ek.EventBus, error: type[Exception]
) -> None:
    def fails(event: ek.Event) -> None:
        raise error("broken")

    bus.subscribe("a", fails, emits="b")
    trigger = ek.ClosedLoop(users=2, count=10)
    trigger.run(bus, "a")
    assert (trigger.fired, trigger.failed) == (10, 10)


def test_a_request_that_is_dropped_is_counted_and_the_user_goes_on(bus: ek.EventBus) -> None:
    executor = ek.Threads(1, capacity=1, overflow="drop_newest")
    bus.subscribe("a", lambda event: 1, emits="b", executor=executor)
    trigger = ek.ClosedLoop(users=8, count=400)
    trigger.run(bus, "a")
    assert trigger.fired == 400
    assert trigger.failed == executor.dropped


def test_a_topic_without_a_processor_ends_a_closed_loop_with_the_reason(bus: ek.EventBus) -> None:
    with pytest.raises(ek.NoReply, match="subscribe one with emits="):
        ek.ClosedLoop(users=2, count=10).run(bus, "a")


def test_a_thinking_user_can_be_stopped(bus: ek.EventBus) -> None:
    answered = threading.Event()
    bus.subscribe("a", lambda event: 1, emits="b")
    bus.subscribe("b", lambda event: answered.set())
    trigger = ek.ClosedLoop(users=1, think=1000 * LONG)
    trigger.start(bus, "a")
    assert answered.wait(LONG)
    trigger.stop()
    assert trigger.fired == 1


def test_waiting_for_many_users_takes_no_longer_than_the_timeout_allows(
    bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.subscribe("a", lambda event: 1, emits="b")
    trigger = ek.ClosedLoop(users=50, think=1000 * LONG)
    trigger.start(bus, "a")
    before = perf_counter_ns()
    assert trigger.wait(0.1) is False
    assert perf_counter_ns() - before < 2e9  # 50 × 0.1 s would be 5
    trigger.stop()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ek.Timer(0), "interval is a number of seconds, more than 0; got 0"),
        (lambda: ek.Timer(-1.0), "more than 0; got -1.0"),
        (lambda: ek.Timer(threading.TIMEOUT_MAX * 2), "interval .* the longest"),
        (lambda: ek.OpenLoop(1, count=-1), "count is the number of events, or None for no end"),
        (lambda: ek.OpenLoop(1, count=1.5), "got 1.5"),  # type: ignore[arg-type]
        (lambda: ek.OpenLoop(1, count=True), "got True"),
        (lambda: ek.OpenLoop(1, arrivals="often"), "arrivals is one of .*poisson.*got 'often'"),  # type: ignore[arg-type]
        (lambda: ek.ClosedLoop(0), "the number of users, a whole number of 1 or more; got 0"),
        (lambda: ek.ClosedLoop(1, think=-1), "think is a number of seconds, 0 or more; got -1"),
        (lambda: ek.ClosedLoop(1, think=float("inf")), "got inf"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(
    make: Callable[[], Trigger], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "rate", [0, -1, 1e-300, float("nan"), float("inf"), True, "10", None, 1e300]
)
def test_a_rate_is_a_number_of_events_a_second(rate: float) -> None:
    with pytest.raises(ValueError, match="rate is a number of events a second"):
        ek.OpenLoop(rate)


@pytest.mark.parametrize("timeout", [float("nan"), -1, True, "1"])
def test_wait_refuses_what_is_no_time(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        ek.Timer(1).wait(timeout)


class Ends(BaseException):
    """Raised by a bus, and no Exception."""


NOT_EXCEPTIONS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Ends]


@pytest.mark.parametrize("kind", NOT_EXCEPTIONS)
@pytest.mark.parametrize("make", [lambda: ek.Timer(0.001, 5), lambda: ek.OpenLoop(FAST, 5)])
def test_what_is_no_exception_ends_a_trigger_and_wait_says_so(
    bus: ek.EventBus,
    make: Callable[[], Trigger],
    kind: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def publish(event: ek.Event) -> None:
        raise kind

    monkeypatch.setattr(bus, "publish", publish)
    trigger = make()
    with pytest.raises(RuntimeError, match=kind.__name__) as raised:
        trigger.run(bus, "a")
    assert isinstance(raised.value.__cause__, kind)
    assert trigger.error is raised.value
    monkeypatch.undo()
    assert [event.data for event in collect(bus, make())] == ["data"] * 5


@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_thread_that_cannot_start_leaves_a_trigger_that_can_be_started(
    bus: ek.EventBus, good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.subscribe("q", lambda event: 1, emits="r")
    trigger, start = ek.ClosedLoop(users=3, count=9), threading.Thread.start
    begun: list[threading.Thread] = []

    def fail(thread: threading.Thread) -> None:
        if len(begun) == good:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start"):
        trigger.start(bus, "q")
    monkeypatch.undo()
    for thread in begun:
        thread.join(LONG)
    trigger.run(bus, "q")
    assert trigger.fired == 9
