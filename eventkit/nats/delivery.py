"""Delivery: one thread runs a bridge's loop, another one delivers what arrives on it.

So the loop answers the server however long a handler takes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from .waiting import end_other_tasks, run_on

T = TypeVar("T")

_log = logging.getLogger("eventkit")


class Delivery:
    """Runs `loop`, and calls `deliver` with the topic and body of each message in their order.

    At most `capacity` messages wait.
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
        """Queue a message for delivery. Return False if there is no room. Call it on the loop."""
        if self._is_closed or self._messages.qsize() >= self._capacity:
            return False
        self._messages.put((topic, body))
        return True

    @property
    def is_on_loop(self) -> bool:
        """Return True on the loop's own thread, inside one of its callbacks."""
        return asyncio._get_running_loop() is self._loop

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run `work` on the loop and return its result; see `run_on`."""
        return run_on(self._loop, work, timeout)

    def close(self, timeout: float) -> None:
        """Deliver the queued messages, and end the loop and both threads. Can be called twice.

        Waits up to `timeout` seconds for each thread.
        """
        self._end_soon()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _end_soon(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if not self._is_closed:  # several threads may close it
            self._is_closed = True
            self._messages.put(None)
            self._loop.stop()

    def _run_loop(self) -> None:
        while not self._is_closed:
            try:
                self._loop.run_forever()
            except BaseException:  # such as sys.exit(), which must not end this thread
                _log.exception("a callback on a bridge's loop raised:")
        self._loop.run_until_complete(end_other_tasks())
        self._loop.close()

    def _deliver_all(self) -> None:
        while message := self._messages.get():
            topic, body = message
            try:
                self._deliver(topic, body)
            except BaseException:  # such as sys.exit(), which must not end this thread
                _log.exception("the delivery of an event that arrived on %r raised:", topic)
            del message, topic, body  # so that it keeps nothing alive while it waits
