"""Waiting in a coroutine for other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress


class Latch:
    """A locked lock for a coroutine to wait on. Any thread may release it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()

    def locked(self) -> bool:
        """Return True if it has not been released."""
        return not self._released.is_set()

    def release(self) -> None:
        """End the wait. Raises RuntimeError if the loop has ended."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def wait(self, timeout: float | None) -> bool:
        """Return True once it is released, False if `timeout` seconds pass first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                return await self._released.wait()
        return False


async def in_daemon_thread(call: Callable[[], object]) -> None:
    """Run a blocking call in a daemon thread, which continues if the caller is cancelled."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as problem:
            error = problem
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name="eventkit-waits", daemon=True).start()
    await done
