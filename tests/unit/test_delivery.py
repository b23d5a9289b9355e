"""Delivery: in order, on a thread of its own, while the loop keeps running."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("nats")

from eventkit.nats.delivery import Delivery

LONG = 20.0
Deliver = Callable[[str], None]


class Pair:
    """The two threads and what they have delivered."""

    def __init__(self, capacity: int = 1_000) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.deliver: Deliver = lambda topic: None
        self.delivered: list[str] = []
        self._came = threading.Condition()
        self.threads = Delivery(self.loop, capacity, self._deliver)

    def arrive(self, *topics: str) -> None:
        def put() -> None:
            for topic in topics:
                assert self.threads.put(topic, b"")

        self.loop.call_soon_threadsafe(put)

    def wait_for(self, number: int) -> list[str]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.delivered) >= number, LONG), self.delivered
            return list(self.delivered)

    def _deliver(self, topic: str, body: bytes) -> None:
        self.deliver(topic)
        with self._came:
            self.delivered.append(topic)
            self._came.notify_all()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.threads.close(LONG)
    assert pair.loop.is_closed()


def slow(pair: Pair) -> tuple[threading.Event, threading.Event]:
    """Block each delivery. The first event is set when it begins; set the second to end it."""
    within, gate = threading.Event(), threading.Event()

    def deliver(topic: str) -> None:
        within.set()
        assert gate.wait(LONG)

    pair.deliver = deliver
    return within, gate


async def _nothing() -> str:
    return "done"


def test_what_arrives_is_delivered_in_order(pair: Pair) -> None:
    pair.deliver = lambda topic: time.sleep(0.012 if topic.endswith("00") else 0)
    names = [str(number) for number in range(1_000)]
    for first in range(0, 1_000, 10):
        pair.arrive(*names[first : first + 10])

    assert pair.wait_for(1_000) == names


def test_the_loop_goes_on_while_a_handler_is_slow(pair: Pair) -> None:
    within, gate = slow(pair)
    pair.arrive("slow", "next")
    assert within.wait(LONG)

    called = threading.Event()
    pair.loop.call_soon_threadsafe(called.set)
    assert called.wait(LONG)
    assert pair.threads.run(_nothing(), LONG) == "done"
    assert pair.delivered == []
    gate.set()
    assert pair.wait_for(2) == ["slow", "next"]


def test_one_who_delivers_may_use_the_loop_and_wait_for_it(pair: Pair) -> None:
    answers = []
    pair.deliver = lambda topic: answers.append(pair.threads.run(_nothing(), LONG))
    pair.arrive("a", "b")

    pair.wait_for(2)
    assert answers == ["done", "done"]


def test_what_finds_no_room_is_refused() -> None:
    pair = Pair(capacity=2)
    within, gate = slow(pair)
    pair.arrive("a")
    assert within.wait(LONG)
    found: list[bool] = []
    pair.loop.call_soon_threadsafe(
        lambda: found.extend(pair.threads.put(name, b"") for name in "bcd")
    )
    pair.threads.run(_nothing(), LONG)
    gate.set()

    assert found == [True, True, False]
    assert pair.wait_for(3) == ["a", "b", "c"]
    pair.threads.close(LONG)


def test_one_who_delivers_may_close_it() -> None:
    pair = Pair()
    pair.deliver = lambda topic: pair.threads.close(LONG)
    pair.arrive("a", "b")

    assert pair.wait_for(2) == ["a", "b"]
    pair.threads.close(LONG)
    assert pair.loop.is_closed()


def test_several_may_close_it_at_once() -> None:
    pair = Pair()
    closing = [threading.Thread(target=pair.threads.close, args=(LONG,)) for _ in range(8)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(LONG)
    assert pair.loop.is_closed()


def test_a_handler_that_would_end_the_thread_does_not(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def leave(topic: str) -> None:
        if topic == "exit":
            raise SystemExit("enough")

    pair.deliver = leave
    pair.arrive("exit", "next")
    assert pair.wait_for(1) == ["next"]
    pair.arrive("exit", "last")
    assert pair.wait_for(2) == ["next", "last"]
    assert pair.threads.run(_nothing(), LONG) == "done"
    assert caplog.text.count("SystemExit: enough") == 2


def test_a_callback_that_would_end_the_loop_does_not(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def leave() -> None:
        raise SystemExit("enough")

    for _ in range(3):
        pair.loop.call_soon_threadsafe(leave)
        assert pair.threads.run(_nothing(), LONG) == "done"
    pair.arrive("a")
    assert pair.wait_for(1) == ["a"]
    assert caplog.text.count("SystemExit: enough") == 3
    running = [thread.name for thread in threading.enumerate() if thread.is_alive()]
    assert sum(name.startswith("bridge") for name in running) == 2


def test_what_arrives_while_it_ends_is_refused() -> None:
    pair = Pair()
    taken: list[bool] = []

    async def put_at_last() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            taken.append(pair.threads.put("late", b""))

    tasks: list[asyncio.Task[None]] = []
    pair.loop.call_soon_threadsafe(lambda: tasks.append(pair.loop.create_task(put_at_last())))
    pair.threads.run(_nothing(), LONG)
    pair.threads.close(LONG)

    assert taken == [False] and pair.loop.is_closed() and pair.delivered == []
