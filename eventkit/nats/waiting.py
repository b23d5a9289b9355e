"""Waiting for another thread or for a loop, so that an interrupt leaves no lock held.

A `concurrent.futures.Future` has a Condition. An interrupt of the waiting thread can leave it
locked, and the loop that sets the result would wait for it for ever. Here a waiter holds nothing
that the other side needs.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Result(Generic[T]):
    """A value that another thread sets. The first one counts."""

    def __init__(self) -> None:
        self._values: deque[T] = deque()
        self._gate = threading.Lock()
        self._gate.acquire()

    @property
    def is_set(self) -> bool:
        return bool(self._values)

    @property
    def value(self) -> T:
        """Return the value, which must be set."""
        return self._values[0]

    def set(self, value: T) -> None:
        self._values.append(value)
        self._open()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds. Return True if it is set."""
        if not self._values and self._gate.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            self._open()  # for other waiters
        return self.is_set

    def _open(self) -> None:
        with suppress(RuntimeError):  # it is open already
            self._gate.release()


def run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Run `work` on the loop of another thread and return its result.

    Raises what it raises; CancelledError (of concurrent.futures) if it was cancelled; RuntimeError
    if the loop is closed. Cancels the work and raises TimeoutError after `timeout` seconds.
    """
    call = Call(loop, work)
    try:
        call.begin()
        task = call.wait(timeout)
    except BaseException:
        call.cancel()
        raise
    try:
        if task.cancelled():
            raise CancelledError
        return task.result()
    finally:
        del call, task  # or the error and this frame would keep each other alive


class Call(Generic[T]):
    """A coroutine on the loop of another thread. See `run_on`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._done: Result[asyncio.Task[T]] = Result()

    def begin(self) -> None:
        """Schedule the start. Raises RuntimeError if the loop is closed."""
        self._loop.call_soon_threadsafe(self._begin)

    def wait(self, timeout: float) -> asyncio.Task[T]:
        """Return the task when it is done. Raises TimeoutError."""
        if not self._done.wait(timeout):
            raise TimeoutError
        return self._done.value

    def cancel(self) -> None:
        """Schedule the cancellation, unless it is done."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed
            self._work.close()

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._done.set)

    def _cancel(self) -> None:
        if self._task is None:
            self._work.close()
        else:
            self._task.cancel()


async def end_other_tasks() -> None:
    """Cancel all other tasks of this loop, and those that they start meanwhile, and wait."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
