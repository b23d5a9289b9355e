"""Delivery: one thread runs the loop of a bridge, another delivers what arrives on it.

A handler may take as long as it likes: the loop goes on answering the server meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from .waiting import run_on

T = TypeVar("T")

_GRACE = 0.005  # seconds that cancelled tasks have to end
_log = logging.getLogger("eventkit")


class Delivery:
    """Runs `loop` and delivers messages, each a topic and a body, in the order they came. At most
    `capacity` wait.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, capacity: int, deliver: Callable[[str, bytes], None]
    ) -> None:
        self._loop = loop
        self._capacity = capacity
        self._deliver = deliver
        self._messages: SimpleQueue[tuple[str, bytes] | None] = SimpleQueue()  # None: the end
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run_loop, name="bridge loop", daemon=True),
            threading.Thread(target=self._deliver_all, name="bridge delivery", daemon=True),
        ]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # an interrupt, too
            self._end_soon()
            raise

    def put(self, topic: str, body: bytes) -> bool:
        """On the loop: have it delivered. Return whether there was room for it."""
        if self._is_closed or self._messages.qsize() >= self._capacity:
            return False
        self._messages.put((topic, body))
        return True

    def wake(self, callback: Callable[[], object]) -> None:
        """Have it called soon by the loop; from any thread."""
        self._loop.call_soon_threadsafe(callback)

    @property
    def is_on_loop(self) -> bool:
        """Return True on the loop's own thread, inside one of its callbacks."""
        return asyncio._get_running_loop() is self._loop

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Return what the work on the loop returns. Raises TimeoutError after `timeout` seconds."""
        return run_on(self._loop, work, timeout)

    def close(self, timeout: float) -> None:
        """Deliver what is there, for up to `timeout` seconds, and close the loop. Can be called
        twice.
        """
        self._end_soon()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _end_soon(self) -> None:
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if not self._is_closed:  # several may close it, and the loop has its last turns to go
            self._is_closed = True
            self._messages.put(None)
            self._loop.stop()

    def _run_loop(self) -> None:
        while not self._is_closed:
            try:
                self._loop.run_forever()
            except BaseException:  # such as sys.exit(), which is not to end this thread
                _log.exception("a callback on a bridge's loop raised:")
        self._loop.run_until_complete(self._end_tasks())
        self._loop.close()

    async def _end_tasks(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(_GRACE)

    def _deliver_all(self) -> None:
        while message := self._messages.get():
            topic, body = message
            try:
                self._deliver(topic, body)
            except BaseException:  # such as sys.exit(), which is not to end this thread
                _log.exception("a handler of what came over a bridge on %r raised:", topic)
            del message, topic, body  # while it waits, it keeps nothing alive
