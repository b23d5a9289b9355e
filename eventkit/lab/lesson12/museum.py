"""Museum: a learner's system in a process of its own, which can be killed and built again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

from ..processes.child import Machine
from .served import BUILD, LOG

Build = Callable[[str, Callable[[int], None], int], Any]
PROGRAM = f"""
import sys
from {__package__}.served import serve
serve(*sys.argv[1:], heard)
"""
LONG = 30.0  # seconds to build a system, or to close it


class Museum:
    """A process with the system that `build(path, work, target)` makes, and the folder of its log.

    `hear` is called with each thing that the process tells, from a thread. The process starts with
    `start()`. Functions of a notebook can be used: `build` is sent by value.
    """

    def __init__(self, build: Build, target: int, seconds: float, hear: Callable[..., object]):
        self._target, self._seconds, self._hear = target, seconds, hear
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._machine: Machine | None = None
        Path(self._folder.name, BUILD).write_bytes(cloudpickle.dumps(build))

    @property
    def log_path(self) -> str:
        """The path of the system's log."""
        return str(Path(self._folder.name, LOG))

    @property
    def pid(self) -> int | None:
        """The id of the process, or None if there is none."""
        machine = self._machine
        return machine.pid if machine and machine.is_running else None

    def start(self) -> None:
        """Build the system on the log in a new process, unless one is running.

        Raises RuntimeError with what the process printed if it ends before it is ready, and
        TimeoutError if it is not ready in time.
        """
        if self.pid is None:
            self._let_go()
            self._machine = Machine(
                PROGRAM, self._folder.name, self._seconds, self._target, hear=self._told
            )
            _wait(self._machine, "ready", "build() or start()")

    def send(self, *what: Any) -> None:
        """Have the process do something. Without one, nothing happens."""
        if self._machine:
            self._machine.send(json.dumps(what))

    def close(self) -> None:
        """Have the system finish its work, and end the process. Raises as `start` does."""
        if self._machine and self._machine.is_running:
            self.send("release")
            self.send("close")
            try:
                _wait(self._machine, "closed", "close()")
            finally:
                self._let_go()

    def kill(self) -> None:
        """End the process as `kill -9` does: it can finish nothing and write nothing."""
        if self._machine:
            self._machine.kill()
            self._let_go()

    def remove(self) -> None:
        """Kill the process, if there is one, and remove its log."""
        self.kill()
        self._folder.cleanup()

    def _let_go(self) -> None:
        if self._machine:
            self._machine.close()
            self._machine = None

    def _told(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:  # it was killed while it wrote this
            return
        self._hear(*told)


def _wait(machine: Machine, sign: str, what: str) -> None:
    try:
        machine.wait_for(json.dumps([sign]), LONG)
    except TimeoutError:
        raise TimeoutError(f"{what} did not return within {LONG:g} s.") from None
