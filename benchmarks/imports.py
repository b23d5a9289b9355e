"""What an import costs, each in a fresh interpreter that has its bytecode already."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

from .comparing import Row, Timed, compare

_TIMED = "from time import perf_counter as now; start = now(); {code}; print(now() - start)"


def measure(quick: bool) -> list[Row]:
    candidates: dict[str, Timed | str] = {
        "import asyncio": _fresh("import asyncio"),
        "import eventkit": _fresh("import eventkit"),
        "import eventkit; eventkit.EventBus()": _fresh("import eventkit; eventkit.EventBus()"),
        "import msgspec (our one dependency)": _fresh("import msgspec"),
    }
    for peer in ("pyee", "blinker", "aiopubsub", "psygnal", "reactivex"):
        found = find_spec(peer) is not None
        candidates[f"import {peer}"] = _fresh(f"import {peer}") if found else "not installed"
    rounds = 3 if quick else 21
    return compare("import", candidates, rounds=rounds, goal=0.5, later=0.45)


def _fresh(code: str) -> Timed:
    command = [sys.executable, "-I", "-c", _TIMED.format(code=code)]
    return lambda: float(subprocess.run(command, check=True, capture_output=True).stdout)
