"""A worker in its own process, killed at a place that it names."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import NamedTuple


class Worked(NamedTuple):
    """The lines that a worker printed, and whether it was killed before it had finished."""

    said: list[str]
    killed: bool


def run_worker(program: str, *arguments: object, kill_at: str | None = None) -> Worked:
    """Run a Python program in its own process.

    At each place the program prints a line and reads one from stdin, which lets it go on. At the
    line `kill_at` it is killed as by `kill -9`, which no program can notice, delay or clean up
    after.

    Raises RuntimeError with the worker's output if it fails, or ends without printing `kill_at`.
    """
    said: list[str] = []
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8",
    ) as worker:  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None
        try:
            for line in worker.stdout:
                said.append(line.strip())
                if said[-1] == kill_at:
                    worker.kill()
                    return Worked(said, killed=worker.wait() != 0)
                with suppress(OSError):  # it has ended, and will say why
                    os.write(worker.stdin.fileno(), b"go on\n")
            code = worker.wait()
        finally:
            worker.kill()  # if it is still there, because we were interrupted
        errors.seek(0)
        complaint = errors.read().decode(errors="replace")
        if code or kill_at is not None:
            missed = "" if kill_at is None else f" without having said {kill_at!r}"
            raise RuntimeError(
                f"the worker ended with code {code}{missed}. It said {said}.\n{complaint}"
            )
    return Worked(said, killed=False)
