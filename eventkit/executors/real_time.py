"""real_time: let events be handled soon beside a thread that computes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_wanted: dict[object, float] = {}  # one for each block that runs
_usual = 0.0


@contextmanager
def real_time(interval: float = 0.0005) -> Iterator[None]:
    """While this block runs, the interpreter asks a thread that computes for its lock back after
    `interval` seconds; 5 ms is usual. An event beside such a thread starts as much sooner, and the
    computing takes longer for the switches.

    It holds for the whole process (`sys.setswitchinterval`). Blocks may overlap, in any threads:
    the shortest interval wins, and after the last block the usual one is back. Raises ValueError
    unless the interval is between 1 microsecond and 1 second.
    """
    is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
    if not is_number or not 1e-6 <= interval <= 1:
        raise ValueError(f"interval is in seconds, 0.000001 to 1; got {interval!r}.")
    block = object()
    try:  # around both: an interrupt can come at any moment
        _begin(block, interval)
        yield
    finally:
        _end(block)


def _begin(block: object, interval: float) -> None:
    global _usual
    with _lock:
        if not _wanted:
            _usual = sys.getswitchinterval()
        _wanted[block] = interval
        sys.setswitchinterval(min(_wanted.values()))


def _end(block: object) -> None:
    with _lock:
        if _wanted.pop(block, None) is not None:
            sys.setswitchinterval(min(_wanted.values(), default=_usual))
