"""The grader of the capstone: runs a submission and judges what it did, criterion by criterion.

    python -m eventkit grade my_system.py

Each scenario runs in its own process with a deadline, so that a submission that hangs, exits or
crashes ends only its own scenario. What it prints does not count; `criteria` judges what it did.
The learner's own tests run in the same way, on systems that are known to be good or broken. This
guards against mistakes, not against cheating.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .criteria import CRITERIA, Criterion, is_near_goal, judge_response
from .finding import Facts, Finding
from .mutants import reference_source
from .own_tests import is_defined, systems
from .running import observe

PATIENCE = 5.0
DEADLINE = 60.0
_TRIES = 3
_AT_ONCE = 4


class Grade(NamedTuple):
    """The result for one criterion; `finding` is None if it is met."""

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

    A system that makes no progress for `patience` seconds is judged by what it has done. A scenario
    ends after `deadline` seconds.
    """
    chosen = [named(name) for name in names] if names is not None else list(CRITERIA)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        judged = [
            (one, _begin(pool, source, one, patience, deadline))
            for one in chosen
            if one.judge is not judge_response
        ]
        for criterion, observed in judged:
            yield Grade(criterion, _judge(criterion, observed()))
        for criterion in chosen:  # times are measured when nothing else runs
            if criterion.judge is judge_response:
                yield Grade(criterion, _judge_response(source, criterion, patience, deadline))
    finally:
        pool.shutdown(cancel_futures=True)


def first_finding(source: str, patience: float = PATIENCE) -> Grade | None:
    """Return the first criterion that the system does not meet, or None. Its tests are not run."""
    names = [criterion.name for criterion in CRITERIA if not criterion.mutants]
    return next((one for one in grade(source, names, patience=patience) if one.finding), None)


def named(name: str) -> Criterion:
    """Return the criterion of that name. Raises ValueError, which lists all names."""
    for criterion in CRITERIA:
        if criterion.name == name:
            return criterion
    known = ", ".join(criterion.name for criterion in CRITERIA)
    raise ValueError(f"there is no criterion {name!r}. There are: {known}.")


def read_submission(path: str) -> str:
    """Return the text of a file that can be graded.

    Raises ValueError if the file cannot be read, is not Python, or defines no function build with
    three arguments.
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
    """Return True if build does more than return the … of the stub."""
    build = _build_in(ast.parse(source))
    statements = [one for one in build.body if not _is_docstring(one)] if build else []
    return [ast.unparse(one) for one in statements] != ["return ..."]


def in_words(one: Grade) -> str:
    """Describe a grade: one line if the criterion is met, else also what was expected and seen."""
    if one.finding is None:
        return f"✓ {one.criterion.name:<11}  {one.criterion.promise}"
    return (
        f"✗ {one.criterion.name:<11}  {one.criterion.promise}\n"
        f"    expected: {one.finding.expected}\n"
        f"    seen:     {one.finding.seen}\n"
        f"    look at:  {one.finding.look_at}"
    )


def _build_in(tree: ast.Module) -> ast.FunctionDef | None:
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "build"]
    return found[-1] if found else None


def _is_docstring(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return False
    return isinstance(statement.value.value, str)


def _begin(
    pool: ThreadPoolExecutor, source: str, criterion: Criterion, patience: float, deadline: float
) -> Callable[[], Facts | Finding]:
    """Start the criterion's scenarios. Return a function that waits for the facts."""
    if not criterion.mutants:
        return pool.submit(observe, source, criterion.scenarios, patience, deadline).result
    (test,) = criterion.scenarios
    tried = [
        (system, pool.submit(observe, system.source, [test], patience, deadline, source))
        for system in (systems(source, criterion.mutants) if is_defined(test, source) else [])
    ]
    return lambda: {"test": test, "tried": [(system, seen.result()) for system, seen in tried]}


def _judge_response(
    source: str, criterion: Criterion, patience: float, deadline: float
) -> Finding | None:
    """Measure again near the goal, because the machine may have been busy."""
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
    """Run both at the same time, so that other load on the machine affects both equally."""
    with ThreadPoolExecutor(2) as pool:
        facts, reference = pool.map(
            lambda text: observe(text, criterion.scenarios, patience, deadline),
            (source, reference_source()),
        )
    if isinstance(facts, Finding):
        return facts
    if isinstance(reference, Finding):
        raise RuntimeError(f"the reference itself did not finish here: {reference.seen}.")
    return facts | {"reference": reference}


def _judge(criterion: Criterion, facts: Facts | Finding) -> Finding | None:
    return facts if isinstance(facts, Finding) else _said_by(criterion, facts)


def _said_by(criterion: Criterion, facts: Facts) -> Finding | None:
    try:
        return criterion.judge(facts)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return Finding(
            "facts that can be judged",
            f"{type(error).__name__}: {error}",
            "what your events carry: {'visitor': number}, {'count': number, 'visitor': number}",
        )
