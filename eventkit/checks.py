"""Checks of numbers that callers pass in: counts, and times in seconds.

Each returns the value, or raises a ValueError that names the argument, what is allowed and what was
given. Bools, NaN, infinity and times longer than a lock can wait are refused. Where None means no
limit, infinity does too.
"""

from __future__ import annotations

import math
import threading


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
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf or (above_zero and value == 0):  # type: ignore[operator]
        raise ValueError(f"{name} is a number of seconds, {least}; got {value!r}.")
    if value > threading.TIMEOUT_MAX:  # type: ignore[operator]
        raise ValueError(
            f"{name} is a number of seconds, at most {threading.TIMEOUT_MAX:.0f}, the longest "
            f"that a thread can wait here; got {value!r}."
        )
    return value  # type: ignore[return-value]


def optional_seconds(name: str, value: object) -> float | None:
    """Return `value` as `seconds` does, or None (no limit) if it is None or infinity."""
    if value is None or value == math.inf:
        return None
    try:
        return seconds(name, value)
    except ValueError as problem:
        raise ValueError(f"{problem} None means no limit.") from None
