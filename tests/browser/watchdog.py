"""Runs a command that does not outlive its owner: `watchdog.py FOLDER COMMAND ...`.

The owner holds the other end of this process's standard input. When that end closes, however the
owner ended, the command and all its descendants are stopped and the folder is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil  # type: ignore[import-untyped]

SECONDS_TO_STOP = 10


def start(folder: Path, command: list[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a command under a watchdog. Closing `stdin` of the returned process stops it all.

    The watchdog has a session of its own: an interrupt from the terminal reaches the owner alone.
    """
    watched = [sys.executable, str(Path(__file__)), str(folder), *command]
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows has no sessions
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        watched, stdin=subprocess.PIPE, start_new_session=True, creationflags=flags, **options
    )


def stop(watchdog: subprocess.Popen[bytes]) -> None:
    """Let go of a watchdog, and return when all that it watches has ended."""
    assert watchdog.stdin is not None
    watchdog.stdin.close()
    watchdog.wait(3 * SECONDS_TO_STOP)


def watch(folder: Path, command: list[str]) -> None:
    """Run the command until it ends or the owner lets go; leave no process and no folder."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    released = threading.Event()
    threading.Thread(target=_wait_for_release, args=[released], daemon=True).start()
    family: set[psutil.Process] = set()
    while process.poll() is None and not released.wait(0.5):
        family |= _descendants()
    family |= _descendants()
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_STOP)
    _kill(family)
    shutil.rmtree(folder, ignore_errors=True)


def _wait_for_release(released: threading.Event) -> None:
    while os.read(0, 1):
        pass
    released.set()


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _kill(processes: set[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has ended by itself
            process.kill()
    psutil.wait_procs(processes, timeout=SECONDS_TO_STOP)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), sys.argv[2:])
