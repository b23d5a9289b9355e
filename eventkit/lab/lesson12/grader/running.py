"""Running: scenarios in processes of their own, with a deadline, and what they have reported."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .finding import HANGS, Facts, Finding
from .scenarios import FACTS, TESTS

_LISTS = ("served", "count", "notice")


def observe(
    source: str, scenarios: Iterable[str], patience: float, deadline: float, tests: str = ""
) -> Facts | Finding:
    """What the scenarios reported, or why they did not come to their end. `tests` is the text that
    has the learner's own tests, for the scenarios that are these.
    """
    facts: Facts = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "my_system.py")
        file.write_text(source, encoding="utf-8")
        Path(folder, TESTS).write_text(tests, encoding="utf-8")
        for name in scenarios:
            Path(folder, FACTS).unlink(missing_ok=True)
            status, said = _run([str(file), name, folder, str(patience)], folder, deadline)
            new = _read(Path(folder, FACTS))
            facts |= {key: facts.get(key, []) + value if key in _LISTS and isinstance(value, list)
                      else value for key, value in new.items()}  # fmt: skip
            if (finding := _ended_badly(name, status, new, said, deadline)) is not None:
                return finding
    return facts


def _run(arguments: list[str], folder: str, deadline: float) -> tuple[int | None, str]:
    """The exit status, None if it had to be killed at its deadline, and the end of its output."""
    command = [sys.executable, "-m", f"{__package__}.scenarios", *arguments]
    package = str(Path(__file__).parents[4])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with open(Path(folder, "output"), "w+b") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(deadline)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill_all(process)
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    return status, lines[-1] if lines else ""


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """The process, and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _read(file: Path) -> Facts:
    """The last value of each fact, and all values of those that are told one by one."""
    facts: Facts = {}
    if not file.exists():
        return facts
    for line in file.read_text(encoding="utf-8").splitlines():
        name, value = json.loads(line)
        if (name in _LISTS and not isinstance(value, list | dict)) or name == "count":
            facts.setdefault(name, []).append(value)
        else:
            facts[name] = value
    return facts


def _ended_badly(
    name: str, status: int | None, facts: Facts, said: str, deadline: float
) -> Finding | None:
    step: Any = facts.get("step", "the file itself")
    if status is None:
        return Finding(
            f"the end of the scenario within {deadline:g} s",
            HANGS,
            f"what waits for ever in: {step}. A thread that waits for itself, a lock that is taken "
            "twice, a loop without an end?",
        )
    if "error" in facts:
        return Finding("no exception", facts["error"], f"what was raised from: {step}")
    if name == "killed":
        if "end" in facts or status == 0:
            return Finding(
                "a process that is killed while the 7th ticket is printed",
                "it came to its end: fewer tickets were asked for",
                "who calls work, and whether it is called for every visitor",
            )
        return None
    if "end" not in facts:
        return Finding(
            "the end of the scenario",
            f"the process ended before, with status {status}" + (f": {said}" if said else ""),
            f"what ends the process in: {step}. sys.exit and os._exit are not for handlers",
        )
    return None
