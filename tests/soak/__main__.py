"""`python -m tests.soak --minutes 30`: soak all parts, and print what became of them in a table."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from . import parts, violent
from .tools import Part, Turn

ALL = (*parts.ALL, *violent.ALL)
ON_MAIN = violent.interrupts  # signals reach the main thread
_WARM = 3  # rounds until everything has been used once


class Held(NamedTuple):
    """What the process holds between two rounds. A server's pool starts each of its few threads
    when it is first needed, however late that may be: they are left out.
    """

    mebibytes: float
    threads: int
    files: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        threads = [one for one in threading.enumerate() if not one.name.startswith("https-worker")]
        return cls(resident, len(threads), len(list(Path("/proc/self/fd").iterdir())))


class Soak:
    """So many rounds as there is time for. In each, every part has a turn, all at the same time."""

    def __init__(self, seconds: float, seed: int, *, say: Callable[[str], object] = print) -> None:
        self.turns: dict[str, list[Turn]] = {make.__name__: [] for make in (*ALL, ON_MAIN)}
        self.held: list[Held] = []
        self.failures: list[str] = []
        self._seconds = seconds
        self._random = Random(seed)
        self._say = say

    def run(self) -> None:
        end = time.monotonic() + self._seconds
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            made = {one.__name__: stack.enter_context(one()) for one in (*ALL, ON_MAIN)}
            while not self.failures and (time.monotonic() < end or len(self.held) <= _WARM):
                self._round(made)
                self.held.append(Held.now())
                left = max(0.0, end - time.monotonic())
                self._say(f"round {len(self.held)}: {self.held[-1]}, {left / 60:.1f} minutes left")

    def _round(self, made: dict[str, Part]) -> None:
        threads = [
            threading.Thread(target=self._turn, args=(name, part, Random(self._random.random())))
            for name, part in made.items()
            if name != ON_MAIN.__name__
        ]
        for thread in threads:
            thread.start()
        self._turn(ON_MAIN.__name__, made[ON_MAIN.__name__], Random(self._random.random()))
        for thread in threads:
            thread.join()

    def _turn(self, name: str, part: Part, random: Random) -> None:
        try:
            self.turns[name].append(part(random))
        except BaseException as error:
            self.failures.append(f"{name}: {error!r}")
            self._say(traceback.format_exc())

    def grown(self) -> list[str]:
        """What the process holds more of in the last third than in the first, warmed up."""
        held = self.held[min(_WARM, len(self.held) - 1) :]
        third = max(1, len(held) // 3)
        first, last = held[:third], held[-third:]
        lines = []
        for name, room in (("mebibytes", 16.0), ("threads", 0), ("files", 0)):
            before, after = (median([getattr(one, name) for one in part]) for part in (first, last))
            if after > before + room:
                lines.append(f"{name} grew from {before:.0f} to {after:.0f}")
        if any(line.startswith("threads") for line in lines):
            lines.append(
                "threads now: " + ", ".join(sorted(one.name for one in threading.enumerate()))
            )
        return lines

    def table(self) -> str:
        lines = ["| part | turns | events | faults |", "|---|--:|--:|--:|"]
        for name, turns in self.turns.items():
            events, faults = (sum(one[place] for one in turns) for place in (0, 1))
            lines.append(f"| {name} | {len(turns):,} | {events:,} | {faults:,} |")
        first, last = self.held[min(_WARM, len(self.held) - 1)], self.held[-1]
        most = Held(*map(max, zip(*self.held, strict=True)))
        lines += ["", "| held | warmed up | at the end | at most |", "|---|--:|--:|--:|"]
        for name, *figures in zip(Held._fields, first, last, most, strict=True):
            lines.append(f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} |")
        return "\n".join(lines)


@contextmanager
def _quiet() -> Iterator[None]:
    """What is broken on purpose is counted, and need not be logged."""
    log = logging.getLogger("eventkit")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="of what is random")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", file=sys.stderr)
    soak = Soak(60 * given.minutes, given.seed, say=lambda line: print(line, file=sys.stderr))
    soak.run()
    print(soak.table())
    wrong = soak.failures + soak.grown()
    print("\n" + ("Every invariant held." if not wrong else "\n".join(["WRONG:", *wrong])))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
