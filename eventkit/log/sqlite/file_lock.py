"""FileLock: a lock of the operating system for one process at a time. It ends with its holder."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

_FIRST_PAUSE = 0.0001  # seconds
_LONGEST_PAUSE = 0.005  # seconds


class FileLock:
    """A lock on a file that at most one FileLock holds, among all processes that open its path.

    The file is created if needed. It stays when the lock is closed, because another process may be
    about to lock it. When a process ends, for any reason, it releases the lock.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    def acquire(self, timeout: float) -> bool:
        """Take the lock. Return False if that is not possible within `timeout` seconds."""
        assert self._file is not None, "it is closed"
        if _try(self._file):
            return True
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not _try(self._file):
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)  # a blocking lock would have no time-out
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._file is not None:
            _let_go(self._file)

    def close(self) -> None:
        """Close the file, which releases the lock. Can be called twice."""
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
