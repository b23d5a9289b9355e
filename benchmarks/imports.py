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
    rounds = 3 if quick else 21
    few = rounds // 3
    return [
        *compare("import", _imports(_TIMED), rounds=rounds, goal=0.6),
        *compare("import and make a bus", _first_bus(_TIMED), rounds=rounds),
        *compare("memory after import", _imports(_TRACED), rounds=few, unit="B"),
        *compare("memory with a bus", _first_bus(_TRACED), rounds=few, unit="B"),
        *_an_event(1_000),
    ]


def _imports(program: str) -> dict[str, Timed | str]:
    """Of the packages that call listeners."""
    peers = ("pyee", "blinker", "aiopubsub", "psygnal", "reactivex")
    return {
        f"import {name}": _fresh(program, f"import {name}") if find_spec(name) else "not installed"
        for name in ("asyncio", "eventkit", *peers)
    }


def _first_bus(program: str) -> dict[str, Timed | str]:
    """An import of eventkit puts off much of its work, so here is all of it."""
    return {
        "import asyncio": _fresh(program, "import asyncio"),
        "eventkit": _fresh(program, "import eventkit; eventkit.EventBus()"),
        "msgspec, which it needs": _fresh(program, "import msgspec"),
    }


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
