"""EventLoop: coroutines on a loop of its own, and on the running one."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import eventkit as ek
from eventkit.testing import LONG


@asynccontextmanager
async def running_on(own: bool) -> AsyncIterator[tuple[ek.EventBus, ek.EventLoop]]:
    async with ek.EventBus() as bus:
        yield bus, ek.EventLoop() if own else ek.EventLoop(asyncio.get_running_loop())


on_both = pytest.mark.parametrize("own", [True, False], ids=["own loop", "running loop"])


@on_both
def test_a_thousand_handlers_wait_at_once(own: bool) -> None:
    """Nobody leaves before all have come: with one fewer at once, this would never end."""
    inside = 0
    all_here: list[asyncio.Event] = []

    async def waits(event: ek.Event) -> None:
        nonlocal inside
        if not all_here:
            all_here.append(asyncio.Event())
        inside += 1
        if inside == 1_000:
            all_here[0].set()
        await all_here[0].wait()

    async def main() -> None:
        async with running_on(own) as (bus, executor):
            bus.subscribe("a", waits, executor=executor)
            for _ in range(1_000):
                bus.fire("a")
            await bus.drain_async(LONG)
            bus.assert_clean()

    asyncio.run(main())
    assert inside == 1_000


@on_both
def test_handlers_start_in_the_order_fired_also_while_others_wait(own: bool) -> None:
    started: list[int] = []

    async def handler(event: ek.Event) -> None:
        started.append(event.data)
        for _ in range(event.data % 4):
            await asyncio.sleep(0)

    async def main() -> None:
        async with running_on(own) as (bus, executor):
            bus.subscribe("a", handler, executor=executor)
            for number in range(1_000):
                bus.fire("a", number)
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert started == list(range(1_000))


@on_both
def test_events_with_one_key_wait_for_each_other_across_awaits(own: bool) -> None:
    trace: list[tuple[str, int]] = []

    async def handler(event: ek.Event) -> None:
        trace.append(("in", event.data))
        await asyncio.sleep(0)
        trace.append(("out", event.data))

    async def main() -> None:
        async with running_on(own) as (bus, executor):
            bus.subscribe("a", handler, executor=executor)
            for number in range(100):
                bus.fire("a", number, key="k")
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert trace == [(step, number) for number in range(100) for step in ("in", "out")]


@on_both
@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_handlers_are_under_way_than_concurrency_allows(
    own: bool, concurrency: int
) -> None:
    inside = most = 0

    async def handler(event: ek.Event) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    async def main() -> None:
        async with ek.EventBus() as bus:
            loop = None if own else asyncio.get_running_loop()
            executor = ek.EventLoop(loop, concurrency=concurrency)
            bus.subscribe("a", handler, executor=executor)
            for _ in range(100):
                bus.fire("a")
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert most == concurrency


@on_both
def test_plain_functions_and_coroutines_share_one_thread(own: bool) -> None:
    threads: set[int] = set()

    def plain(event: ek.Event) -> None:
        threads.add(threading.get_ident())

    async def coroutine(event: ek.Event) -> None:
        threads.add(threading.get_ident())

    async def main() -> int:
        async with running_on(own) as (bus, executor):
            bus.subscribe("a", plain, executor=executor)
            bus.subscribe("a", coroutine, executor=executor)
            for _ in range(600):
                bus.fire("a")
            await bus.drain_async(LONG)
        return threading.get_ident()

    mine = asyncio.run(main())
    assert len(threads) == 1
    assert (threads == {mine}) is not own


@on_both
def test_a_flood_of_plain_handlers_lets_the_loop_do_other_things(own: bool) -> None:
    """Whoever else lives on the loop gets a turn long before the queue is empty."""
    handled_when_ticked: list[int] = []
    handled = 0

    async def main() -> None:
        async with running_on(own) as (bus, executor):

            def plain(event: ek.Event) -> None:
                nonlocal handled
                handled += 1
                if handled == 1:
                    loop = asyncio.get_running_loop()
                    loop.call_soon(lambda: handled_when_ticked.append(handled))

            bus.subscribe("a", plain, executor=executor)
            for _ in range(5_000):
                bus.fire("a")
            await bus.drain_async(LONG)

    asyncio.run(main())
    assert handled_when_ticked[0] < 1_000


@on_both
def test_a_handler_that_was_cancelled_is_a_failure_and_its_lane_goes_on(own: bool) -> None:
    got: list[ek.Event] = []

    async def cancelled(event: ek.Event) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def handler(event: ek.Event) -> None:
        got.append(event)

    async def main() -> None:
        async with ek.EventBus() as bus:
            loop = None if own else asyncio.get_running_loop()
            executor = ek.EventLoop(loop, concurrency=1)
            bus.subscribe("a", cancelled, executor=executor)
            bus.subscribe("b", handler, executor=executor)
            bus.fire("a")
            bus.fire("b")
            await bus.drain_async(LONG)
            assert [type(letter.error) for letter in bus.dead_letters] == [asyncio.CancelledError]

    asyncio.run(main())
    assert len(got) == 1


@on_both
def test_a_timeout_inside_a_handler_is_its_own_affair(own: bool) -> None:
    outcomes: list[str] = []

    async def impatient(event: ek.Event) -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            outcomes.append("timed out")

    async def main() -> None:
        async with running_on(own) as (bus, executor):
            bus.subscribe("a", impatient, executor=executor)
            for _ in range(3):
                bus.fire("a")
            await bus.drain_async(LONG)
            bus.assert_clean()

    asyncio.run(main())
    assert outcomes == ["timed out"] * 3


def test_a_coroutine_may_request_from_its_own_loop() -> None:
    async def main() -> ek.Event:
        async with ek.EventBus() as bus:
            executor = ek.EventLoop(asyncio.get_running_loop())

            async def outer(event: ek.Event) -> object:
                return (await bus.request_async("inner", event.data, LONG)).data

            async def inner(event: ek.Event) -> object:
                await asyncio.sleep(0)
                return 2 * event.data

            bus.subscribe("outer", outer, emits="outer.done", executor=executor)
            bus.subscribe("inner", inner, emits="inner.done", executor=executor)
            return await bus.request_async("outer", 21, LONG)

    assert asyncio.run(main()).data == 42


def test_worker_tasks_are_reused_rather_than_made_for_each_event() -> None:
    executor = ek.EventLoop()
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: event.data, emits="b", executor=executor)
        for number in range(200):
            bus.request("a", number, LONG)
        engine: Any = executor._engine
        assert len(engine._tasks) <= 2


def test_a_coroutine_under_way_at_close_is_cancelled_and_a_dead_letter() -> None:
    entered, ended = threading.Event(), threading.Event()

    async def stuck(event: ek.Event) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bus = ek.EventBus()
    executor = ek.EventLoop(name="closing")
    bus.subscribe("a", stuck, executor=executor)
    bus.fire("a")
    assert entered.wait(LONG)
    bus.close(timeout=0.01)
    assert ended.wait(LONG)
    engine: Any = executor._engine
    thread = engine._thread
    assert thread is not None
    thread.join(LONG)
    assert not thread.is_alive()
    assert [type(letter.error) for letter in bus.dead_letters] == [asyncio.CancelledError]


@pytest.mark.parametrize("waiting", [0, 3], ids=["at rest", "with work"])
def test_worker_tasks_that_were_cancelled_are_replaced_and_lose_nothing(waiting: int) -> None:
    handled: list[int] = []

    async def main() -> None:
        async with ek.EventBus() as bus:
            here = ek.EventLoop(asyncio.get_running_loop())
            bus.subscribe("a", lambda event: handled.append(event.data), executor=here)
            bus.fire("a", 0)
            await bus.drain_async(LONG)
            for number in range(waiting):  # the worker is woken, and cancelled before it starts
                bus.fire("a", 1 + number)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await bus.drain_async(LONG)
            bus.fire("a", -1)
            await bus.drain_async(LONG)
            bus.assert_clean()

    asyncio.run(main())
    assert handled == [*range(1 + waiting), -1]


@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
@pytest.mark.parametrize("capacity", [None, 10], ids=["no bound", "bounded"])
def test_a_handler_that_somebody_cancelled_holds_up_nobody(
    key: str | None, capacity: int | None
) -> None:
    finished: list[int] = []

    async def main() -> None:
        async with ek.EventBus() as bus:
            under_way: asyncio.Future[asyncio.Task[Any]] = here.create_future()

            async def handle(event: ek.Event) -> None:
                if event.data == 0:
                    task = asyncio.current_task()
                    assert task is not None
                    under_way.set_result(task)
                    await asyncio.sleep(LONG)
                finished.append(event.data)

            bus.subscribe("a", handle, executor=ek.EventLoop(here, capacity=capacity))
            for number in range(4):
                bus.fire("a", number, key=key)
            cancelled = await under_way
            cancelled.cancel()
            await bus.drain_async(LONG)
            bus.fire("a", 4, key=key)
            await bus.drain_async(LONG)
            assert [letter.event.data for letter in bus.dead_letters] == [0]

    with asyncio.Runner() as runner:
        here = runner.get_loop()
        runner.run(main())
    assert finished == [1, 2, 3, 4]
