"""Runs pytest ten times in a row, five of them beside a busy process: `ten.py PYTEST_ARGUMENTS`.

A lesson's comparison must hold on a learner's machine too, where something else is always going on.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

# It watches its parent, so that it cannot outlive a run that was killed.
SPIN = "import os; parent = {}\nwhile os.getppid() == parent: sum(range(100_000))"


@contextlib.contextmanager
def company(wanted: bool) -> Iterator[None]:
    """A process that keeps one core busy for as long as the block takes, if it is wanted."""
    if not wanted:
        yield
        return
    spin = subprocess.Popen([sys.executable, "-c", SPIN.format(os.getpid())])
    try:
        yield
    finally:
        spin.kill()
        spin.wait()


def main(arguments: list[str]) -> int:
    """Run all ten, whatever fails; 1 if any did."""
    failures = 0
    for run in range(1, 11):
        busy = run % 2 == 0
        name = f"run {run} of 10, {'beside a busy process' if busy else 'alone'}"
        print(f"==> {name}", flush=True)
        begun = time.perf_counter()
        with company(busy):
            failed = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False)
        failures += failed.returncode != 0
        outcome = "FAILED" if failed.returncode else "passed"
        print(f"==> {name}: {outcome} in {time.perf_counter() - begun:.0f} s", flush=True)
    print(f"{10 - failures} passed, {failures} failed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
