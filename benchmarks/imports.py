"""What an import costs, in time and in memory, each in a fresh interpreter that has its bytecode
already; and the memory that an event takes.

Memory is what Python allocates, as tracemalloc counts it.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec

import eventkit as ek

from .comparing import Row, Timed, compare
from .dispatch import FrozenDataclass

_TIMED = "from time import perf_counter as now; start = now(); {code}; print(now() - start)"
_TRACED = "import tracemalloc as m; m.start(); {code}; print(m.get_traced_memory()[0])"


def measure(quick: bool) -> list[Row]:
    rounds = 3 if quick else 15
    return [
        *compare("import", _candidates(_TIMED), rounds=rounds, goal=0.45),
        *compare("memory after import", _candidates(_TRACED), rounds=rounds // 3, unit="B"),
        *_an_event(1_000),
    ]


def _candidates(program: str) -> dict[str, Timed | str]:
    candidates: dict[str, Timed | str] = {
        "import asyncio": _fresh(program, "import asyncio"),
        "import eventkit": _fresh(program, "import eventkit"),
        "import eventkit; eventkit.EventBus()": _fresh(
            program, "import eventkit; eventkit.EventBus()"
        ),
        "import msgspec (our one dependency)": _fresh(program, "import msgspec"),
    }
    for peer in ("pyee", "blinker", "aiopubsub", "psygnal", "reactivex"):
        found = find_spec(peer) is not None
        candidates[f"import {peer}"] = (
            _fresh(program, f"import {peer}") if found else "not installed"
        )
    return candidates


def _fresh(program: str, code: str) -> Timed:
    command = [sys.executable, "-I", "-c", program.format(code=code)]
    return lambda: float(subprocess.run(command, check=True, capture_output=True).stdout)


def _an_event(number: int) -> list[Row]:
    """With a number and a time of its own, as in "make an event"."""
    serial = itertools.count(10**6)
    return compare(
        "memory of an event",
        {
            "bare tuple": _bytes_each(
                lambda: ("bench.topic", 1, next(serial), next(serial), None, None), number
            ),
            "eventkit": _bytes_each(lambda: ek.Event("bench.topic", 1), number),
            "slotted dataclass": _bytes_each(lambda: FrozenDataclass("bench.topic", 1), number),
        },
        rounds=3,
        unit="B",
    )


def _bytes_each(make: Callable[[], object], number: int) -> Timed:
    def run() -> float:
        kept: list[object] = [None] * number
        tracemalloc.start()
        try:
            for place in range(number):
                kept[place] = make()
            return tracemalloc.get_traced_memory()[0] / number
        finally:
            tracemalloc.stop()

    return run
