"""Checks of what callers pass in: counts, times in seconds, and names.

Each returns the value, or raises a ValueError that names the argument, what is allowed and what was
given. Bools, NaN, infinity and times longer than a lock can wait are refused. Where None means no
limit, infinity does too.
"""

from __future__ import annotations

import math
import re
import threading
from typing import TypeGuard

_is_name = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


def is_number(value: object) -> TypeGuard[float]:
    """Return True for an int or a float, and False for a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def name(kind: str, value: object, example: str) -> str:
    """Return `value` if it is a name that files, certificates and servers can have."""
    if not isinstance(value, str) or not _is_name(value):
        raise ValueError(
            f"a {kind} has a name of 1 to 64 letters, digits, - and _, such as {example!r}; "
            f"got {value!r}."
        )
    return value


def whole_number(name: str, value: object, meaning: str, *, least: int = 1) -> int:
    """Return `value` if it is an int of at least `least`.

    `meaning` completes the sentence "`name` is …" in the error.
    """
    if type(value) is not int or value < least:
        raise ValueError(f"{name} is {meaning}, a whole number of {least} or more; got {value!r}.")
    return value


def seconds(name: str, value: object, *, above_zero: bool = False) -> float:
    """Return `value` if it is a time in seconds that a thread can wait for.

    It must be 0 or more (more than 0 with `above_zero`) and at most `threading.TIMEOUT_MAX`.
    """
    least = "more than 0" if above_zero else "0 or more"
    if not is_number(value) or not 0 <= value < math.inf or (above_zero and value == 0):
        raise ValueError(f"{name} is a number of seconds, {least}; got {value!r}.")
    if value > threading.TIMEOUT_MAX:
        raise ValueError(
            f"{name} is a number of seconds, at most {threading.TIMEOUT_MAX:.0f}, the longest "
            f"that a thread can wait here; got {value!r}."
        )
    return value


def optional_seconds(name: str, value: object) -> float | None:
    """Return `value` as `seconds` does, or None (no limit) if it is None or infinity."""
    if value is None or value == math.inf:
        return None
    try:
        return seconds(name, value)
    except ValueError as problem:
        raise ValueError(f"{problem} None means no limit.") from None
