"""The parts that are soaked. Each turn does some work, breaks something, and counts what came.

A part lives as long as the soak, and its turns run beside those of all other parts. A turn ends at
rest: what it began is finished, so that nothing may be left over. It raises AssertionError if an
event was lost, doubled or out of order.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random

import eventkit as ek
from eventkit.executors.base import Executor
from eventkit.executors.queue import Overflow
from tests.faults.programs import program
from tests.secured import served

from .tools import LONG, Part, Turn, at_once, until

_LEASE = 0.5
_GIVING_UP: tuple[Overflow, ...] = ("drop_oldest", "drop_newest", "raise")


@contextmanager
def buses() -> Iterator[Part]:
    """Keyed events from four threads to handlers on every executor, some of which fail, while
    others come and go.
    """
    yield _bus_turn


def _bus_turn(random: Random) -> Turn:
    executors: list[Executor] = [
        ek.Inline(),
        ek.Threads(random.randint(1, 4), capacity=random.choice([None, 10, 1_000])),
        ek.EventLoop(),
        ek.Selector(),
    ]
    each, keys, failing = 500, 3, random.randint(2, 50)
    seen: list[dict[str | None, list[int]]] = [defaultdict(list) for _ in executors]

    def keep(notes: dict[str | None, list[int]]) -> Callable[[ek.Event], None]:
        def handle(event: ek.Event) -> None:
            notes[event.key].append(event.data)
            if event.data % failing == 0:
                raise ValueError("made to fail")

        return handle

    def fire(place: int) -> None:
        for number in range(each):
            bus.fire(f"soak.{place}", number, key=f"{place}-{number % keys}")

    with ek.EventBus() as bus:
        for notes, executor in zip(seen, executors, strict=True):
            bus.subscribe("soak.*", keep(notes), executor=executor)
        with bus.record() if random.random() < 0.5 else nullcontext():
            at_once(fire, 4, _coming_and_going(bus))
        bus.drain(LONG)
        failed = len(bus.dead_letters)

    expected = {f"{p}-{k}": list(range(k, each, keys)) for p in range(4) for k in range(keys)}
    for notes, executor in zip(seen, executors, strict=True):
        assert notes == expected, f"lost, doubled or out of order on {executor}"
    failures = 4 * len(executors) * len(range(0, each, failing))
    assert failed == min(failures, 1_000), f"{failed} of {failures} failures were kept"
    return Turn(4 * each, failures)


def _coming_and_going(bus: ek.EventBus) -> Callable[[], None]:
    def churn() -> None:
        with bus.subscribe("soak.>", lambda event: None), bus.subscribe("soak.1", str):
            time.sleep(0)

    return churn


@contextmanager
def overflow() -> Iterator[Part]:
    """A small queue under a flood: what was accepted was handled, or given up and counted."""
    yield _overflow_turn


def _overflow_turn(random: Random) -> Turn:
    policy = random.choice(_GIVING_UP)
    executor = ek.Threads(2, capacity=random.randint(1, 20), overflow=policy)
    handled: list[int] = []
    refused = itertools.count()

    def fire(place: int) -> None:
        for number in range(500):
            try:
                bus.fire("soak", place * 500 + number)
            except ek.QueueFull:
                next(refused)

    with ek.EventBus() as bus:
        bus.subscribe("soak", lambda event: handled.append(event.data), executor=executor)
        at_once(fire, 3)
        bus.drain(LONG)
    lost = executor.dropped + next(refused)
    assert len(set(handled)) == len(handled), "an event was handled twice"
    assert len(handled) + lost == 1_500, f"{len(handled)} handled, {lost} given up, of 1,500"
    return Turn(1_500, lost)


@contextmanager
def cancelled() -> Iterator[Part]:
    """Coroutine functions on an event loop, whose tasks somebody cancels while they wait."""
    yield _cancelled_turn


def _cancelled_turn(random: Random) -> Turn:
    every, keys = random.randint(2, 50), 5
    begun: dict[str | None, list[int]] = defaultdict(list)
    ended: list[int] = []
    executor = ek.EventLoop(
        concurrency=random.choice([1, 3, 100]), capacity=random.choice([None, 10, 1_000])
    )

    async def handle(event: ek.Event) -> None:
        begun[event.key].append(event.data)
        if event.data % every == 0:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)
        ended.append(event.data)

    def fire(place: int) -> None:
        for number in range(500):
            bus.fire("soak", number, key=f"{place}-{number % keys}")

    with ek.EventBus() as bus:
        bus.subscribe("soak", handle, executor=executor)
        at_once(fire, 3)
        bus.drain(LONG)
        errors = Counter(type(letter.error) for letter in bus.dead_letters)
    expected = {f"{p}-{k}": list(range(k, 500, keys)) for p in range(3) for k in range(keys)}
    assert begun == expected, "lost, doubled or out of order"
    gone = 3 * len(range(0, 500, every))
    assert errors == {asyncio.CancelledError: gone}, f"{errors}, and not {gone}"
    assert len(ended) == 1_500 - gone, f"{len(ended)} ended, {gone} were cancelled"
    return Turn(1_500, gone)


@contextmanager
def flows() -> Iterator[Part]:
    """Fewer events: every one of them is in a batch, or merged, or passed, or refused."""
    yield _flow_turn


def _flow_turn(random: Random) -> Turn:
    number = 2_000
    batches: list[tuple[ek.Event, ...]] = []
    sums: list[int] = []
    passed: list[int] = []
    bucket = ek.TokenBucket(rate=random.uniform(100, 10_000), burst=random.randint(1, 50))
    with ek.EventBus() as bus:
        bus.subscribe(
            "soak", lambda event: batches.append(event.data),
            flow=ek.Batch(random.randint(2, 100), within=0.01),
        )  # fmt: skip
        bus.subscribe(
            "soak", lambda event: sums.append(event.data),
            flow=ek.Coalesce(0.001, merge=lambda older, newer: older + newer),
        )  # fmt: skip
        bus.subscribe("soak", lambda event: passed.append(event.data), flow=bucket)
        for n in range(number):
            bus.fire("soak", n)
        bus.drain(LONG)
    flat = [event.data for batch in batches for event in batch]
    assert flat == list(range(number)), "a batch lost, doubled or moved an event"
    assert sum(sums) == sum(range(number)), "merging lost or doubled an event"
    assert len(set(passed)) == len(passed), "an event passed twice"
    assert len(passed) + bucket.refused == number, "a quota lost an event"
    return Turn(number, bucket.refused)


@contextmanager
def logs() -> Iterator[Part]:
    """One file for the whole soak: appended to from threads, worked off by a process that is
    killed while it holds claims and by one that is not, then trimmed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "soak.db")
        with ek.open_log(path) as log:
            yield lambda random: _log_turn(log, path, random)


def _log_turn(log: ek.EventLog, path: Path, random: Random) -> Turn:
    after, number = log.last_sequence, 100
    log.consumer("workers", after=after)
    source = f"/soak/{after}"
    events = [
        ek.CloudEvent(id=str(n), source=source, type=f"soak.{n % 4}", data=n)
        for n in range(4 * number)
    ]

    def append(place: int) -> None:
        for event in events[place::4]:
            first = log.append(event)
            assert log.append(event) == first, "an event was stored twice"

    with program("work", path, _LEASE) as doomed:
        at_once(append, 4)
        assert doomed.stdout is not None
        said = doomed.stdout.readline()  # it holds something
        time.sleep(random.uniform(0, 0.05))
        doomed.send_signal(signal.SIGKILL)
        said += doomed.stdout.read()
    with program("work", path, _LEASE) as worker:
        said += worker.communicate(timeout=LONG)[0]

    entries = list(log.read(after))
    assert [entry.sequence for entry in entries] == list(range(after + 1, after + 1 + len(events)))
    assert Counter(entry.event.id for entry in entries) == Counter(e.id for e in events)
    claimed = {int(line.split()[1]) for line in said.splitlines() if line.startswith("claimed")}
    assert claimed == {entry.sequence for entry in entries}, "an entry was never delivered"
    assert log.consumer("workers").progress() == (0, 0, 0), "an entry was not worked off"
    log.trim(keep=0)
    return Turn(len(events), 1)


@contextmanager
def https() -> Iterator[Part]:
    """Posts over HTTPS from three clients, among them forged ones."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as house:

        def turn(random: Random) -> Turn:
            number, forged = 60, itertools.count()
            house.got.clear()
            house.refusals.clear()

            def post(place: int) -> None:
                for n in range(number):
                    is_forged = (n + place) % 10 == 0
                    forgery = {"Authorization": f"Bearer {next(forged)}"} if is_forged else {}
                    answer = house.post("button.click", place * number + n, **forgery)
                    assert answer.status == (401 if is_forged else 202), answer

            at_once(post, 3)
            bad = next(forged)
            came = [event.data for event in house.got]
            assert len(set(came)) == len(came) == 3 * number - bad, "lost or doubled over HTTPS"
            assert len(house.refusals) == bad, "a refusal was not recorded"
            return Turn(len(came), bad)

        yield turn


@contextmanager
def bridges() -> Iterator[Part]:
    """Two buses joined by a server that is killed and started again while events are fired. What
    is sent before the receiver has subscribed again has nobody to go to, and is all that may be
    missing: so some more are fired until one of them comes.
    """
    with ek.NatsServer() as server:
        yield lambda random: _bridge_turn(server, random)


def _bridge_turn(server: ek.NatsServer, random: Random) -> Turn:
    number = 500
    kill_at = random.randrange(number)
    came: list[int] = []
    with ek.EventBus() as here, ek.EventBus() as there:
        there.subscribe("soak", lambda event: came.append(event.data))
        with (
            ek.Bridge(there, server.url, [], ["soak"]) as into,
            ek.Bridge(here, server.url, ["soak"], capacity=number) as out,
        ):
            for n in range(kill_at):
                here.fire("soak", n)
            out.flush(LONG)
            until(lambda: len(came) == kill_at)
            server.kill()
            until(lambda: not (out.is_connected or into.is_connected))
            for n in range(kill_at, number):
                here.fire("soak", n)
            server.start()
            until(lambda: into.is_connected)
            out.flush(LONG)
            later = itertools.count(number)
            until(lambda: here.fire("soak", next(later)) and came[-1:] >= [number])
    assert not here.dead_letters, "an event was not sent"
    assert came[:kill_at] == list(range(kill_at)), "lost, doubled or out of order"
    assert all(a < b for a, b in itertools.pairwise(came)), "doubled or out of order"
    return Turn(number + 1, 1)


ALL = (buses, overflow, cancelled, flows, logs, https, bridges)
