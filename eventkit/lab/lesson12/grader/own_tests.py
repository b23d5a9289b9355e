"""The learner's own tests, tested: do they pass good systems, and fail on broken ones?

A test is a function that takes `build`. It returns if the system is good, and raises if not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from .finding import HANGS, Facts, Finding
from .mutants import Mutant, reference_source

OWN, REFERENCE = "your own system", "the reference"
_TO_WRITE = {
    "integration_test": "lesson 12, which begins one: it builds a system in a folder of its own, "
    "sends a few visitors, and asserts what must be seen. It raises where build is broken, and "
    "returns where it is good",
    "stress_test": "your integration_test, with several hundred visitors from both doors at once. "
    "Report refused visitors again: after close(), is each visitor counted exactly once?",
    "fault_test": "your integration_test, with a fault in each place: a message that the screen "
    "forges, a ticket that fails, and close() while visitors are still being served. Then build "
    "again on the same path: is anything repeated?",
}


class System(NamedTuple):
    """A system to run a test on; `mutant` is None if the test should pass."""

    name: str
    source: str
    mutant: Mutant | None = None


def is_defined(name: str, source: str) -> bool:
    """Return True if the source defines a function of that name."""
    body = ast.parse(source).body
    return any(isinstance(one, ast.FunctionDef) and one.name == name for one in body)


def systems(source: str, mutants: Iterable[Mutant]) -> list[System]:
    """Return the systems to run a test on, the good ones first."""
    good = [System(OWN, source), System(REFERENCE, reference_source())]
    return good + [System(f"a system that {one.does}", one.source(), one) for one in mutants]


def judge_own_test(facts: Facts) -> Finding | None:
    """Judge a test by its results on each system.

    `tried` lists each system with the facts of the `test` there, or with the finding that it did
    not finish. It is empty if the submission has no such test.
    """
    test, tried = facts["test"], facts["tried"]
    if not tried:
        return _missing(test)
    judged = [(system, _judge_one(test, system, seen)) for system, seen in tried]
    unmet = [(system, finding) for system, finding in judged if finding]
    if not unmet:
        return None
    system, first = unmet[0]
    return _on_mutants(first, judged, len(unmet)) if system.mutant else first


def _judge_one(test: str, system: System, seen: Facts | Finding) -> Finding | None:
    if isinstance(seen, Finding):
        return _without_end(test, system, seen)
    if system.mutant is None:
        return _failed(test, system, seen["noticed"]) if "noticed" in seen else None
    if "noticed" in seen:
        return None
    return Finding(f"{test} fails on {system.name}", "it passed", system.mutant.look_at)


def _missing(test: str) -> Finding:
    return Finding(f"a function {test}(build) in your file", "there is none", _TO_WRITE[test])


def _without_end(test: str, system: System, seen: Finding) -> Finding:
    waits = "what it waits for without a limit; captured.wait and testing.wait_until have one"
    return seen._replace(
        expected=f"{test} on {system.name}: {seen.expected}",
        look_at=waits if seen.seen == HANGS else seen.look_at,
    )


def _failed(test: str, system: System, error: str) -> Finding:
    look_at = "what it assumes although the specification does not promise it: an order, an event "
    look_at += "of your own, that something has happened already"
    if system.name == OWN:
        look_at += ". If the specification promises it, look at build"
    return Finding(f"{test} passes on {system.name}", error, look_at)


def _on_mutants(
    first: Finding, judged: list[tuple[System, Finding | None]], unnoticed: int
) -> Finding:
    """Return the first unnoticed mutant's finding, with the number that were noticed."""
    broken = sum(system.mutant is not None for system, _ in judged)
    first = first._replace(
        seen=f"{first.seen}; of {broken} broken systems it noticed {broken - unnoticed}"
    )
    if unnoticed < broken:
        return first
    return first._replace(
        look_at="whether it asserts anything about the build that it is given. Then at "
        + first.look_at
    )
