"""eventkit.testing: what tests of event-driven code wait for, hold and capture."""

from __future__ import annotations

import threading

import pytest

import eventkit as ek
from eventkit import testing


def test_what_is_fired_on_a_pattern_in_the_block_is_captured(bus: ek.EventBus) -> None:
    bus.fire("counter.changed", 0)
    with testing.captured(bus, "counter.>") as seen:
        bus.fire("counter.changed", 1)
        bus.fire("button.click", 2)
        bus.fire("counter.full", 3)
    bus.fire("counter.changed", 4)

    assert seen.data == [1, 3]
    assert seen.topics == ["counter.changed", "counter.full"]
    assert [event.data for event in seen] == [1, 3]


def test_captured_events_can_be_waited_for(bus: ek.EventBus) -> None:
    with testing.captured(bus, "a") as seen:
        thread = threading.Thread(target=lambda: [bus.fire("a", n) for n in range(3)])
        thread.start()
        assert [event.data for event in seen.wait(3)] == [0, 1, 2]
    thread.join()


def test_events_that_never_come_are_told_with_those_that_came(bus: ek.EventBus) -> None:
    with testing.captured(bus) as seen:
        bus.fire("a")
        with pytest.raises(AssertionError, match=r"2 event\(s\), and got 1: \['a'\]"):
            seen.wait(2, timeout=0)


def test_a_pattern_that_is_none_is_refused(bus: ek.EventBus) -> None:
    with pytest.raises(ek.InvalidTopic), testing.captured(bus, "a..b"):
        pass


def test_wait_until_gives_what_it_waited_for() -> None:
    looks = iter([0, 0, "there"])
    assert testing.wait_until(lambda: next(looks)) == "there"


def test_wait_until_says_what_it_waited_for_in_vain() -> None:
    with pytest.raises(AssertionError, match=r"waited 0 s for the second door"):
        testing.wait_until(lambda: False, timeout=0, what="the second door")


def test_settle_waits_for_every_consequence(bus: ek.EventBus, gate: testing.Gate) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1))
    event = bus.fire("a")
    gate.wait_entered()
    with pytest.raises(ek.DrainTimeout, match="Gate with event"):
        testing.settle(bus, timeout=0)
    gate.open()
    testing.settle(bus)
    assert gate.handled == [event]


def test_settle_is_not_content_with_a_failed_handler(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: 1 / 0, executor=ek.Threads(1))
    bus.fire("a")
    with pytest.raises(ek.HandlersFailed, match="ZeroDivisionError"):
        testing.settle(bus)


def test_a_gate_that_is_reached_too_seldom_says_how_often(
    bus: ek.EventBus, gate: testing.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "LONG", 0.05)
    bus.subscribe("a", gate, executor=ek.Threads(3))
    bus.fire("a")
    with pytest.raises(AssertionError, match="only 1 of 2 events have reached the gate"):
        gate.wait_entered(2)
    bus.drain(5)
    with pytest.raises(ek.HandlersFailed, match=r"not opened within 0\.05 s: call its open"):
        bus.assert_clean()
    bus.dead_letters.clear()


def test_a_gate_counts_who_has_reached_it(bus: ek.EventBus, gate: testing.Gate) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(3))
    for number in range(3):
        bus.fire("a", number)
    gate.wait_entered(3)
    assert gate.handled == []
    gate.open()
    testing.settle(bus)
    assert {event.data for event in gate.handled} == {0, 1, 2}
