"""The grader of the capstone: what a submitted system was seen to do, criterion by criterion.

    python -m eventkit grade my_system.py

Each scenario is run in a process of its own, with a deadline, so that a submission that hangs,
exits or crashes ends its own scenario and nothing else. What it prints does not count; what it did
is judged here, by `criteria`. This guards against mistakes, not against somebody who wants to be
told something untrue.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from .criteria import CRITERIA, Criterion, Facts, Finding, is_near_goal, judge_response
from .scenarios import FACTS

PATIENCE = 5.0
DEADLINE = 60.0
_TRIES = 3
_AT_ONCE = 4
_LISTS = ("served", "count", "notice")


class Grade(NamedTuple):
    """What came of one criterion; `finding` is None if it is met."""

    criterion: Criterion
    finding: Finding | None


def grade(
    source: str,
    names: Iterable[str] | None = None,
    *,
    patience: float = PATIENCE,
    deadline: float = DEADLINE,
) -> Iterator[Grade]:
    """Grade the text of a submission by all criteria, or by those named, one after another.

    `patience` is for how many seconds a system may stand still before it is taken at what it has
    done, and `deadline` how many a scenario has in all.
    """
    chosen = [named(name) for name in names] if names is not None else list(CRITERIA)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        judged = [
            (one, pool.submit(_judge, source, one, patience, deadline))
            for one in chosen
            if one.judge is not judge_response
        ]
        for criterion, future in judged:
            yield Grade(criterion, future.result())
        for criterion in chosen:  # a time is measured when nothing else is going on
            if criterion.judge is judge_response:
                yield Grade(criterion, _judge_response(source, criterion, patience, deadline))
    finally:
        pool.shutdown(cancel_futures=True)


def first_finding(source: str, patience: float = PATIENCE) -> Grade | None:
    """The first criterion that is not met, or None if all are."""
    return next((one for one in grade(source, patience=patience) if one.finding), None)


def named(name: str) -> Criterion:
    """The criterion of that name. Raises ValueError, which lists them."""
    for criterion in CRITERIA:
        if criterion.name == name:
            return criterion
    known = ", ".join(criterion.name for criterion in CRITERIA)
    raise ValueError(f"there is no criterion {name!r}. There are: {known}.")


def read_submission(path: str) -> str:
    """The text of a file that can be graded. Raises ValueError if it cannot: it is not there, it
    is no Python, or it defines no function build with the three arguments.
    """
    try:
        source = Path(path).read_text(encoding="utf-8")
        tree = ast.parse(source)
    except OSError as problem:
        raise ValueError(
            f"{path} cannot be read: {problem.strerror}. Give a Python file."
        ) from None
    except (SyntaxError, ValueError) as problem:
        raise ValueError(f"{path} is no Python: {problem}.") from None
    build = _build_in(tree)
    if build is None:
        raise ValueError(f"{path} has no function build(path, work, target): that is what is run.")
    if len(build.args.posonlyargs + build.args.args) != 3:
        raise ValueError(f"build in {path} must take three arguments: path, work, target.")
    return source


def is_attempted(source: str) -> bool:
    """Whether build does more than to return the … of the stub."""
    build = _build_in(ast.parse(source))
    statements = [one for one in build.body if not _is_docstring(one)] if build else []
    return [ast.unparse(one) for one in statements] != ["return ..."]


def in_words(one: Grade) -> str:
    """A line for a criterion that is met; else what was expected, what was seen, where to look."""
    if one.finding is None:
        return f"✓ {one.criterion.name:<9}  {one.criterion.promise}"
    return (
        f"✗ {one.criterion.name:<9}  {one.criterion.promise}\n"
        f"    expected: {one.finding.expected}\n"
        f"    seen:     {one.finding.seen}\n"
        f"    look at:  {one.finding.look_at}"
    )


def reference_source() -> str:
    """The text of the reference system."""
    return Path(__file__).with_name("reference.py").read_text(encoding="utf-8")


def _build_in(tree: ast.Module) -> ast.FunctionDef | None:
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "build"]
    return found[-1] if found else None


def _is_docstring(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return False
    return isinstance(statement.value.value, str)


def _judge(source: str, criterion: Criterion, patience: float, deadline: float) -> Finding | None:
    facts = _observe(source, criterion.scenarios, patience, deadline)
    return facts if isinstance(facts, Finding) else _said_by(criterion, facts)


def _judge_response(
    source: str, criterion: Criterion, patience: float, deadline: float
) -> Finding | None:
    """Measured again if it is near the goal: the machine may have been busy once."""
    finding = None
    for _ in range(_TRIES):
        facts = _observe_beside_reference(source, criterion, patience, deadline)
        if isinstance(facts, Finding):
            return facts
        finding = _said_by(criterion, facts)
        if finding is None or not is_near_goal(facts):
            break
    return finding


def _observe_beside_reference(
    source: str, criterion: Criterion, patience: float, deadline: float
) -> Facts | Finding:
    """Both run at the same time, so that whatever else the machine does is done to both."""
    with ThreadPoolExecutor(2) as pool:
        facts, reference = pool.map(
            lambda text: _observe(text, criterion.scenarios, patience, deadline),
            (source, reference_source()),
        )
    if isinstance(facts, Finding):
        return facts
    if isinstance(reference, Finding):
        raise RuntimeError(f"the reference itself came to no end here: {reference.seen}.")
    return facts | {"reference": reference}


def _said_by(criterion: Criterion, facts: Facts) -> Finding | None:
    try:
        return criterion.judge(facts)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return Finding(
            "facts that can be judged",
            f"{type(error).__name__}: {error}",
            "what your events carry: {'visitor': number}, {'count': number, 'visitor': number}",
        )


def _observe(
    source: str, scenarios: Iterable[str], patience: float, deadline: float
) -> Facts | Finding:
    """What the scenarios reported, or why they did not come to their end."""
    facts: Facts = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "my_system.py")
        file.write_text(source, encoding="utf-8")
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
    command = [sys.executable, "-m", f"{__name__}.scenarios", *arguments]
    package = str(Path(__file__).parents[2])
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
            "it hangs",
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
