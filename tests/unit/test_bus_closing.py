"""EventBus: what close promises."""

import asyncio
import logging
import threading
from typing import Any

import pytest

import eventkit as ek

from .conftest import LONG, Gate


def test_nothing_can_be_fired_published_or_subscribed_on_a_closed_bus(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append)
    bus.fire("a")
    bus.close()
    with pytest.raises(ek.BusClosed, match="this bus is closed, so 'a' cannot be fired on it"):
        bus.fire("a")
    with pytest.raises(ek.BusClosed):
        bus.publish(ek.Event("a"))
    with pytest.raises(ek.BusClosed, match="so print cannot subscribe"):
        bus.subscribe("a", print)
    with pytest.raises(ek.BusClosed):
        bus.request("a")
    with pytest.raises(ek.BusClosed):
        bus.wait_for("a")
    assert len(got) == 1


def test_close_can_be_called_twice(bus: ek.EventBus) -> None:
    bus.subscribe("a", print, executor=ek.Threads(1))
    bus.close()
    bus.close()


def test_close_waits_for_what_was_fired(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append, executor=ek.Threads(2))
    for _ in range(100):
        bus.fire("a")
    bus.close(LONG)
    assert len(got) == 100
    bus.assert_clean()


@pytest.mark.parametrize("make", [lambda: ek.Threads(3, name="w"), lambda: ek.EventLoop(name="w")])
def test_close_ends_the_threads(make: Any) -> None:
    bus = ek.EventBus()
    bus.subscribe("a", lambda event: None, executor=make())
    bus.fire("a")
    assert [t for t in threading.enumerate() if t.name.startswith("w")]
    bus.close(LONG)
    assert not [t for t in threading.enumerate() if t.name.startswith("w")]


def test_a_with_block_closes_the_bus() -> None:
    got: list[ek.Event] = []
    with ek.EventBus() as bus:
        bus.subscribe("a", got.append, executor=ek.Threads(1))
        bus.fire("a")
    assert len(got) == 1
    with pytest.raises(ek.BusClosed):
        bus.fire("a")


def test_an_async_with_block_closes_the_bus_and_lets_its_loop_finish_first() -> None:
    got: list[ek.Event] = []

    async def handler(event: ek.Event) -> None:
        await asyncio.sleep(0)
        got.append(event)

    async def main() -> ek.EventBus:
        async with ek.EventBus() as bus:
            bus.subscribe("a", handler, executor=ek.EventLoop(asyncio.get_running_loop()))
            bus.subscribe("a", handler, executor=ek.EventLoop())
            for _ in range(10):
                bus.fire("a")
        return bus

    bus = asyncio.run(main())
    assert len(got) == 20
    bus.assert_clean()
    with pytest.raises(ek.BusClosed):
        bus.fire("a")


def test_a_stuck_handler_is_named_in_a_warning_and_holds_close_up_no_longer(
    bus: ek.EventBus, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1, name="press"))
    event = bus.fire("a")
    gate.wait_entered()
    bus.close(timeout=0.01)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"Gate with event {event.id} ('a') on press-1" in record.getMessage()


def test_aclose_names_a_stuck_coroutine_and_cancels_it(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def stuck(event: ek.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        bus = ek.EventBus()
        executor = ek.EventLoop(asyncio.get_running_loop(), name="press")
        bus.subscribe("a", stuck, executor=executor)
        bus.fire("a")
        await bus.aclose(timeout=0.01)

    asyncio.run(main())
    assert ended == ["cancelled"]
    assert "stuck with event" in caplog.records[0].getMessage()


def test_work_that_nobody_began_becomes_a_dead_letter(bus: ek.EventBus, gate: Gate) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1))
    events = [bus.fire("a", number, key="k") for number in range(4)]
    gate.wait_entered()
    bus.close(timeout=0.01)
    assert [letter.event for letter in bus.dead_letters] == events[1:]
    assert all(isinstance(letter.error, ek.BusClosed) for letter in bus.dead_letters)
    with pytest.raises(ek.HandlersFailed, match="closed before this event was handled"):
        bus.assert_clean()


def test_close_inside_a_handler_does_not_wait_for_itself(bus: ek.EventBus) -> None:
    closed = threading.Event()

    def closes(event: ek.Event) -> None:
        bus.close(timeout=10 * LONG)
        closed.set()

    bus.subscribe("a", closes, executor=ek.Threads(1))
    bus.fire("a")
    assert closed.wait(LONG)


def test_a_producer_that_waits_for_room_is_released_by_close(bus: ek.EventBus, gate: Gate) -> None:
    executor = ek.Threads(1, capacity=1, overflow="block")
    bus.subscribe("a", gate, executor=executor)
    bus.fire("a")
    gate.wait_entered()
    bus.fire("a")
    thread = threading.Thread(target=bus.fire, args=("a",))
    thread.start()
    bus.close(timeout=0.01)
    thread.join(LONG)
    assert not thread.is_alive()
    assert len(bus.dead_letters) == 2


def test_a_handler_that_fires_after_close_has_failed(bus: ek.EventBus, gate: Gate) -> None:
    def late(event: ek.Event) -> None:
        gate(event)
        bus.fire("b")

    executor = ek.Threads(1)
    bus.subscribe("a", late, executor=executor)
    bus.fire("a")
    gate.wait_entered()
    bus.close(timeout=0.01)
    gate.open()
    assert executor.wait_idle(LONG)
    assert [letter.handler for letter in bus.dead_letters] == ["late"]


def test_two_threads_may_close_at_once(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", got.append, executor=ek.Threads(2))
    for _ in range(50):
        bus.fire("a")
    threads = [threading.Thread(target=bus.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(got) == 50
    bus.assert_clean()


def test_events_fired_while_the_bus_closes_are_handled_refused_or_dead_letters() -> None:
    for _ in range(20):
        bus = ek.EventBus()
        got: list[ek.Event] = []
        executor = ek.Threads(2)
        bus.subscribe("a", got.append, executor=executor)
        fired = 0
        started = threading.Event()

        def fire_on(bus: ek.EventBus = bus, started: threading.Event = started) -> None:
            nonlocal fired
            try:
                while True:
                    bus.fire("a")
                    fired += 1
                    started.set()
            except ek.BusClosed:
                pass

        thread = threading.Thread(target=fire_on)
        logging.getLogger("eventkit").disabled = True
        try:
            thread.start()
            assert started.wait(LONG)
            bus.close(timeout=0.005)
            thread.join(LONG)
        finally:
            logging.getLogger("eventkit").disabled = False
        executor.wait_idle(LONG)
        assert not thread.is_alive()
        letters = len(bus.dead_letters)
        assert letters == bus.dead_letters.maxlen or len(got) + letters == fired
