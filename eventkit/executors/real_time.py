"""real_time: start handlers sooner while another thread computes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..checks import is_number

_lock = threading.Lock()
_intervals: dict[object, float] = {}  # of each block that is running
_usual = 0.0  # the interval outside all blocks


@contextmanager
def real_time(interval: float = 0.0005) -> Iterator[None]:
    """Reduce the thread switch interval to `interval` seconds inside a `with` block.

    By default a thread that computes holds the interpreter's lock for 5 ms before another thread
    runs. With a shorter interval handlers start sooner, and computations take longer because of
    the additional switches.

    The interval applies to the whole process (`sys.setswitchinterval`). Blocks may overlap, in any
    threads: the shortest interval applies. After the last block the previous interval is restored.
    Raises ValueError unless the interval is between 1 microsecond and 1 second.
    """
    if not is_number(interval) or not 1e-6 <= interval <= 1:
        raise ValueError(f"interval is in seconds, 0.000001 to 1; got {interval!r}.")
    block = object()
    try:  # includes `_begin`, which an interrupt may cut short
        _begin(block, interval)
        yield
    finally:
        _end(block)


def _begin(block: object, interval: float) -> None:
    global _usual
    with _lock:
        if not _intervals:
            _usual = sys.getswitchinterval()
        _intervals[block] = interval
        sys.setswitchinterval(min(_intervals.values()))


def _end(block: object) -> None:
    with _lock:
        if _intervals.pop(block, None) is not None:
            sys.setswitchinterval(min(_intervals.values(), default=_usual))
