"""Waiters: threads and coroutines that wait until another thread wakes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..asyncio_waits import Latch


class Waiters:
    """All who wait for the same condition. One that is interrupted leaves nothing behind."""

    def __init__(self) -> None:
        self.locks: deque[threading.Lock | Latch] = deque()  # one for each, released to wake it

    def wait(self, is_met: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until `wake_all`, unless the condition is met. Return False if `timeout` seconds
        pass first.
        """
        lock = threading.Lock()
        lock.acquire()  # a second `acquire` waits until another thread releases it
        self.locks.append(lock)  # before the check, so that no wake-up is missed
        try:
            return is_met() or lock.acquire(timeout=-1 if timeout is None else timeout)
        finally:
            self._discard(lock)

    async def wait_async(self, is_met: Callable[[], bool], timeout: float | None) -> bool:
        """As `wait`, without holding up the running event loop."""
        from ..asyncio_waits import Latch

        latch = Latch()
        self.locks.append(latch)
        try:
            return is_met() or await latch.wait(timeout)
        finally:
            self._discard(latch)

    def wake_all(self) -> None:
        """Wake all of them. Each removes its own lock."""
        for lock in list(self.locks):
            if lock.locked():  # else released before, and its thread has not woken yet
                with suppress(RuntimeError):  # another thread released it first
                    lock.release()

    def _discard(self, lock: threading.Lock | Latch) -> None:
        with suppress(ValueError):
            self.locks.remove(lock)
