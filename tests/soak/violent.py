"""The parts that are soaked while the program itself is maltreated: interrupts, exits, forks and
stalls. What they promise is what `parts` says.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import eventkit as ek
from eventkit.executors.base import Executor
from eventkit.executors.queue import Overflow
from eventkit.lab.processes.tcp_proxy import Cable

from .tools import LONG, Part, Turn, at_once, until

_OVERFLOWS: tuple[Overflow, ...] = ("block", "drop_oldest", "drop_newest", "raise")


def interrupted(call: Callable[[], object], after: float) -> None:
    """Make the call again and again, in the main thread, until Ctrl-C ends it after so many
    seconds. It is pressed again every few seconds, since an interrupt that comes while the garbage
    collector calls back is swallowed by Python. Raises AssertionError if all of them are.
    """

    def press() -> None:
        over.wait(after)
        while not over.is_set():
            signal.pthread_kill(main, signal.SIGINT)
            over.wait(5)

    main, over = threading.get_ident(), threading.Event()
    assert main == threading.main_thread().ident
    finger, end = threading.Thread(target=press), time.monotonic() + LONG
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        finger.start()
        while time.monotonic() < end:
            call()
        raise AssertionError("the interrupts were swallowed")
    except KeyboardInterrupt:
        pass
    finally:
        over.set()
        finger.join()
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts() -> Iterator[Part]:
    """Ctrl-C while events are fired and waited for, and while they are appended to a log."""
    with tempfile.TemporaryDirectory() as folder, ek.open_log(Path(folder, "soak.db")) as log:
        yield lambda random: Turn(
            *map(sum, zip(_bus_turn(random), _log_turn(log, random), strict=True))
        )


def _bus_turn(random: Random) -> Turn:
    times, overflow = 20, random.choice(_OVERFLOWS)
    capacity = random.choice([None, 1, 10])
    executors: list[Any] = [
        ek.Inline(),
        ek.Threads(random.randint(1, 4), capacity=capacity, overflow=overflow),
        ek.EventLoop(),
        ek.Selector(),
    ]
    handled: list[Counter[int]] = [Counter() for _ in executors]
    accepted: set[int] = set()
    refused: set[int] = set()

    def work() -> None:
        try:
            event = bus.fire("soak", key=random.choice([None, "a", "b"]))
        except ek.QueueFull as full:
            event = full.event
            refused.add(event.id)
        accepted.add(event.id)
        if random.random() < 0.1:
            bus.drain(LONG)

    with ek.EventBus() as bus:
        for number, (executor, notes) in enumerate(zip(executors, handled, strict=True)):
            handler = _counting(notes, f"handler {number}")
            bus.subscribe("soak", handler, executor=executor)
        with bus.record() if random.random() < 0.5 else nullcontext():
            for _ in range(times):
                interrupted(work, random.uniform(0, 0.005))
        bus.drain(LONG)
        at_once(lambda place: work(), 3)  # from other threads: no lock is held
        bus.drain(LONG)
        dead = [(letter.handler, letter.event.id) for letter in bus.dead_letters]

    for number, (executor, notes) in enumerate(zip(executors, handled, strict=True)):
        assert set(notes.values()) <= {1}, f"handled twice on {executor}"
        reported = {id for handler, id in dead if handler == f"handler {number}"}
        reported |= refused if overflow == "raise" and number == 1 else set()
        lost = accepted - notes.keys() - reported
        dropped = getattr(executor, "dropped", 0)
        assert len(lost) <= dropped, f"{len(lost)} lost on {executor}, which dropped {dropped}"
    return Turn(len(accepted), times)


def _counting(notes: Counter[int], name: str) -> Callable[[ek.Event], None]:
    def handle(event: ek.Event) -> None:
        notes[event.id] += 1

    handle.__qualname__ = name
    return handle


def _log_turn(log: ek.EventLog, random: Random) -> Turn:
    times, after = 5, log.last_sequence
    number, acknowledged = itertools.count(), set[str]()

    def event(place: object) -> ek.CloudEvent:
        return ek.CloudEvent(id=str(place), source=f"/soak/{after}", type="soak", data=1)

    def append() -> None:
        one = event(next(number))
        log.append(one)
        acknowledged.add(one.id)

    for _ in range(times):
        interrupted(append, random.uniform(0, 0.01))
    stored = Counter(entry.event.id for entry in log.read(after))
    assert acknowledged <= stored.keys(), "an acknowledged entry is not there"
    fired = next(number)
    at_once(lambda place: [log.append(event(n)) for n in range(place, fired, 3)], 3)
    stored = Counter(entry.event.id for entry in log.read(after))
    assert stored == Counter(map(str, range(fired))), "lost or doubled"
    log.trim(keep=0)
    return Turn(fired, times)


@contextmanager
def exits() -> Iterator[Part]:
    """Handlers that call sys.exit, or raise what is no Exception, on every executor, and a listener
    for errors that does so too: each is a dead letter, and each request for one is answered.
    """
    yield _exit_turn


_ENDS = (SystemExit, asyncio.CancelledError, StopIteration, GeneratorExit, RecursionError)


def _exit(number: int) -> None:
    if number % 2:
        sys.exit(number)
    raise _ENDS[number % len(_ENDS)]


def _exit_turn(random: Random) -> Turn:
    each, every = 200, random.randint(15, 60)
    executors: list[Executor] = [
        ek.Inline(), ek.Threads(random.randint(1, 4)), ek.EventLoop(), ek.Selector()
    ]  # fmt: skip
    seen: list[Counter[int]] = [Counter() for _ in range(2 + len(executors))]

    def note(place: int, event: ek.Event) -> None:
        seen[place][event.data] += 1
        if event.data % every == 0:
            _exit(event.data // every)

    def plain(place: int) -> Callable[[ek.Event], object]:
        return lambda event: note(place, event)

    async def coroutine(event: ek.Event) -> None:
        await asyncio.sleep(0)
        note(-1, event)

    def generator(event: ek.Event) -> Iterator[object]:
        yield ek.Delay(0)
        note(-2, event)

    def failing(event: ek.Event) -> None:
        sys.exit("and the report, too")

    with ek.EventBus() as bus:
        for place, executor in enumerate(executors):
            bus.subscribe("soak", plain(place), executor=executor)
        bus.subscribe("soak", coroutine, executor=executors[2])
        bus.subscribe("soak", generator, executor=executors[3])
        bus.subscribe("error.soak", failing)
        for place, executor in enumerate(executors):
            bus.subscribe(f"ask.{place}", _exit_asked, executor=executor, emits="answer")
        at_once(lambda place: [bus.fire("soak", n * 3 + place) for n in range(each)], 3)
        bus.drain(LONG)
        dead = Counter(letter.handler == "failing" for letter in bus.dead_letters)
        for place in range(len(executors)):
            _asks(bus, f"ask.{place}", random.randrange(10))
    failures = len(seen) * len(range(0, 3 * each, every))
    assert all(one == Counter(range(3 * each)) for one in seen), "lost or doubled"
    assert dead == {False: failures, True: failures}, f"{dead}, and not {failures} of each"
    return Turn(3 * each, 2 * failures + len(executors))


def _exit_asked(event: ek.Event) -> None:
    _exit(event.data)


def _asks(bus: ek.EventBus, topic: str, number: int) -> None:
    try:
        bus.request(topic, number, timeout=LONG)
    except TimeoutError:
        raise
    except (RuntimeError, asyncio.CancelledError):
        return
    raise AssertionError("a request was answered by a handler that failed")


@contextmanager
def forks() -> Iterator[Part]:
    """Children that are forked while a bus is in use: they cannot use it, can make their own, and
    take nothing from their parent.
    """
    yield _fork_turn


def _fork_turn(random: Random) -> Turn:
    number = random.randint(10, 300)
    handled: list[Counter[int]] = [Counter() for _ in range(3)]
    executors = [ek.Threads(2), ek.EventLoop(), ek.Selector()]
    with ek.EventBus() as bus:
        for executor, notes in zip(executors, handled, strict=True):
            bus.subscribe("soak", _counting(notes, "fork"), executor=executor)
        bus.fire("soak")
        children: list[int] = []
        for _ in range(number):
            bus.fire("soak")
            if len(children) < 2 and random.random() < 0.1:
                children.append(_fork(lambda: _child_uses(bus)))
        queue, process = _process_of_its_own()
        for child in children:
            assert os.waitpid(child, 0)[1] == 0, "a child found something wrong, or was stuck"
        assert queue.poll(LONG), "a child process did not end its work"
        assert queue.recv() == _CHILDS
        process.join(LONG)
        assert process.exitcode == 0
        process.close()
        queue.close()
        bus.drain(LONG)
        assert not bus.dead_letters
    assert all(sorted(one.values()) == [1] * (number + 1) for one in handled), "lost or doubled"
    return Turn(number + 1, len(children) + 1)


_CHILDS = 300


def _fork(work: Callable[[], None]) -> int:
    """Fork, and have the work done in the child, which must end within a minute."""
    with _no_warning():
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        faulthandler.dump_traceback_later(LONG / 2, exit=True)  # it says where it is stuck
        work()
        status = 0
    finally:
        os._exit(status)


@contextmanager
def _no_warning() -> Iterator[None]:
    """Newer Pythons warn of forks beside threads, which is what this is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _child_uses(bus: ek.EventBus) -> None:
    try:
        bus.fire("soak")
    except ek.BusClosed:
        bus.close(0)
        assert _own_bus(20) == 3 * 20
        return
    raise AssertionError("a used bus accepted an event in a child")


def _own_bus(number: int) -> int:
    """Fire on a bus of one's own, and return how many came."""
    handled: list[Counter[int]] = [Counter() for _ in range(3)]
    with ek.EventBus() as bus:
        for executor, notes in zip(
            [ek.Threads(2), ek.EventLoop(), ek.Selector()], handled, strict=True
        ):
            bus.subscribe("soak", _counting(notes, "own"), executor=executor)
        for _ in range(number):
            bus.fire("soak")
        bus.drain(LONG)
    return sum(sum(one.values()) for one in handled)


def _process_of_its_own() -> tuple[Connection, Any]:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child_sends, args=(there,), daemon=True)
    with _no_warning():
        process.start()
    there.close()
    return here, process


def _child_sends(to: Connection) -> None:
    faulthandler.dump_traceback_later(LONG / 2, exit=True)  # it says where it is stuck
    to.send(_own_bus(_CHILDS // 3))


@contextmanager
def stalls() -> Iterator[Part]:
    """Two buses joined by a server that stands still for a second, or over a line that does so and
    sometimes breaks: what was sent arrives or is reported.
    """
    with ek.NatsServer() as server, Cable(server.address) as line:
        yield lambda random: _stall_turn(server, line, random)


def _stall_turn(server: ek.NatsServer, line: Cable, random: Random) -> Turn:
    number, how = 300, random.choice([_stand_still, _stall, _break])
    came: list[int] = []
    fired = itertools.count()
    with ek.EventBus() as here, ek.EventBus() as there:
        there.subscribe("soak", lambda event: came.append(event.data))
        url = server.url.replace(server.address, line.address)
        options: dict[str, Any] = {"capacity": 2 * number, "timeout": random.choice([0.3, 5.0])}
        with (
            ek.Bridge(there, server.url, [], ["soak"]) as into,
            _connected(lambda: ek.Bridge(here, url, ["soak"], **options)) as out,
        ):
            here.fire("soak", next(fired))
            until(lambda: came)
            with how(server, line):
                for n in range(number):
                    here.fire("soak", next(fired))
                    if n % 100 == 0:
                        time.sleep(random.uniform(0, 0.3))
            _flush(out)
            until(lambda: here.fire("soak", next(fired)) and _flush(out) and len(came) > 1)
            last = next(fired) - 1
            until(lambda: came[-1] == last or out.lost)
            assert out.sent + out.lost + out.refused == last + 1, "neither sent nor reported"
            assert len(here.dead_letters) == out.lost, "lost, and no dead letter"
            assert all(a < b for a, b in itertools.pairwise(came)), "doubled or out of order"
            assert len(came) + into.missed + into.dropped == came[-1] + 1, "missed by no count"
            assert last + 1 - len(came) <= out.lost, "sent and lost"
    return Turn(last + 1, 1)


def _connected(make: Callable[[], ek.Bridge]) -> ek.Bridge:
    """Try until it is: its timeout is one for connecting, too, and the machine is busy."""
    end = time.monotonic() + LONG
    while True:
        try:
            return make()
        except ConnectionError:
            if time.monotonic() > end:
                raise


def _flush(bridge: ek.Bridge) -> bool:
    with suppress(ek.OutcomeUnknown):  # some were on their way when the line broke, or for long
        bridge.flush(LONG)
    return True


@contextmanager
def _stand_still(server: ek.NatsServer, line: Cable) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(server.thaw)
        server.freeze()
        yield
        time.sleep(1)


@contextmanager
def _stall(server: ek.NatsServer, line: Cable) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(line.mend)
        line.freeze()
        yield
        time.sleep(1)


@contextmanager
def _break(server: ek.NatsServer, line: Cable) -> Iterator[None]:
    with _stall(server, line):
        yield
        line.cut()


ALL = (exits, forks, stalls)
