"""Break a system in one place, and see whether a test notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .exercise import text_of

Build = Callable[..., Any]


def without(build: Build, part: str) -> Build:
    """Return a `build` from the same source with one part left out.

    Raises ValueError if the source has no such part, or has it twice.
    """
    source = text_of(build)
    if source.count(part) != 1:
        raise ValueError(f"the source must have {part!r} once; it is there {source.count(part)}×.")
    made: dict[str, Any] = {}
    exec(source.replace(part, ""), made)
    broken: Build = made["build"]
    return broken


def finding(test: Callable[[Build], object], build: Build) -> str:
    """Run a test on a system. Return the first line of what it found, or "nothing"."""
    try:
        test(build)
    except AssertionError as problem:
        return next(iter(str(problem).splitlines()), "an assertion failed")
    return "nothing"
