"""What a forked child keeps of an HttpsTrigger, and of what else in eventkit.security has locks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit.security import ReplayGuard
from tests.secured import LONG, House, served

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
ROOT = Path(__file__).parents[2]


@contextmanager
def a_child_that_lives() -> Iterator[None]:
    """A forked child that does nothing for as long as this block runs."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        yield
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)


def test_a_child_keeps_neither_the_port_nor_a_connection(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.trigger.start()
    with house.open_raw() as client, a_child_that_lives():
        assert house.post("button.click").status == 202
        house.trigger.stop()
        assert client.recv(1) == b""  # it would wait for the child to close it, too
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((house.trigger.host, house.trigger.port), LONG)
        with house.trigger:
            assert house.post("button.click").status == 202
    house.bus.close()


PROGRAM = """
import os, pathlib, sys
import eventkit as ek
from tests.secured import House
used, folder = sys.argv[1] == "used", pathlib.Path(sys.argv[2])
house = House(folder)
if used:
    house.trigger.start()
if os.fork():
    os.wait()
    if used:
        assert house.post("button.click").status == 202
        house.trigger.stop()
    sys.exit()
house.trigger.stop()
try:
    with house.trigger:
        print(house.post("button.click").status)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.parametrize("used", ["used", "new"])
def test_a_trigger_that_served_says_in_the_child_what_to_do(tmp_path: Path, used: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, used, str(tmp_path)],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=3 * LONG, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    expected = "in the child, or fork first" if used == "used" else "202"
    assert expected in done.stdout


def is_true_in_a_child(work: Callable[[], object]) -> bool:
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 7 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def admits(guard: ReplayGuard) -> bool:
    guard.admit(ek.to_cloud(ek.Event("a.b"), "/here"))
    return True


def allows(policy: ek.AccessPolicy) -> bool:
    policy.allow("bob", publish="a.b")
    return policy.allows("bob", "publish", "a.b")


LOCKED: dict[str, tuple[Any, Any]] = {
    "policy": (ek.AccessPolicy, allows),
    "guard": (ReplayGuard, admits),
}


@pytest.mark.parametrize("name", LOCKED)
def test_what_a_thread_held_while_the_process_was_forked_is_free_in_the_child(name: str) -> None:
    make, use = LOCKED[name]
    thing = make()
    with thing._lock:
        assert is_true_in_a_child(lambda: use(thing))


def test_tokens_from_before_a_fork_are_good_in_the_child(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        assert is_true_in_a_child(lambda: house.tokens.principal_of(house.token) == "ann")
