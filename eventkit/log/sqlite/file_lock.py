"""FileLock: one process at a time, by a lock of the operating system that dies with its holder."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

_FIRST_PAUSE = 0.0001
_LONGEST_PAUSE = 0.005


class FileLock:
    """Held by at most one of all that have opened the same path, in this process or another.

    Opening makes the file if need be; it stays when the lock is closed, because another process may
    be about to lock it. A process that ends, however it ends, lets go.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    def acquire(self, timeout: float) -> bool:
        """Whether the lock could be had within `timeout` seconds."""
        assert self._file is not None, "it is closed"
        if _try(self._file):
            return True
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not _try(self._file):
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)  # not a blocking lock, which could not be given up in time
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def release(self) -> None:
        """Let the next one have it. Does nothing if it is not held."""
        if self._file is not None:
            _let_go(self._file)

    def close(self) -> None:
        """Give up the file, and with it the lock. Can be called twice."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __del__(self) -> None:
        self.close()


if sys.platform == "win32":
    import msvcrt

    def _try(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _let_go(file: int) -> None:
        with suppress(OSError):  # not held
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _let_go(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
