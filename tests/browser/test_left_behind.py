"""No server, kernel or browser outlives the tests that started it, however these end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from . import watchdog
from .server import REPOSITORY

PATIENCE = 60  # seconds

pytestmark = pytest.mark.long

# A process with a child that is in a session of its own and does not end when it is asked to.
COMMAND = """
import signal, subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True)
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""
OWNER = """
import sys, time
from pathlib import Path
from tests.browser import watchdog
watchdog.start(Path(sys.argv[1]), sys.argv[2:])
time.sleep(600)
"""


def python(*arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a Python with these arguments, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert alive == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "of the command"
    folder.mkdir()
    return folder


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    script = tmp_path / "command.py"
    script.write_text(COMMAND, encoding="utf-8")
    return [sys.executable, str(script)]


def test_a_command_ends_with_its_owner_that_is_killed(folder: Path, command: list[str]) -> None:
    started = python("-c", OWNER, str(folder), *command, environment=dict(os.environ))
    owner = psutil.Process(started.pid)
    wait_for(lambda: len(family(owner)) == 4)
    processes = family(owner)

    started.kill()

    started.wait()

    assert_gone(processes)
    assert not folder.exists()


def test_a_command_ends_when_its_owner_lets_go(folder: Path, command: list[str]) -> None:
    watched = watchdog.start(folder, command)
    dog = psutil.Process(watched.pid)
    wait_for(lambda: len(family(dog)) == 3)
    processes = family(dog)

    watchdog.stop(watched)

    assert_gone(processes)
    assert not folder.exists()


def test_a_watchdog_ends_with_a_command_that_ends_by_itself(folder: Path) -> None:
    watched = watchdog.start(folder, [sys.executable, "-c", "pass"])
    assert watched.wait(PATIENCE) == 0
    assert not folder.exists()
    watchdog.stop(watched)
