"""Running: each scenario in its own process with a deadline, and the facts that it reported."""

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

from .finding import HANGS, THE_FILE, Facts, Finding
from .scenarios import FACTS, TESTS

_LISTS = ("served", "count", "notice")


def observe(
    source: str, scenarios: Iterable[str], patience: float, deadline: float, tests: str = ""
) -> Facts | Finding:
    """Return what the scenarios reported, or why they did not finish.

    `tests` is the source of the learner's own tests, for the scenarios that run them.
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
    """Return the exit status, None if killed at the deadline, and the last line of output."""
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
    """Kill the process and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _read(file: Path) -> Facts:
    """Return the last value of each fact, but all values of those reported one by one."""
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
    step: Any = facts.get("step", THE_FILE)
    if status is None:
        return Finding(
            f"the end of the scenario within {deadline:g} s",
            HANGS,
            f"what waits for ever in: {step}. A thread that waits for itself, a lock that is taken "
            "twice, an endless loop?",
        )
    if "error" in facts:
        look_at = f"what was raised from: {step}"
        if facts["error"].startswith("NameError"):
            look_at += ". It runs alone in a new process: import inside it whatever it uses"
        return Finding("no exception", facts["error"], look_at)
    if name == "killed":
        if "end" in facts or status == 0:
            return Finding(
                "a process that is killed while the 7th ticket is printed",
                "it finished: fewer tickets were printed",
                "whether work is called for every visitor",
            )
        return None
    if "end" not in facts:
        return Finding(
            "the end of the scenario",
            f"the process ended before, with status {status}" + (f": {said}" if said else ""),
            f"what ends the process in: {step}. Handlers must not call sys.exit or os._exit",
        )
    return None
