"""A worker in a process of its own, killed at a place that it names."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import NamedTuple


class Worked(NamedTuple):
    """What a worker said, and whether it was killed before it had done all."""

    said: list[str]
    killed: bool


def run_worker(program: str, *arguments: object, kill_at: str | None = None) -> Worked:
    """Run a Python program in a process of its own. It says where it is by a line on stdout and
    then waits for one on stdin: it goes on, unless the line was `kill_at`. Then it is killed as by
    `kill -9`, which no program can notice, delay or clean up after.

    Raises RuntimeError with the worker's own words if it fails, or ends without having been there.
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
