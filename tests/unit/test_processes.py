"""Processes: what is special about handlers that run in other processes.

What all executors promise is in tests/contracts.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import eventkit as ek
from eventkit import EventBus
from eventkit.testing import LONG, captured, settle, wait_until

from ..tiers import mostly_long, rounds

KILLS = rounds("EVENTKIT_KILLS", quick=5, long=50)

user: contextvars.ContextVar[str] = contextvars.ContextVar("user")


class Impatient(Exception):
    """Can be pickled, but not read again: it is made from two values and passes on one."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what)


def error_of(bus: EventBus) -> BaseException:
    """The only failure there has been."""
    (letter,) = bus.dead_letters
    return letter.error


def run(bus: EventBus, handler: Any, data: Any = None, **options: Any) -> list[Any]:
    """Fire one event at a handler on a process, and return what came out."""
    with captured(bus, "result") as results:
        bus.processor("a", emits="result", executor=ek.Processes(1), **options)(handler)
        bus.fire("a", data)
        bus.drain(LONG)
    return results.data


# Where handlers run, and what comes back


def test_handlers_run_in_processes_of_their_own_and_results_are_published_here(
    bus: EventBus,
) -> None:
    pids: list[int] = []
    together = ek.Processes(2)

    def pid(event: ek.Event) -> int:
        time.sleep(0.2)
        return os.getpid()

    bus.subscribe("a", pid, emits="b", executor=together)
    bus.subscribe("b", lambda event: pids.append(event.data))
    bus.fire("a")
    bus.fire("a")
    settle(bus)
    assert len({*pids, os.getpid()}) == 3


def test_a_request_is_answered(bus: EventBus) -> None:
    bus.processor("square", emits="squared", executor=ek.Processes(1))(lambda e: e.data**2)
    assert bus.request("square", 7, timeout=LONG).data == 49


def test_the_timeline_has_a_lane_for_each_process(bus: EventBus) -> None:
    executor = ek.Processes(2, name="core")
    bus.subscribe("a", lambda event: time.sleep(0.1), executor=executor)
    with bus.record() as timeline:
        for _ in range(4):
            bus.fire("a")
        settle(bus)
    assert {journey.worker for journey in timeline} == {"core-1", "core-2"}
    assert all(journey.outcome == "ok" for journey in timeline)


def test_a_handler_that_fails_is_called_again_with_retry(bus: EventBus, tmp_path: Path) -> None:
    note = tmp_path / "tries"

    def fails_once(event: ek.Event) -> str:
        if not note.exists():
            note.touch()
            raise ValueError("the first time")
        return "done"

    assert run(bus, fails_once, retry=ek.Retry(1, 0.001)) == ["done"]
    bus.assert_clean()


def test_a_handler_sees_what_it_refers_to_as_it_is_when_the_event_is_handled(bus: EventBus) -> None:
    factors = [2]
    results: list[int] = []
    bus.processor("a", emits="b", executor=ek.Processes(1))(lambda e: e.data * factors[0])
    bus.subscribe("b", lambda event: results.append(event.data))
    for factor in (2, 3):
        factors[0] = factor
        bus.fire("a", 10)
        settle(bus)
    assert results == [20, 30]


def remember(event: ek.Event) -> str:
    """Imported by the process: a function that is sent as a copy cannot use a ContextVar."""
    before = user.get("nobody")
    user.set("me")
    return before


def test_no_event_sees_the_context_of_another(bus: EventBus) -> None:
    with captured(bus, "b") as seen:
        bus.processor("a", emits="b", executor=ek.Processes(1))(remember)
        for _ in range(3):
            bus.fire("a")
        settle(bus)
    assert seen.data == ["nobody"] * 3


@pytest.mark.usefixtures("quiet")
def test_a_failure_keeps_its_type_and_brings_its_traceback(bus: EventBus) -> None:
    def divides(event: ek.Event) -> float:
        return 1 / float(event.data)

    assert run(bus, divides, 0) == []
    error = error_of(bus)
    assert type(error) is ZeroDivisionError
    assert "In the worker process" in error.__notes__[0]
    assert "in divides" in error.__notes__[0]


@pytest.mark.usefixtures("quiet")
def test_a_failure_that_cannot_travel_is_told_in_words(bus: EventBus) -> None:
    def fails(event: ek.Event) -> None:
        raise Impatient("waited too long", 3)

    run(bus, fails)
    error = error_of(bus)
    assert type(error) is RuntimeError
    assert "raised Impatient, which cannot be sent between processes" in str(error)
    assert "waited too long" in error.__notes__[0]


# What cannot travel


def test_a_handler_that_cannot_travel_is_refused_at_once_and_told_why(bus: EventBus) -> None:
    lock, connection = threading.Lock(), socket.socket()
    executor = ek.Processes(1)
    refused: list[tuple[Any, str]] = [
        (lambda event: lock.acquire(), r"lambda.* because it uses lock \(lock\)"),
        (lambda event: bus.fire("b"), r"it uses bus \(EventBus\).*return a value \(emits=\)"),
        (lambda event: connection.send(b""), r"it uses connection \(socket\)"),
        (threading.Semaphore().release, "release cannot be sent to a worker process: cannot pick"),
    ]
    for handler, why in refused:
        with pytest.raises(TypeError, match=f"(?s){why}"):
            bus.subscribe("a", handler, executor=executor)
    connection.close()


def test_a_handler_of_an_identity_is_refused_and_told_why() -> None:
    policy = ek.AccessPolicy()
    policy.allow("ann", subscribe="a")
    with EventBus(policy) as bus:
        with pytest.raises(TypeError, match=r"double .* permissions are checked .*Threads"):
            bus.as_("ann").subscribe("a", double, executor=ek.Processes(1))
        bus.fire("a", 1)
        bus.assert_clean()


def double(event: ek.Event) -> int:
    return int(event.data) * 2


@pytest.mark.usefixtures("quiet")
def test_an_event_that_cannot_travel_is_refused_and_told_why(bus: EventBus) -> None:
    run(bus, lambda event: None, threading.Lock())
    assert isinstance(error_of(bus), TypeError)
    assert "('a') cannot be sent to a worker process: cannot pickle" in str(error_of(bus))


@pytest.mark.usefixtures("quiet")
def test_a_result_that_cannot_travel_is_refused_and_told_why(bus: EventBus) -> None:
    def locks(event: ek.Event) -> Any:
        return threading.Lock()

    assert run(bus, locks) == []
    assert isinstance(error_of(bus), TypeError)
    assert "locks returned lock, which cannot be sent back" in str(error_of(bus))


def test_a_coroutine_function_is_refused(bus: EventBus) -> None:
    async def waits(event: ek.Event) -> None: ...

    with pytest.raises(TypeError, match=r"Processes\(.*would never await it"):
        bus.subscribe("a", waits, executor=ek.Processes(1))


@pytest.mark.usefixtures("quiet")
def test_a_coroutine_that_is_returned_is_refused(bus: EventBus) -> None:
    async def waits() -> None: ...

    run(bus, lambda event: waits())
    assert "returned a coroutine, which nothing runs" in str(error_of(bus))


# Processes that end


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no signals to kill with")
@pytest.mark.usefixtures("quiet")
def test_a_killed_process_costs_the_event_that_it_was_handling(bus: EventBus) -> None:
    def handle(event: ek.Event) -> Any:
        if event.data == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if event.data == "slow":
            time.sleep(0.3)
        return event.data

    with captured(bus, "b") as results:
        bus.processor("a", emits="b", executor=ek.Processes(2))(handle)
        for data in ("slow", "die", 1, 2, 3):
            bus.fire("a", data)
        bus.drain(LONG)
    assert set(results.data) == {"slow", 1, 2, 3}
    error = error_of(bus)
    assert isinstance(error, ek.WorkerKilled)
    assert "was killed while it handled this event (SIGKILL)" in str(error)


@pytest.mark.usefixtures("quiet")
def test_a_process_that_exits_by_itself_is_told_of(bus: EventBus) -> None:
    run(bus, lambda event: os._exit(3))
    assert "(exit code 3)" in str(error_of(bus))


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no signals to kill with")
@pytest.mark.parametrize("size", [0, 1_000_000])
def test_a_process_that_is_killed_while_idle_costs_nothing(bus: EventBus, size: int) -> None:
    executor = ek.Processes(1)
    with captured(bus, "b") as results:
        bus.processor("a", emits="b", executor=executor)(lambda event: os.getpid())
        bus.fire("a", b" " * size)
        settle(bus)
        os.kill(results.data[0], signal.SIGKILL)
        (process,) = executor._pool._processes.values()
        wait_until(lambda: process.popen.poll() is not None)
        bus.fire("a", b" " * size)
        settle(bus)
    assert len(set(results.data)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no signals to kill with")
@pytest.mark.thorough
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("retry", [None, ek.Retry(3, 0.001)], ids=["once", "with retry"])
def test_under_kills_each_event_is_handled_once_or_a_dead_letter(
    bus: EventBus, retry: ek.Retry | None
) -> None:
    def handle(event: ek.Event) -> int:
        time.sleep(0.002)
        return int(event.data)

    executor = ek.Processes(2, capacity=20)
    numbers, seen, killed = itertools.count(), set[psutil.Process](), 0
    with captured(bus, "b") as results:
        bus.processor("a", emits="b", executor=executor, retry=retry)(handle)
        while killed < KILLS:
            for number in itertools.islice(numbers, 50):
                bus.fire("a", number, key=str(number % 3) if number % 4 else None)
            seen.update(running := worker_processes(executor))
            if running:
                random.choice(running).kill()
                killed += 1
        bus.drain(LONG)
    bus.close(LONG)

    letters = {letter.event.data: letter.error for letter in bus.dead_letters}
    assert sorted([*results.data, *letters]) == list(range(next(numbers)))
    assert all(type(error) is ek.WorkerKilled for error in letters.values())
    assert len(letters) <= KILLS and (letters or retry)
    for key in "012":
        of_key = [one for one in results.data if one % 4 and str(one % 3) == key]
        assert of_key == sorted(of_key)
    assert not psutil.wait_procs(seen, timeout=LONG)[1]


def worker_processes(executor: ek.Processes) -> list[psutil.Process]:
    """Return the processes that run now, and not those that were killed a moment ago."""
    running = []
    for process in list(executor._pool._processes.values()):
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(process.popen.pid)
            if found.status() != psutil.STATUS_ZOMBIE:
                running.append(found)
    return running


@pytest.mark.usefixtures("quiet")
def test_close_ends_a_handler_that_does_not_return(bus: EventBus) -> None:
    executor = ek.Processes(1)
    bus.subscribe("a", lambda event: time.sleep(60), executor=executor)
    bus.fire("a")
    bus.fire("a")
    wait_until(lambda: executor._pool._processes)
    (process,) = executor._pool._processes.values()
    executor.close(0.01)
    assert [type(one.error) for one in bus.dead_letters] == [ek.BusClosed, ek.BusClosed]
    assert "the bus was closed while a worker process handled" in str(bus.dead_letters[1].error)
    assert process.popen.poll() is not None


PROGRAM = """
import os, signal, sys, time
import eventkit as ek

def handle(event):
    print(os.getpid(), flush=True)
    time.sleep(event.data)
    while event.data:
        pass

bus = ek.EventBus()
executor = ek.Processes(2)
bus.subscribe("a", handle, executor=executor)
bus.fire("a", 0)
bus.drain(30)
bus.fire("a", 60)
bus.fire("a", 60)
{then}
"""
ENDS = {
    "by itself": "time.sleep(0.5)",
    "by an exception": "time.sleep(0.5); raise ValueError",
    "by os._exit": "time.sleep(0.5); os._exit(1)",
    "by kill -9": "time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)",
    "by kill -9, with a forked child": (
        "time.sleep(0.5); os.fork() or (time.sleep(60), os._exit(0)); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    ),
    "by Ctrl-C": "time.sleep(0.5); os.killpg(0, signal.SIGINT); time.sleep(60)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no signals to kill with")
@pytest.mark.parametrize("end", mostly_long(ENDS, "by kill -9, with a forked child", "by Ctrl-C"))
def test_no_process_outlives_the_program(end: str, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(then=ENDS[end])],
            stdout=out, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    begun: set[psutil.Process] = set()
    while program.poll() is None:
        begun.update(children(program.pid))
        time.sleep(0.02)
    assert len((tmp_path / "out").read_text().split()) >= 2, "the handlers had not begun"
    workers = [one for one in begun if "processes-" in name_of(one)]
    assert not psutil.wait_procs(workers, timeout=LONG)[1]
    if "forked" in end:
        os.killpg(program.pid, signal.SIGKILL)
    assert not psutil.wait_procs(begun, timeout=LONG)[1]


def children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def name_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_that_exits_leaves_the_processes_of_its_parent_alone(tmp_path: Path) -> None:
    program = """
import os, sys
import eventkit as ek
bus, pids = ek.EventBus(), []
bus.processor("a", emits="b", executor=ek.Processes(1))(lambda event: os.getpid())
bus.subscribe("b", lambda event: pids.append(event.data))
bus.fire("a")
bus.drain(30)
child = os.fork()
if not child:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
bus.fire("a")
bus.drain(30)
assert len(pids) == 2 and len(set(pids)) == 1, pids
"""
    quiet = "ignore::DeprecationWarning"  # Python 3.12 and newer warn of forks beside threads
    ended = subprocess.run(
        [sys.executable, "-W", quiet, "-c", program], capture_output=True, encoding="utf-8",
        timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_program_needs_no_main_guard_and_handlers_may_print(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import eventkit as ek\n"
        "print('begin')\n"
        "bus = ek.EventBus()\n"
        "def handle(event): print('got', helped(event.data))\n"
        "bus.subscribe('a', handle, executor=ek.Processes(1))\n"
        "def helped(number): return helped(number - 1) + 1 if number else 0\n"
        "bus.fire('a', 3)\n"
        "bus.drain(30)\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, encoding="utf-8", timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split("\n")) == ["", "begin", "got 3"]
