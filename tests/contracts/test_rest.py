"""An executor that no subscription needs gives its threads back, and starts them again for more."""

import asyncio
import gc
import threading

import pytest

import eventkit as ek
from eventkit.testing import LONG, wait_until
from tests.tiers import rounds

from .test_executors import (
    Setting,
    every_local,
    every_owner,
    every_queue,
    given_loop as given_loop,
    own_threads,
    run_threads,
    setting as setting,
)

ROUNDS = rounds("EVENTKIT_REST_ROUNDS", quick=60, long=1_000)
_PRODUCERS = 3


def has_ended(name: str) -> None:
    """Wait until no thread with this name is left."""
    wait_until(lambda: not own_threads(name))


@every_owner
def test_cancelled_subscriptions_leave_no_threads(setting: Setting) -> None:
    name = f"again {setting.kind}"
    kept = []
    got: list[int] = []
    for number in range(20):
        executor = setting.make(name=name)
        subscription = setting.bus.subscribe(
            "a", lambda event: got.append(event.data), executor=executor
        )
        with subscription:
            setting.bus.fire("a", number)
            setting.bus.drain(LONG)
        kept.append(subscription)
    assert got == list(range(20))
    has_ended(name)


@every_owner
def test_it_works_again_with_the_next_subscription_or_the_next_event(setting: Setting) -> None:
    executor = setting.make(name=f"next {setting.kind}")
    got: list[int] = []
    for number in range(5):
        with setting.bus.subscribe("a", lambda e: got.append(e.data), executor=executor) as one:
            setting.bus.fire("a", number)
            setting.bus.drain(LONG)
        has_ended(executor.name)
        executor.submit(one, ek.Event("a", -1))
        setting.bus.drain(LONG)
        has_ended(executor.name)
    assert got == [data for number in range(5) for data in (number, -1)]


@every_owner
def test_cancelled_while_busy_it_rests_once_all_is_handled(setting: Setting) -> None:
    executor = setting.occupy(name=f"busy {setting.kind}")
    got: list[int] = []
    with setting.bus.subscribe("a", lambda event: got.append(event.data), executor=executor):
        for number in range(100):
            setting.bus.fire("a", number)
    for subscription in list(setting.bus._routing._order):
        subscription.cancel()
    assert own_threads(executor.name)
    assert not executor.wait_idle(0)
    with pytest.raises(ek.DrainTimeout):  # cancelled, but still seen
        setting.bus.drain(0)
    setting.gate.open()
    setting.bus.drain(LONG)
    assert sorted(got) == list(range(100))
    has_ended(executor.name)


@every_owner
def test_another_subscription_keeps_the_threads(setting: Setting) -> None:
    executor = setting.make(name=f"shared {setting.kind}")
    setting.bus.subscribe("a", lambda event: None, executor=executor)
    with setting.bus.subscribe("b", lambda event: None, executor=executor):
        setting.bus.fire("b")
        setting.bus.drain(LONG)
    before = own_threads(executor.name)
    setting.bus.fire("a")
    setting.bus.drain(LONG)
    assert before == own_threads(executor.name) != []


@every_owner
def test_a_late_event_out_of_a_flow_is_handled_and_the_threads_end(setting: Setting) -> None:
    executor = setting.make(name=f"late {setting.kind}")
    got: list[int] = []
    with setting.bus.subscribe(
        "a", lambda event: got.append(event.data), executor=executor, flow=ek.Debounce(0.01)
    ):
        setting.bus.fire("a", 1)
    setting.bus.drain(LONG)
    assert got == [1]
    has_ended(executor.name)


@pytest.mark.thorough
@every_local  # to start a process takes 0.2 s, and each round may need a new one
def test_rest_under_fire_loses_no_event_and_runs_none_twice(setting: Setting) -> None:
    """Each event is fired at an executor that may be about to end its threads just then."""
    executor = setting.make(name=f"fire {setting.kind}")
    got: list[int] = []
    work = setting.bus.subscribe("a", lambda event: got.append(event.data), executor=executor)

    def produce(producer: int) -> None:
        for number in range(ROUNDS):
            executor.submit(work, ek.Event("a", producer * ROUNDS + number))
            if number % 3 == producer:
                executor.wait_idle(LONG)
            executor.rest()

    run_threads(produce, _PRODUCERS)
    assert executor.wait_idle(LONG)
    assert sorted(got) == list(range(_PRODUCERS * ROUNDS))


@pytest.mark.thorough
@every_queue
def test_keys_keep_their_order_across_rests(setting: Setting) -> None:
    executor = setting.make(name=f"keys {setting.kind}")
    got: dict[str | None, list[int]] = {}
    work = setting.bus.subscribe(
        "a", lambda event: got.setdefault(event.key, []).append(event.data), executor=executor
    )

    def produce(producer: int) -> None:
        for number in range(ROUNDS):
            executor.submit(work, ek.Event("a", number, key=str(producer)))
            executor.rest()

    run_threads(produce, _PRODUCERS)
    assert executor.wait_idle(LONG)
    assert got == {str(producer): list(range(ROUNDS)) for producer in range(_PRODUCERS)}


@every_owner
def test_closed_while_it_goes_to_rest_it_ends(setting: Setting) -> None:
    for number in range(10):
        executor = setting.make(name=f"closing {setting.kind} {number}")
        work = setting.bus.subscribe("a", lambda event: None, executor=executor)
        executor.submit(work, ek.Event("a"))
        executor.rest()
        executor.close(LONG)
        has_ended(executor.name)


def test_all_workers_come_back_after_a_rest() -> None:
    """Each waits for the three others, so that fewer than four would never end."""
    meet = threading.Barrier(4)
    executor = ek.Threads(4)
    with ek.EventBus() as bus:
        for _ in range(20):
            with bus.subscribe("a", lambda event: meet.wait(LONG), executor=executor):
                for _ in range(4):
                    bus.fire("a")
                bus.drain(LONG)
        bus.assert_clean()


def test_a_worker_that_stays_busy_does_not_hide_those_that_rest() -> None:
    go, meet = threading.Event(), threading.Barrier(3)
    executor = ek.Threads(4, name="partly")
    with ek.EventBus() as bus:
        with bus.subscribe("hold", lambda event: go.wait(LONG), executor=executor):
            bus.fire("hold")
        wait_until(lambda: len(own_threads("partly")) == 1)
        bus.subscribe("a", lambda event: met.append(meet.wait(LONG)), executor=executor)
        met: list[int] = []
        for _ in range(3):
            bus.fire("a")
        wait_until(lambda: len(met) == 3)
        go.set()
        bus.drain(LONG)
        bus.assert_clean()


def test_tasks_that_a_handler_has_started_are_waited_for() -> None:
    executor = ek.EventLoop(name="tasks")
    go, done = threading.Event(), []

    async def afterwards() -> None:
        while not go.is_set():
            await asyncio.sleep(0.001)
        done.append(True)

    tasks: list[asyncio.Task[None]] = []

    async def handle(event: ek.Event) -> None:
        tasks.append(asyncio.create_task(afterwards()))

    with ek.EventBus() as bus:
        with bus.subscribe("a", handle, executor=executor):
            bus.fire("a")
            bus.drain(LONG)
        assert own_threads("tasks")
        go.set()
        has_ended("tasks")
        assert done == [True]


def test_a_given_loop_goes_on() -> None:
    async def main() -> None:
        executor = ek.EventLoop(asyncio.get_running_loop())
        async with ek.EventBus() as bus:
            for number in range(3):
                with bus.subscribe("a", got.append, executor=executor):
                    bus.fire("a", number)
                    await bus.drain_async(LONG)

    got: list[ek.Event] = []
    asyncio.run(main())
    assert [event.data for event in got] == [0, 1, 2]


def test_the_bus_forgets_executors_that_nothing_uses() -> None:
    with ek.EventBus() as bus:
        for _ in range(50):
            with bus.subscribe("a", lambda event: None, executor=ek.Threads(1)):
                bus.fire("a")
                bus.drain(LONG)
        gc.collect()
        wait_until(lambda: not bus._places.executors)
        assert not bus._places.users
