"""EventBus: who gets an event, and in which order."""

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import eventkit as ek

from .conftest import LONG, Gate, note


def test_a_listener_gets_the_very_event_that_fire_returns(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("button.click", got.append)
    event = bus.fire("button.click", {"count": 1}, key="k")
    assert len(got) == 1
    assert got[0] is event
    assert (event.topic, event.data, event.key, event.cause) == (
        "button.click",
        {"count": 1},
        "k",
        None,
    )


def test_publish_delivers_an_event_that_exists(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append)
    event = ek.Event("a", 1)
    bus.publish(event)
    assert got == [event]


def test_firing_to_nobody_is_no_error(bus: ek.EventBus) -> None:
    bus.fire("nobody.listens")
    bus.assert_clean()


def test_patterns_choose_who_gets_the_event(bus: ek.EventBus) -> None:
    got: list[str] = []
    for pattern in ("a.b", "a.*", "a.>", ">", "a", "a.c", "*"):
        bus.subscribe(pattern, note(got, pattern))
    bus.fire("a.b")
    assert got == ["a.b", "a.*", "a.>", ">"]


def test_subscribers_are_called_in_the_order_of_registration_whatever_their_pattern(
    bus: ek.EventBus,
) -> None:
    got: list[int] = []
    for number, pattern in enumerate([">", "a.b", "*.b", "a.*", "a.b", "a.>"]):
        bus.subscribe(pattern, note(got, number))
    bus.fire("a.b")
    assert got == [0, 1, 2, 3, 4, 5]


def test_a_higher_priority_goes_first_and_registration_decides_among_equals(
    bus: ek.EventBus,
) -> None:
    got: list[str] = []
    for name, priority in [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)]:
        bus.subscribe("t", note(got, name), priority=priority)
    bus.fire("t")
    assert got == ["b", "d", "a", "e", "c"]


def test_one_handler_subscribed_twice_is_called_twice(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append)
    bus.subscribe("a", got.append)
    bus.fire("a")
    assert len(got) == 2


def test_a_new_subscriber_is_seen_by_topics_fired_before(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.fire("a")
    bus.subscribe("a", got.append)
    bus.fire("a")
    assert len(got) == 1


def test_a_bound_method_a_partial_and_a_callable_object_are_handlers(bus: ek.EventBus) -> None:
    got: list[str] = []

    class Counter:
        def method(self, event: ek.Event) -> None:
            got.append("method")

        def __call__(self, event: ek.Event) -> None:
            got.append("object")

    def with_more(name: str, event: ek.Event) -> None:
        got.append(name)

    bus.subscribe("a", Counter().method)
    bus.subscribe("a", Counter())
    bus.subscribe("a", functools.partial(with_more, "partial"))
    bus.fire("a")
    assert got == ["method", "object", "partial"]


def test_decorators_return_the_function_itself(bus: ek.EventBus) -> None:
    def double(event: ek.Event) -> int:
        return 2 * int(event.data)

    assert bus.processor("a", emits="b")(double) is double
    assert bus.listener("b")(double) is double


# Cancelling


def test_a_cancelled_subscriber_gets_no_further_events(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    subscription = bus.subscribe("a", got.append)
    bus.fire("a")
    subscription.cancel()
    bus.fire("a")
    assert len(got) == 1


def test_cancel_can_be_called_twice_and_leaves_others_alone(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    first = bus.subscribe("a", got.append)
    bus.subscribe("a", got.append)
    first.cancel()
    first.cancel()
    bus.fire("a")
    assert len(got) == 1


def test_a_subscription_lasts_as_long_as_its_with_block(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    with bus.subscribe("a", got.append):
        bus.fire("a")
    bus.fire("a")
    assert len(got) == 1


def test_a_handler_that_cancels_itself_gets_no_second_event(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []

    def handler(event: ek.Event) -> None:
        got.append(event)
        subscription.cancel()

    subscription = bus.subscribe("a", handler)
    bus.fire("a")
    bus.fire("a")
    assert len(got) == 1


def test_cancelling_another_inside_a_handler_takes_effect_from_the_next_event(
    bus: ek.EventBus,
) -> None:
    got: list[str] = []
    bus.subscribe("a", lambda event: later.cancel())
    later = bus.subscribe("a", note(got, "later"))
    bus.fire("a")
    assert got == ["later"]
    bus.fire("a")
    assert got == ["later"]


def test_subscribing_inside_a_handler_takes_effect_from_the_next_event(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", lambda event: bus.subscribe("a", got.append), once=True)
    bus.fire("a")
    assert got == []
    bus.fire("a")
    assert len(got) == 1


def test_what_was_fired_before_cancel_is_still_handled(bus: ek.EventBus, gate: Gate) -> None:
    subscription = bus.subscribe("a", gate, executor=ek.Threads(1))
    bus.fire("a")
    bus.fire("a")
    gate.wait_entered()
    subscription.cancel()
    gate.open()
    bus.drain(LONG)
    assert len(gate.handled) == 2


def test_a_cancelled_subscription_leaves_the_bus_no_memory_of_it(bus: ek.EventBus) -> None:
    for _ in range(100):
        bus.subscribe("a.*.b", lambda event: None).cancel()
    assert not bus._routing._tree._root.children
    assert not bus._routing._order


def test_while_others_subscribe_and_cancel_nobody_misses_an_event(bus: ek.EventBus) -> None:
    """Routes are looked for without a lock."""
    got: list[ek.Event] = []
    bus.subscribe("a.>", got.append)
    over, fired = threading.Event(), 0

    def fire_on() -> None:
        nonlocal fired
        while not over.is_set():
            for number in range(20):
                bus.fire(f"a.{number}.x", key="other")
                fired += 1

    def come_and_go(number: int) -> int:
        mine: list[ek.Event] = []
        for _ in range(100):
            with bus.subscribe(f"a.{number}.*", mine.append):
                event = bus.fire(f"a.{number}.x")
                assert event in mine
        return 100

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            firing = pool.submit(fire_on)
            try:
                fired_here = sum(pool.map(come_and_go, range(20)))
            finally:
                over.set()
            firing.result()
    finally:
        sys.setswitchinterval(interval)
    assert len(got) == len({event.id for event in got}) == fired + fired_here
    assert not bus.dead_letters


def test_a_handler_whose_signature_python_cannot_tell_is_taken(
    bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch")

    got: list[ek.Event] = []
    monkeypatch.setattr("inspect.signature", fail)
    bus.subscribe("a", got.append)
    assert got == [bus.fire("a")]


def test_a_route_that_was_outdated_when_it_was_found_is_not_kept(
    bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[ek.Event] = []
    find = bus._routing._tree.match

    def subscribe_in_between(topic: str) -> object:
        found = find(topic)
        monkeypatch.undo()
        bus.subscribe("a", got.append)
        return found

    monkeypatch.setattr(bus._routing._tree, "match", subscribe_in_between)
    bus.fire("a")
    event = bus.fire("a")
    assert got == [event]


# once


def test_once_gets_exactly_one_event(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append, once=True)
    first = bus.fire("a")
    bus.fire("a")
    assert got == [first]


def test_once_gets_exactly_one_event_of_many_threads(bus: ek.EventBus) -> None:
    for _ in range(50):
        got: list[ek.Event] = []
        bus.subscribe("a", got.append, once=True)
        barrier = threading.Barrier(4)

        def fire(barrier: threading.Barrier = barrier) -> None:
            barrier.wait(LONG)
            bus.fire("a")

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(fire) for _ in range(4)]:
                done.result(LONG)
        assert len(got) == 1


def test_once_on_workers_gets_exactly_one_event(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append, once=True, executor=ek.Threads(4))
    for _ in range(100):
        bus.fire("a")
    bus.drain(LONG)
    assert len(got) == 1


def test_once_is_over_even_if_its_handler_fires_the_same_topic(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []

    def again(event: ek.Event) -> None:
        got.append(event)
        bus.fire("a")

    bus.subscribe("a", again, once=True)
    bus.fire("a")
    assert len(got) == 1


# Results


def test_a_result_is_fired_with_its_cause_and_key(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", lambda event: event.data + 1, emits="b")
    bus.subscribe("b", got.append)
    event = bus.fire("a", 1, key="k")
    assert [(e.topic, e.data, e.key, e.cause) for e in got] == [("b", 2, "k", event.id)]


@pytest.mark.parametrize("nothing_much", [0, False, "", []])
def test_only_none_is_not_fired(bus: ek.EventBus, nothing_much: object) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", lambda event: event.data, emits="b")
    bus.subscribe("b", got.append)
    bus.fire("a", None)
    assert got == []
    bus.fire("a", nothing_much)
    assert len(got) == 1


def test_a_chain_of_processors_can_be_followed_by_its_causes(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe(">", got.append, priority=1)
    bus.subscribe("a", lambda event: 1, emits="b")
    bus.subscribe("b", lambda event: 2, emits="c")
    first = bus.fire("a")
    assert [e.topic for e in got] == ["a", "b", "c"]
    assert [e.cause for e in got] == [None, first.id, got[1].id]


def test_an_event_fired_inside_an_inline_handler_is_delivered_there_and_then(
    bus: ek.EventBus,
) -> None:
    got: list[str] = []

    def outer(event: ek.Event) -> None:
        got.append("before")
        bus.fire("inner")
        got.append("after")

    bus.subscribe("outer", outer)
    bus.subscribe("outer", note(got, "second on outer"))
    bus.subscribe("inner", note(got, "inner"))
    bus.fire("outer")
    assert got == ["before", "inner", "after", "second on outer"]


def test_many_threads_may_fire_subscribe_and_cancel_at_once(bus: ek.EventBus) -> None:
    counts = [0] * 4
    barrier = threading.Barrier(5)
    done = threading.Event()

    def fire(place: int) -> None:
        def count(event: ek.Event) -> None:
            counts[place] += 1

        bus.subscribe(f"mine.{place}", count)
        barrier.wait(LONG)
        for _ in range(2_000):
            bus.fire(f"mine.{place}")

    def churn() -> None:
        barrier.wait(LONG)
        while not done.is_set():
            bus.subscribe(">", lambda event: None).cancel()

    with ThreadPoolExecutor(5) as pool:
        churning = pool.submit(churn)
        firing = [pool.submit(fire, place) for place in range(4)]
        try:
            for one in firing:
                one.result(LONG)
        finally:
            done.set()
        churning.result(LONG)
    assert counts == [2_000] * 4
    bus.assert_clean()


def test_the_routes_kept_are_bounded(bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventkit.routing._CACHED_TOPICS", 10)
    got: list[ek.Event] = []
    bus.subscribe("a.*", got.append)
    for number in range(100):
        bus.fire(f"a.{number}")
    assert len(bus._routing.routes) <= 10
    assert len(got) == 100
