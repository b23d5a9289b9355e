"""How executors end with their process, and what becomes of them in a forked one."""

import os
import subprocess
import sys

import pytest

MAKERS = ["ek.Threads(1)", "ek.EventLoop()", "ek.Selector()", "ek.Greenlets()", "ek.Processes(1)"]

EXIT = """
import sys, time
import eventkit as ek
bus = ek.EventBus()
bus.subscribe("a", lambda event: time.sleep(event.data), executor={make})
for seconds in (0, 60, 0, 0, 0):
    bus.fire("a", seconds)
while bus.{stage}:
    time.sleep(0.001)
"""

FORK = """
import os, sys
import eventkit as ek
executor, got = {make}, []
bus = ek.EventBus()
bus.processor("a", emits="b", executor=executor)(lambda event: event.data)
bus.subscribe("b", lambda event: got.append(event.data))
if {used}:
    bus.fire("a", 0)
    bus.drain(30)
child = os.fork()
if child:
    bus.fire("a", 1)
    bus.drain(30)
    assert got[-1] == 1
    sys.exit(os.waitpid(child, 0)[1] != 0)
errors = []
for call in (lambda: bus.fire("a", 1), lambda: bus.drain(30)):
    try:
        call()
    except ek.BusClosed as refusal:
        errors.append(str(refusal))
bus.close(30)
executor.close(30)
right = ["forked" in one for one in errors] == [True, True] if {used} else got == [1] and not errors
os._exit(0 if right else 1)
"""


FORK_WHILE_STARTING = """
import os, signal, threading
import eventkit as ek
executor = {make}
bus = ek.EventBus()
bus.subscribe("a", bool, executor=executor)
bus.fire("a")
held = threading.Event()

def hold():
    with executor._engine._starting:
        held.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(30)
    bus.close(30)
    os._exit(0)
os._exit(os.waitpid(child, 0)[1] != 0)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("make", MAKERS)
def test_a_program_that_ends_says_once_how_many_events_are_left(make: str) -> None:
    ended = run(EXIT.format(make=make, stage="_places.all()[0].waiting > 3"))
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == 1
    assert "4 accepted event(s)" in ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("used", [False, True])
def test_a_child_of_a_fork_is_told_that_a_used_executor_stays_with_the_parent(
    make: str, used: bool
) -> None:
    ended = run(FORK.format(make=make, used=used))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("make", MAKERS)
def test_a_child_closes_its_bus_whatever_the_threads_of_its_parent_held(make: str) -> None:
    """As after a fork while the thread of an executor was being started."""
    ended = run(FORK_WHILE_STARTING.format(make=make))
    assert ended.returncode == 0, ended.stdout + ended.stderr
