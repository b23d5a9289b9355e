"""Arrivals: a bounded queue, and a thread that delivers what is in it."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable


class Arrivals:
    """Messages, each a topic and a body, in the order they came; at most `capacity` wait.

    One thread puts them and another delivers them, which is woken once for a burst.
    """

    def __init__(self, capacity: int, deliver: Callable[[str, bytes], None]) -> None:
        self._capacity = capacity
        self._deliver = deliver
        self._messages: deque[tuple[str, bytes]] = deque()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._is_asleep = True
        self._thread = threading.Thread(target=self._run, name="bridge arrivals", daemon=True)
        self._thread.start()

    def put(self, topic: str, body: bytes) -> bool:
        """Have it delivered; whether there was room for it."""
        if len(self._messages) >= self._capacity:
            return False
        self._messages.append((topic, body))
        if self._is_asleep:
            self._is_asleep = False
            self._bell.put(True)
        return True

    def close(self, timeout: float) -> None:
        """Deliver what is there, for up to `timeout` seconds, and end."""
        self._bell.put(False)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        going_on = True
        while going_on:
            going_on = self._bell.get()
            self._deliver_all()
            self._is_asleep = True  # what is put from now on rings
            self._deliver_all()

    def _deliver_all(self) -> None:
        while self._messages:
            self._deliver(*self._messages.popleft())
