"""LeaderFollower: two threads that take turns at running a loop and at delivering what arrives.

To hand a message to a thread that sleeps costs more than to deliver it. So the thread that runs the
loop, the leader, delivers what arrives itself, and the loop stands still meanwhile. If that takes
long, or somebody needs the loop at once, the other thread, the follower, leads from then on.

Source: D. Schmidt et al., Pattern-Oriented Software Architecture 2 (2000), "Leader/Followers".
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal, TypeVar

from .waiting import Call as LoopCall

T = TypeVar("T")
Call = Literal["lead", "watch"]

_PATIENCE = 0.005  # seconds that the loop may stand still; as long as an interpreter's turn
_log = logging.getLogger("eventkit")


class LeaderFollower:
    """Runs `loop` and delivers messages, each a topic and a body, in the order they came.

    At most `capacity` wait.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, capacity: int, deliver: Callable[[str, bytes], None]
    ) -> None:
        self._loop = loop
        self._capacity = capacity
        self._deliver = deliver
        self._messages: deque[tuple[str, bytes]] = deque()
        self._leading = threading.Lock()  # of the one that runs the loop
        self._delivering = threading.Lock()  # of the one that delivers: two would overtake
        self._deliverer = 0  # which thread does: its id, 0 for none
        self._turns = 0  # how often somebody has begun to deliver
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()  # to the follower
        self._is_watched = True  # whether it looks at the clock
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"bridge {number}", daemon=True)
            for number in (1, 2)
        ]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # an interrupt, too
            self._end_soon()
            raise

    def put(self, topic: str, body: bytes) -> bool:
        """On the loop: have it delivered. Whether there was room for it."""
        if self._is_closed or len(self._messages) >= self._capacity:
            return False
        self._messages.append((topic, body))
        if not self._delivering.locked():
            self._loop.stop()  # to deliver it
        return True

    def wake(self, callback: Callable[[], object]) -> None:
        """Have it called back soon, as if by the loop; from any thread. Whoever delivers does so
        itself while the loop stands still, and at once.
        """
        if self._deliverer == threading.get_ident() and self._leading.acquire(blocking=False):
            try:
                callback()
            finally:
                self._leading.release()
        else:
            self._loop.call_soon_threadsafe(callback)
            if not self._leading.locked():
                self._calls.put("lead")

    @property
    def is_on_loop(self) -> bool:
        """Whether the loop has called whoever asks."""
        return asyncio._get_running_loop() is self._loop

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """What the work on the loop returns. Raises TimeoutError after `timeout` seconds."""
        call = LoopCall(self._loop, work)
        try:
            call.begin()
            self._calls.put("lead")
            return call.result(timeout)
        except BaseException:
            call.cancel()
            raise

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
        self._calls.put("lead")

    def _stop(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.stop()

    def _run(self) -> None:
        # at most one of the two follows: one goes there only while the other leads
        while not self._is_closed:
            if self._leading.acquire(blocking=False):
                self._lead()
                self._deliver_all()
            else:
                self._follow()
        self._calls.put("lead")  # which the other does not: it ends as well
        with self._leading:
            self._close_loop()

    def _lead(self) -> None:
        try:
            self._loop.run_forever()
        except BaseException:  # such as sys.exit(), which is not to end this thread
            _log.exception("a bridge's loop was left like this:")
        finally:
            self._leading.release()

    def _deliver_all(self) -> None:
        # whoever finds the lock taken may leave: its owner looks again after it has let it go
        while self._messages and self._delivering.acquire(blocking=False):
            try:
                self._deliverer = threading.get_ident()
                self._turns += 1
                if not self._is_watched:
                    self._calls.put("watch")
                while self._messages:
                    self._deliver_one(*self._messages.popleft())
            finally:
                self._deliverer = 0
                self._delivering.release()

    def _deliver_one(self, topic: str, body: bytes) -> None:
        try:
            self._deliver(topic, body)
        except BaseException:  # such as sys.exit(), which is not to end this thread
            _log.exception("what came over a bridge on %r was left by a handler like this:", topic)

    def _follow(self) -> None:
        """Wait until the leader has been delivering for long, or until one is called to lead."""
        while True:
            turns = self._turns
            try:
                call = self._calls.get(timeout=_PATIENCE if self._is_watched else None)
            except queue.Empty:
                call = None
            if call == "lead":
                return
            if call == "watch":
                self._is_watched = True
            elif turns == self._turns:
                if self._delivering.locked():
                    return
                # say so first, then look again: who begins in between sees the one, or is seen
                self._is_watched = False
                self._is_watched = turns != self._turns

    def _close_loop(self) -> None:
        if not self._loop.is_closed():
            self._loop.stop()
            self._loop.run_forever()  # a last turn, for what was asked of it
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(_PATIENCE))  # they take their leave
            self._loop.close()
