"""EventBus: drain, wait_for and request, for threads and for coroutines."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import eventkit as ek

from .conftest import LONG, Gate

SHORT = 0.05  # seconds that are meant to run out


class Spawner:
    """Fires one more event for each, `generations` deep."""

    def __init__(self, bus: ek.EventBus, generations: int) -> None:
        self.bus = bus
        self.generations = generations
        self.handled = 0

    def __call__(self, event: ek.Event) -> None:
        if event.data < self.generations:
            self.bus.fire(event.topic, event.data + 1)
        self.handled += 1


# drain


def test_drain_waits_for_every_consequence(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe("a", lambda event: 1, emits="b", executor=ek.Threads(2))
    bus.subscribe("b", lambda event: 2, emits="c", executor=ek.EventLoop())
    bus.subscribe("c", lambda event: 3, emits="d", executor=ek.Threads(1))
    bus.subscribe("d", got.append, executor=ek.Threads(1))
    for _ in range(200):
        bus.fire("a")
    bus.drain(LONG)
    assert len(got) == 200


def test_drain_waits_for_events_that_go_back_and_forth_between_executors(bus: ek.EventBus) -> None:
    there, back = ek.Threads(1), ek.Threads(1)
    hops: list[int] = []

    def hop(event: ek.Event) -> None:
        hops.append(event.data)
        if event.data < 500:
            bus.fire("ping" if event.topic == "pong" else "pong", event.data + 1)

    bus.subscribe("ping", hop, executor=there)
    bus.subscribe("pong", hop, executor=back)
    bus.fire("ping", 1)
    bus.drain(LONG)
    assert hops == list(range(1, 501))


def test_drain_of_an_idle_bus_returns_at_once(bus: ek.EventBus) -> None:
    bus.drain(0)
    bus.subscribe("a", print, executor=ek.Threads(1))
    bus.drain(0)


def test_drain_names_what_runs_and_counts_what_waits(bus: ek.EventBus, gate: Gate) -> None:
    def stuck(event: ek.Event) -> None:
        gate(event)

    bus.subscribe("a", stuck, executor=ek.Threads(1, name="press"))
    event = bus.fire("a")
    for _ in range(3):
        bus.fire("a")
    gate.wait_entered()
    with pytest.raises(ek.DrainTimeout) as late:
        bus.drain(SHORT)
    assert late.value.unfinished == [
        f"stuck with event {event.id} ('a') on press-1",
        "3 waiting in press (1 workers)",
    ]
    assert f"within {SHORT} s" in str(late.value)
    assert isinstance(late.value, TimeoutError)


def test_drain_names_a_coroutine_that_waits(bus: ek.EventBus) -> None:
    entered, loops = threading.Event(), []

    async def sleeper(event: ek.Event) -> None:
        loops.append((asyncio.get_running_loop(), leave := asyncio.Event()))
        entered.set()
        await leave.wait()

    bus.subscribe("a", sleeper, executor=ek.EventLoop(name="press"))
    event = bus.fire("a")
    assert entered.wait(LONG)
    with pytest.raises(ek.DrainTimeout) as late:
        bus.drain(SHORT)
    assert late.value.unfinished == [f"sleeper with event {event.id} ('a') on press-1"]
    loop, leave = loops[0]
    loop.call_soon_threadsafe(leave.set)
    bus.drain(LONG)


@pytest.mark.parametrize("make", [lambda: ek.Threads(2), lambda: ek.EventLoop()])
def test_drain_inside_a_handler_raises_at_once(bus: ek.EventBus, make: Callable[[], Any]) -> None:
    bus.subscribe("a", lambda event: bus.drain(), executor=make())
    bus.fire("a")
    bus.drain(LONG)
    (letter,) = bus.dead_letters
    assert isinstance(letter.error, RuntimeError)
    assert "drain() here would wait for itself" in str(letter.error)
    assert "drain_async()" in str(letter.error)


def test_drain_on_the_thread_of_the_loop_raises_at_once(bus: ek.EventBus) -> None:
    async def main() -> None:
        bus.subscribe("a", print, executor=ek.EventLoop(asyncio.get_running_loop()))
        bus.drain(0)
        bus.fire("a")
        with pytest.raises(RuntimeError, match="wait for itself"):
            bus.drain()
        await bus.drain_async(LONG)

    asyncio.run(main())


def test_drain_sees_the_loop_even_before_the_loop_has_seen_its_first_event(
    bus: ek.EventBus,
) -> None:
    """The executor is made elsewhere, so it can't know the loop's thread from its making."""
    loop = asyncio.new_event_loop()
    executor = ek.EventLoop(loop)
    bus.subscribe("a", lambda event: None, executor=executor)

    async def main() -> None:
        bus.fire("a")
        with pytest.raises(RuntimeError, match="wait for itself"):
            bus.drain(LONG)
        await bus.drain_async(LONG)

    loop.run_until_complete(main())
    bus.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_drain_async_leaves_the_loop_free_for_handlers(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []

    async def handler(event: ek.Event) -> None:
        await asyncio.sleep(0)
        got.append(event)

    async def main() -> None:
        bus.subscribe("a", handler, executor=ek.EventLoop(asyncio.get_running_loop()))
        for _ in range(100):
            bus.fire("a")
        await bus.drain_async(LONG)
        assert len(got) == 100

    asyncio.run(main())


def test_drain_async_times_out_like_drain(bus: ek.EventBus, gate: Gate) -> None:
    bus.subscribe("a", gate, executor=ek.Threads(1))
    bus.fire("a")
    gate.wait_entered()
    with pytest.raises(ek.DrainTimeout, match="Gate with event"):
        asyncio.run(bus.drain_async(SHORT))


async def handle_later(event: ek.Event) -> None:
    await asyncio.sleep(0.01)


def forbid_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        pytest.fail(f"{thread} is started")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_drain_async_needs_no_thread(bus: ek.EventBus, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        bus.subscribe("a", handle_later, emits="b", executor=ek.EventLoop(loop))
        bus.subscribe("b", print)
        for _ in range(3):
            bus.fire("a")
        await bus.drain_async(LONG)
        bus.assert_clean()

    forbid_threads(monkeypatch)
    asyncio.run(main())


@pytest.mark.parametrize("make", [lambda: ek.Threads(2), lambda: ek.EventLoop()])
def test_drain_async_needs_no_thread_while_others_work(
    bus: ek.EventBus, make: Callable[[], Any], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(bus.drain_async(LONG))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.open()
        await waiting

    bus.subscribe("a", gate, executor=make())
    bus.fire("a")
    gate.wait_entered()
    forbid_threads(monkeypatch)
    asyncio.run(main())
    assert len(gate.handled) == 1


def test_a_drain_async_that_is_cancelled_leaves_the_bus_usable(
    bus: ek.EventBus, gate: Gate
) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(bus.drain_async(LONG))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open()
        await bus.drain_async(LONG)

    bus.subscribe("a", gate, executor=ek.Threads(1))
    bus.fire("a")
    gate.wait_entered()
    asyncio.run(main())
    bus.drain(0)


def test_drain_async_times_out_on_the_loop_that_handles(bus: ek.EventBus) -> None:
    async def main() -> None:
        async def wait(event: ek.Event) -> None:
            await leave.wait()

        leave = asyncio.Event()
        bus.subscribe("a", wait, executor=ek.EventLoop(asyncio.get_running_loop()))
        bus.fire("a")
        for seconds in (0, SHORT):
            with pytest.raises(ek.DrainTimeout, match=r"with event|waiting in"):
                await bus.drain_async(seconds)
        leave.set()
        await bus.drain_async(LONG)

    asyncio.run(main())


def test_drain_async_sees_that_the_loop_of_the_handlers_has_ended(bus: ek.EventBus) -> None:
    async def sleeper(event: ek.Event) -> None:
        await asyncio.sleep(LONG)

    async def fire() -> None:
        bus.subscribe("a", sleeper, executor=ek.EventLoop(loop))
        bus.fire("a")
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(fire())
    loop.close()
    asyncio.run(bus.drain_async(LONG))
    assert [letter.handler for letter in bus.dead_letters] == ["sleeper"]


def test_drain_gives_up_in_time_while_events_beget_events(bus: ek.EventBus) -> None:
    stop = threading.Event()

    def begets(event: ek.Event) -> None:
        if not stop.is_set():
            bus.fire(event.topic)

    bus.subscribe("a", begets, executor=ek.Threads(1))
    bus.fire("a")
    with pytest.raises(ek.DrainTimeout):
        bus.drain(SHORT)
    stop.set()
    bus.drain(LONG)


def test_a_handler_that_fires_further_events_is_drained_to_the_last(bus: ek.EventBus) -> None:
    spawner = Spawner(bus, 300)
    bus.subscribe("a", spawner, executor=ek.Threads(2))
    bus.fire("a", 1)
    bus.drain(LONG)
    assert spawner.handled == 300


# wait_for


def test_wait_for_returns_the_next_event_that_fits(bus: ek.EventBus) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bus.wait_for, "a.*", LONG)
        until_subscribed(bus, "a.b")
        bus.fire("x")
        event = bus.fire("a.b")
        assert waiting.result(LONG) is event


def test_wait_for_leaves_nothing_behind(bus: ek.EventBus) -> None:
    with pytest.raises(TimeoutError, match=r"no event on 'a\.>' within 0\.0 s"):
        bus.wait_for("a.>", 0.0)
    assert not bus._routing._order
    assert not bus._replies


def test_wait_for_ends_when_the_bus_is_closed(bus: ek.EventBus) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bus.wait_for, "a")
        until_subscribed(bus, "a")
        bus.close()
        with pytest.raises(ek.BusClosed, match="while this was waited for"):
            waiting.result(LONG)


def test_wait_for_async_returns_the_next_event_that_fits(bus: ek.EventBus) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(bus.wait_for_async("a", LONG))
        await asyncio.sleep(0)
        event = bus.fire("a")
        assert await waiting is event

    asyncio.run(main())


def test_wait_for_async_times_out(bus: ek.EventBus) -> None:
    with pytest.raises(TimeoutError, match="no event on 'a' within"):
        asyncio.run(bus.wait_for_async("a", SHORT))
    assert not bus._routing._order


def test_a_cancelled_wait_for_async_leaves_nothing_behind(bus: ek.EventBus) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(bus.wait_for_async("a"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        bus.fire("a")

    asyncio.run(main())
    assert not bus._routing._order
    bus.assert_clean()


# request


@pytest.fixture(params=["inline", "threads", "event loop"])
def executor(request: pytest.FixtureRequest) -> Any:
    makers: dict[str, Any] = {"threads": ek.Threads, "event loop": ek.EventLoop}
    maker = makers.get(request.param)
    return maker and maker()


def ask(bus: ek.EventBus, how: str, *args: Any, **options: Any) -> ek.Event:
    if how == "sync":
        return bus.request(*args, **options)
    return asyncio.run(bus.request_async(*args, **options))


both = pytest.mark.parametrize("how", ["sync", "async"])


@both
def test_a_request_returns_the_answer(bus: ek.EventBus, executor: Any, how: str) -> None:
    bus.subscribe("double", lambda event: 2 * event.data, emits="doubled", executor=executor)
    answer = ask(bus, how, "double", 21, LONG, key="k")
    assert (answer.topic, answer.data, answer.key) == ("doubled", 42, "k")
    assert answer.cause is not None


@both
def test_a_request_raises_what_the_processor_raised(
    bus: ek.EventBus, executor: Any, how: str
) -> None:
    def fails(event: ek.Event) -> None:
        raise ZeroDivisionError("by hand")

    bus.subscribe("a", fails, emits="b", executor=executor)
    with pytest.raises(ZeroDivisionError, match="by hand"):
        ask(bus, how, "a", None, LONG)
    assert len(bus.dead_letters) == 1


@both
def test_a_handlers_own_timeout_error_is_passed_on_as_it_is(
    bus: ek.EventBus, executor: Any, how: str
) -> None:
    def fails(event: ek.Event) -> None:
        raise TimeoutError("mine")

    bus.subscribe("a", fails, emits="b", executor=executor)
    with pytest.raises(TimeoutError, match=r"^mine$"):
        ask(bus, how, "a", None, LONG)


@both
def test_an_answer_of_none_is_no_reply(bus: ek.EventBus, executor: Any, how: str) -> None:
    def says_nothing(event: ek.Event) -> None:
        pass

    bus.subscribe("a", says_nothing, emits="b", executor=executor)
    with pytest.raises(ek.NoReply, match="says_nothing answered None"):
        ask(bus, how, "a", None, LONG)


@both
def test_a_request_that_nobody_can_answer_is_no_reply_at_once(bus: ek.EventBus, how: str) -> None:
    bus.subscribe("a", print)
    with pytest.raises(ek.NoReply, match="no processor answers 'a': subscribe one with emits="):
        ask(bus, how, "a")


@both
def test_a_late_answer_is_a_timeout_that_names_what_is_unfinished(
    bus: ek.EventBus, gate: Gate, how: str
) -> None:
    bus.subscribe("a", gate, emits="b", executor=ek.Threads(1, name="press"))
    with pytest.raises(TimeoutError, match=r"no reply to 'a' within .*Gate with event .* press-1"):
        ask(bus, how, "a", None, SHORT)
    assert not bus._replies


def test_the_first_answer_counts(bus: ek.EventBus) -> None:
    bus.subscribe("a", lambda event: "first", emits="b")
    bus.subscribe("a", lambda event: "second", emits="b")
    assert bus.request("a", None, LONG).data == "first"


def test_a_retried_processor_answers_in_the_end(bus: ek.EventBus) -> None:
    tries: list[ek.Event] = []

    def flaky(event: ek.Event) -> int:
        tries.append(event)
        return 1 // (len(tries) - 1)

    bus.subscribe("a", flaky, emits="b", retry=ek.Retry(2, 0.0), executor=ek.Threads(1))
    assert bus.request("a", None, LONG).data == 1


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_a_request_that_is_dropped_raises_queue_full(
    bus: ek.EventBus, gate: Gate, overflow: Any
) -> None:
    bus.subscribe("a", gate, emits="b", executor=ek.Threads(1, capacity=1, overflow=overflow))
    bus.fire("a")
    gate.wait_entered()
    if overflow == "drop_newest":
        bus.fire("a")
        with pytest.raises(ek.QueueFull, match="was full and dropped event"):
            bus.request("a", None, LONG)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bus.request, "a", None, LONG)
        while not bus._replies:
            pass
        while not waiting.done():
            bus.fire("a")
        with pytest.raises(ek.QueueFull):
            waiting.result(LONG)


def test_a_refused_request_raises_queue_full(bus: ek.EventBus, gate: Gate) -> None:
    bus.subscribe("a", gate, emits="b", executor=ek.Threads(1, capacity=1, overflow="raise"))
    bus.fire("a")
    gate.wait_entered()
    bus.fire("a")
    with pytest.raises(ek.QueueFull, match="and refused event"):
        bus.request("a", None, LONG)
    assert not bus._replies


def test_a_request_under_way_ends_when_the_bus_is_closed(bus: ek.EventBus, gate: Gate) -> None:
    bus.subscribe("a", gate, emits="b", executor=ek.Threads(1))
    bus.fire("a")
    gate.wait_entered()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bus.request, "a")
        while not bus._replies:
            pass
        bus.close(timeout=0)
        with pytest.raises(ek.BusClosed):
            waiting.result(LONG)


def test_a_request_to_an_executor_that_was_closed_fails_at_once(bus: ek.EventBus) -> None:
    executor = ek.Threads(1)
    bus.subscribe("a", lambda event: 1, emits="b", executor=executor)
    executor.close(timeout=0)
    with pytest.raises(ek.BusClosed, match=r"threads .* is closed"):
        bus.request("a", None, LONG)


def test_many_threads_may_request_at_once_and_each_gets_its_own_answer(bus: ek.EventBus) -> None:
    bus.subscribe("double", lambda event: 2 * event.data, emits="doubled", executor=ek.Threads(4))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: bus.request("double", n, LONG).data, range(400)))
    assert answers == [2 * n for n in range(400)]


def until_subscribed(bus: ek.EventBus, topic: str) -> None:
    """Wait until another thread's subscription is there; pytest-timeout ends it if it never is."""
    while not bus._routing._tree.match(topic):
        pass
