"""One contract for all executors that take work elsewhere: what the bus relies on.

A new executor joins by a line in MAKERS, and in ORDERED or WORKERS if it keeps order without keys
or runs several blocking handlers at once. Processes runs handlers elsewhere, which call the test's
own: those tests in which a handler uses its executor are not for it.
"""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

import eventkit as ek
from eventkit.executors.base import Executor
from eventkit.testing import LONG, Gate, wait_until

from .called_back import Home

_given: asyncio.AbstractEventLoop  # made by the fixture below, and run in a thread of its own

MAKERS: dict[str, Callable[..., Any]] = {
    "Threads(1)": lambda **options: ek.Threads(1, **options),
    "Threads(4)": lambda **options: ek.Threads(4, **options),
    "EventLoop": lambda **options: ek.EventLoop(**options),
    "EventLoop(concurrency=1)": lambda **options: ek.EventLoop(concurrency=1, **options),
    "EventLoop(loop)": lambda **options: ek.EventLoop(_given, **options),
    "Selector": lambda **options: ek.Selector(**options),
    "Greenlets": lambda **options: ek.Greenlets(**options),
    "Processes(1)": lambda **options: ek.Processes(1, **options),
    "Processes(2)": lambda **options: ek.Processes(2, **options),
}
ORDERED = {
    "Threads(1)",
    "EventLoop",
    "EventLoop(concurrency=1)",
    "EventLoop(loop)",
    "Selector",
    "Greenlets",
    "Processes(1)",
}
BORROWERS = {"EventLoop(loop)"}  # their thread is not theirs to end
ELSEWHERE = {"Processes(1)", "Processes(2)"}  # their handlers run in other processes
WORKERS = {"Threads(4)": 4, "Processes(2)": 2}  # how many blocking handlers run at once; else one


def each(kinds: Iterable[str]) -> pytest.MarkDecorator:
    """Run a test with each kind. Starting processes takes time: several are for the long tier."""
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(kind, marks=[pytest.mark.long] if kind == "Processes(2)" else [])
            for kind in kinds
        ],
    )


every_executor = each([*MAKERS, "Inline"])
every_queue = each(MAKERS)
every_local = each(kind for kind in MAKERS if kind not in ELSEWHERE)
every_owner = each(kind for kind in MAKERS if kind not in BORROWERS)


@pytest.fixture(scope="module", autouse=True)
def given_loop() -> Iterator[None]:
    global _given  # a new one for each module that borrows these tests' makers
    _given = asyncio.new_event_loop()
    thread = threading.Thread(target=_given.run_forever, name="given")
    thread.start()
    yield
    asyncio.run_coroutine_threadsafe(cancel_the_others(), _given).result(LONG)
    _given.call_soon_threadsafe(_given.stop)
    thread.join(LONG)
    _given.close()


async def cancel_the_others() -> None:
    """Cancel the tasks of this loop, and wait for them: one that is left fails a later test."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Setting:
    """A bus, and executors of one kind."""

    def __init__(self, kind: str) -> None:
        self.bus = Home()
        self.kind = kind
        self.workers = WORKERS.get(kind, 1)
        self.gate = Gate()

    def make(self, **options: Any) -> Any:
        return ek.Inline() if self.kind == "Inline" else MAKERS[self.kind](**options)

    def occupy(self, **options: Any) -> Any:
        """An executor all of whose workers are held by the gate."""
        executor = self.make(**options)
        self.bus.subscribe("hold", self.gate, executor=executor)
        for _ in range(self.workers):
            self.bus.fire("hold")
            self.gate.wait_entered()
        return executor


@pytest.fixture
def setting(kind: str) -> Iterator[Setting]:
    setting = Setting(kind)
    yield setting
    setting.gate.open()
    setting.bus.close(LONG)
    setting.bus.hang_up()


# Work


@every_executor
def test_every_event_is_handled_exactly_once(setting: Setting) -> None:
    got: list[int] = []
    setting.bus.subscribe("a", lambda event: got.append(event.data), executor=setting.make())
    for number in range(2_000):
        setting.bus.fire("a", number)
    setting.bus.drain(LONG)
    assert sorted(got) == list(range(2_000))


@every_executor
def test_events_of_many_threads_are_all_handled_and_each_threads_order_is_kept_by_key(
    setting: Setting,
) -> None:
    got: dict[str | None, list[int]] = {f"thread-{place}": [] for place in range(4)}

    def handler(event: ek.Event) -> None:
        got[event.key].append(event.data)

    setting.bus.subscribe("a", handler, executor=setting.make())
    barrier = threading.Barrier(4)

    def fire(place: int) -> None:
        barrier.wait(LONG)
        for number in range(1_000):
            setting.bus.fire("a", number, key=f"thread-{place}")

    run_threads(fire, 4)
    setting.bus.drain(LONG)
    assert all(numbers == list(range(1_000)) for numbers in got.values())


@pytest.mark.parametrize("kind", [*sorted(ORDERED), "Inline"])
def test_one_worker_keeps_the_order_without_keys(setting: Setting) -> None:
    got: list[int] = []
    setting.bus.subscribe("a", lambda event: got.append(event.data), executor=setting.make())
    for number in range(2_000):
        setting.bus.fire("a", number)
    setting.bus.drain(LONG)
    assert got == list(range(2_000))


@every_executor
def test_two_events_with_one_key_never_run_at_the_same_time(setting: Setting) -> None:
    running: set[str | None] = set()
    clashes: list[ek.Event] = []
    order: dict[str | None, list[int]] = {"x": [], "y": [], "z": []}

    def handler(event: ek.Event) -> None:
        if event.key in running:
            clashes.append(event)
        running.add(event.key)
        order[event.key].append(event.data)
        running.discard(event.key)

    setting.bus.subscribe("a", handler, executor=setting.make())
    for number in range(3_000):
        setting.bus.fire("a", number, key="xyz"[number % 3])
    setting.bus.drain(LONG)
    assert not clashes
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert sum(map(len, order.values())) == 3_000


@pytest.mark.parametrize("kind", sorted(WORKERS))
def test_a_key_whose_handler_is_stuck_holds_up_no_other_key(setting: Setting) -> None:
    got: list[str | None] = []
    executor = setting.make()
    setting.bus.subscribe("hold", setting.gate, executor=executor)
    setting.bus.subscribe("a", lambda event: got.append(event.key), executor=executor)
    setting.bus.fire("hold", key="stuck")
    setting.gate.wait_entered()
    for _ in range(10):
        setting.bus.fire("a", key="stuck")
    for _ in range(10):
        setting.bus.fire("a", key="free")
        setting.bus.fire("a")
    wait_until(lambda: len(got) == 20)
    with pytest.raises(ek.DrainTimeout):
        setting.bus.drain(0.05)
    assert (got.count("free"), got.count(None), got.count("stuck")) == (10, 10, 0)
    setting.gate.open()
    setting.bus.drain(LONG)
    assert got.count("stuck") == 10


@pytest.mark.parametrize("kind", sorted(WORKERS))
def test_as_many_handlers_run_at_once_as_there_are_workers(setting: Setting) -> None:
    together = threading.Barrier(setting.workers)
    setting.bus.subscribe("a", lambda event: together.wait(LONG), executor=setting.make())
    for _ in range(setting.workers):
        setting.bus.fire("a")
    setting.bus.drain(LONG)
    setting.bus.assert_clean()


@every_executor
def test_a_failing_handler_leaves_the_worker_at_work(setting: Setting) -> None:
    got: list[int] = []

    def every_third_fails(event: ek.Event) -> None:
        if event.data % 3 == 0:
            raise RuntimeError("a multiple of three")
        got.append(event.data)

    setting.bus.subscribe("a", every_third_fails, executor=setting.make())
    for number in range(30):
        setting.bus.fire("a", number, key=str(number % 2))
    setting.bus.drain(LONG)
    assert sorted(got) == [number for number in range(30) if number % 3]
    assert len(setting.bus.dead_letters) == 10


@every_executor
def test_a_handler_may_fire_further_events_on_its_own_executor(setting: Setting) -> None:
    got: list[int] = []

    def handler(event: ek.Event) -> None:
        got.append(event.data)
        if event.data < 100:
            setting.bus.fire("a", event.data + 1, key=event.key)

    setting.bus.subscribe("a", handler, executor=setting.make())
    setting.bus.fire("a", 1, key="k")
    setting.bus.drain(LONG)
    assert got == list(range(1, 101))


@every_executor
def test_one_executor_may_serve_many_subscribers(setting: Setting) -> None:
    got: list[str] = []
    executor = setting.make()
    setting.bus.subscribe("a", lambda event: got.append("first"), executor=executor)
    setting.bus.subscribe("a", lambda event: got.append("second"), executor=executor)
    for _ in range(10):
        setting.bus.fire("a")
    setting.bus.drain(LONG)
    assert (got.count("first"), got.count("second")) == (10, 10)


@every_queue
def test_firing_hands_over_and_does_not_wait(setting: Setting) -> None:
    setting.bus.subscribe("a", setting.gate, executor=setting.make())
    setting.bus.fire("a", 1)
    assert setting.gate.handled == []
    setting.gate.open()
    setting.bus.drain(LONG)
    assert [event.data for event in setting.gate.handled] == [1]


@every_local
def test_a_worker_is_named_after_the_executor(setting: Setting) -> None:
    executor = setting.make(name="press")
    names: set[str] = set()
    setting.bus.subscribe("a", lambda event: names.add(executor.worker()), executor=executor)
    for _ in range(50):
        setting.bus.fire("a")
    setting.bus.drain(LONG)
    assert names
    assert names <= {f"press-{n}" for n in range(1, 51)}


@every_executor
def test_an_executor_keeps_the_protocol(setting: Setting) -> None:
    executor = setting.make()
    needed = [name for name in vars(Executor) if not name.startswith("_")]
    for name in [*needed, "name", "waits_by"]:
        assert hasattr(executor, name), name
    assert executor.is_own_thread() is False
    assert executor.wait_idle(0) is True
    assert executor.unfinished() == []
    executor.close(0)
    assert repr(executor).startswith(type(executor).__name__)


# A full queue


def fill(setting: Setting, got: list[int], count: int, **options: Any) -> Any:
    """An executor whose workers are held and whose queue holds `count` events for `got`."""
    executor = setting.occupy(**options)
    setting.bus.subscribe("a", lambda event: got.append(event.data), executor=executor)
    for number in range(count):
        setting.bus.fire("a", number)
    assert executor.waiting == count
    return executor


@every_queue
def test_block_makes_the_caller_wait_for_room(setting: Setting) -> None:
    got: list[int] = []
    executor = fill(setting, got, 3, capacity=3, overflow="block")
    fired = threading.Event()

    def fire_one_more() -> None:
        setting.bus.fire("a", 3)
        fired.set()

    thread = threading.Thread(target=fire_one_more)
    thread.start()
    wait_until(lambda: bool(executor._queue._blocked.locks))
    assert not fired.is_set()
    assert executor.waiting == 3
    setting.gate.open()
    assert fired.wait(LONG)
    thread.join(LONG)
    setting.bus.drain(LONG)
    assert sorted(got) == [0, 1, 2, 3]
    assert executor.dropped == 0


@every_queue
@pytest.mark.parametrize(
    ("overflow", "kept"), [("drop_oldest", [2, 3, 4]), ("drop_newest", [0, 1, 2])]
)
def test_what_is_dropped_is_counted_and_the_first_time_logged(
    setting: Setting, overflow: Any, kept: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    got: list[int] = []
    executor = fill(setting, got, 3, capacity=3, overflow=overflow)
    setting.bus.fire("a", 3)
    setting.bus.fire("a", 4)
    assert executor.dropped == 2
    setting.gate.open()
    setting.bus.drain(LONG)
    assert sorted(got) == kept
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "begins to drop events" in record.getMessage()
    assert repr(executor) in record.getMessage()
    setting.bus.assert_clean()


@every_queue
def test_the_oldest_is_dropped_even_if_it_waits_behind_its_key(setting: Setting) -> None:
    got: list[int] = []
    executor = setting.make(capacity=3, overflow="drop_oldest")
    setting.bus.subscribe("hold", setting.gate, executor=executor)
    setting.bus.subscribe("a", lambda event: got.append(event.data), executor=executor)
    setting.bus.fire("hold", key="k")
    setting.gate.wait_entered()
    for number in range(5):
        setting.bus.fire("a", number, key="k")
    assert executor.dropped == 2
    setting.gate.open()
    setting.bus.drain(LONG)
    assert got == [2, 3, 4]


@every_queue
def test_raise_tells_the_caller_after_all_others_got_the_event(setting: Setting) -> None:
    got: list[int] = []
    others: list[int] = []
    fill(setting, got, 2, capacity=2, overflow="raise")
    setting.bus.subscribe("a", lambda event: others.append(event.data))
    with pytest.raises(ek.QueueFull, match="all 2 places in its queue taken") as refused:
        setting.bus.fire("a", 2)
    assert refused.value.event.data == 2
    assert "add workers, raise capacity=, or choose another overflow=" in str(refused.value)
    assert others == [2]
    setting.gate.open()
    setting.bus.drain(LONG)
    assert sorted(got) == [0, 1]
    setting.bus.assert_clean()


@every_local
def test_a_worker_that_fires_into_its_own_full_queue_does_not_wait_for_itself(
    setting: Setting,
) -> None:
    got: list[int] = []

    def branches(event: ek.Event) -> None:
        got.append(event.data)
        if event.data < 6:
            setting.bus.fire("a", event.data + 1)
            setting.bus.fire("a", event.data + 1)

    setting.bus.subscribe("a", branches, executor=setting.make(capacity=1, overflow="block"))
    setting.bus.fire("a", 0)
    setting.bus.drain(LONG)
    assert len(got) == 2**7 - 1


@every_queue
def test_many_producers_and_a_small_queue_lose_nothing_and_never_stop(setting: Setting) -> None:
    for capacity in (1, 2, 7):
        got: list[int] = []
        subscription = setting.bus.subscribe(
            "a",
            lambda event, got=got: got.append(event.data),
            executor=setting.make(capacity=capacity, overflow="block"),
        )

        def fire(place: int) -> None:
            for number in range(500):
                setting.bus.fire("a", 500 * place + number, key=str(number % 5))

        run_threads(fire, 4)
        setting.bus.drain(LONG)
        subscription.cancel()
        assert sorted(got) == list(range(2_000))


# Waiting and ending


@every_queue
def test_a_handler_that_never_returns_is_named(setting: Setting) -> None:
    executor = setting.occupy(name="press")
    setting.bus.fire("hold")
    assert setting.bus._places.all() == [executor]
    with pytest.raises(ek.DrainTimeout) as late:
        setting.bus.drain(0.02)
    assert len(late.value.unfinished) == setting.workers + 1
    assert "Gate with event" in late.value.unfinished[0]
    assert "on press-1" in late.value.unfinished[0]
    assert "1 waiting in press" in late.value.unfinished[-1]


@every_local
def test_close_gives_up_what_no_worker_began_and_the_rest_is_finished(setting: Setting) -> None:
    executor = setting.occupy()
    for number in range(3):
        setting.bus.fire("hold", number, key="k")
    executor.close(0)
    left = setting.bus.dead_letters
    assert [letter.event.data for letter in left] == [0, 1, 2]
    assert {type(letter.error) for letter in left} == {ek.BusClosed}
    assert executor.waiting == 0
    with pytest.raises(ek.BusClosed, match=r"closed, so event .* was not accepted"):
        executor.submit(_Work([]), ek.Event("a"))
    setting.gate.open()
    assert executor.wait_idle(LONG)


@pytest.mark.parametrize("kind", ["Selector", "Greenlets"])
@pytest.mark.parametrize("used", [False, True])
def test_a_wake_up_that_comes_too_late_does_no_harm(setting: Setting, used: bool) -> None:
    executor = setting.make(name="late")
    if used:
        setting.bus.subscribe("a", lambda event: None, executor=executor)
        setting.bus.fire("a")
    executor.close(LONG)

    executor._engine._wake()

    assert own_threads("late") == []


@every_executor
def test_close_can_be_called_twice(setting: Setting) -> None:
    executor = setting.make()
    setting.bus.subscribe("a", lambda event: None, executor=executor)
    setting.bus.fire("a")
    executor.close(LONG)
    executor.close(LONG)


@every_queue
def test_an_executor_that_never_worked_can_be_closed(setting: Setting) -> None:
    executor = setting.make()
    executor.close(LONG)
    setting.bus.subscribe("a", lambda event: None, executor=executor)
    setting.bus.fire("a")
    assert isinstance(setting.bus.dead_letters[0].error, ek.BusClosed)


@every_owner
def test_close_ends_the_threads(setting: Setting) -> None:
    executor = setting.make(name=f"ending {setting.kind}")
    setting.bus.subscribe("a", lambda event: None, executor=executor)
    setting.bus.fire("a")
    assert own_threads(executor.name)
    executor.close(LONG)
    assert not own_threads(executor.name)


@every_local
def test_close_inside_its_own_handler_returns(setting: Setting) -> None:
    executor = setting.make()
    closed = threading.Event()

    def closes(event: ek.Event) -> None:
        executor.close(10 * LONG)
        closed.set()

    setting.bus.subscribe("a", closes, executor=executor)
    setting.bus.fire("a")
    assert closed.wait(LONG)


@every_owner
@pytest.mark.parametrize("failing", [False, True])
def test_the_threads_of_a_forgotten_bus_end(kind: str, failing: bool) -> None:
    def forget() -> tuple[list[threading.Thread], weakref.ref[Any]]:
        bus = Home()
        executor = MAKERS[kind](name=f"forgotten {kind}")

        def handler(event: ek.Event) -> None:
            if failing:
                raise RuntimeError("broken")

        bus.subscribe("a", handler, executor=executor)
        bus.subscribe("error.a", lambda event: None, executor=executor)
        for number in range(20):
            bus.fire("a", key=str(number % 3))
        bus.drain(LONG)
        return own_threads(executor.name), weakref.ref(executor)

    logger = logging.getLogger("eventkit")
    logger.disabled = True  # pytest keeps log records, and so tracebacks, and so the bus
    try:
        threads, executor = forget()
    finally:
        logger.disabled = False
    assert threads
    gc.collect()
    wait_until(lambda: gc.collect() >= 0 and executor() is None)
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()


@every_queue
def test_an_executor_may_be_closed_while_many_threads_hand_it_work(kind: str) -> None:
    for _ in range(20):
        setting = Setting(kind)
        executor = setting.make()
        handled: list[int] = []
        accepted = [0] * 3
        begun = threading.Barrier(4)
        work = _Work(handled)

        def submit(
            place: int,
            executor: Any = executor,
            accepted: list[int] = accepted,
            begun: threading.Barrier = begun,
            work: Any = work,
        ) -> None:
            begun.wait(LONG)
            try:
                for number in range(2_000):
                    executor.submit(work, ek.Event("a", number, key=str(number % 2)))
                    accepted[place] += 1
            except ek.BusClosed:
                pass

        threads = [threading.Thread(target=submit, args=(place,)) for place in range(3)]
        for thread in threads:
            thread.start()
        begun.wait(LONG)
        executor.close(0)
        for thread in threads:
            thread.join(LONG)
        assert executor.wait_idle(LONG)
        assert len(handled) + len(work.given_up) == sum(accepted)


class _Work:
    name = "work"

    def __init__(self, handled: list[int]) -> None:
        self.run: Callable[[ek.Event], Any] = lambda event: handled.append(event.data)

        self.given_up: list[ek.Event] = []

    def give_up(self, event: ek.Event, error: Exception | None = None) -> None:
        assert isinstance(error, ek.BusClosed)
        self.given_up.append(event)


@every_queue
@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", True, threading.TIMEOUT_MAX * 2])
def test_wait_idle_refuses_what_is_no_time(setting: Setting, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        setting.make().wait_idle(timeout)


@every_queue
def test_wait_idle_without_a_limit(setting: Setting) -> None:
    assert setting.make().wait_idle(float("inf"))
    assert setting.make().wait_idle(None)


def own_threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def run_threads(target: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=target, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive(), "a producer waits for ever"
