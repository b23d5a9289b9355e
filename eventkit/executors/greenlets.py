"""Greenlets: run handlers on eventlet's green threads. Plain-looking code that gives way at waits.

Eventlet is retired by its maintainers, who point to asyncio; it is here because the article behind
this course builds on it, and because it shows the idea that asyncio grew from.
"""

from __future__ import annotations

import socket
import threading
import time
import warnings
import weakref
from typing import Any

from ..queues import NOTHING, BusClosed, Job, JobQueue, Overflow
from . import Queued

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says on import that it is retired; so do we
        import eventlet
        import eventlet.hubs
except ImportError as missing:
    raise ImportError(
        "Greenlets needs eventlet, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[greenlets]'"
    ) from missing


class Greenlets(Queued):
    """Up to `workers` green threads on one real thread. Nothing is monkey-patched: inside a
    handler use eventlet's own waits, such as `eventlet.sleep` and the sockets of
    `eventlet.green.socket`. A handler that waits in any other way holds up all the others.

    Handlers start in the order fired; `Greenlets(1)` or a common key keep order strictly.
    `capacity` and `overflow` bound what waits, as for Threads.
    """

    def __init__(
        self,
        workers: int = 1024,
        *,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "greenlets",
    ):
        if type(workers) is not int or workers < 1:
            raise ValueError(f"workers is the number of green threads, 1 or more; got {workers!r}.")
        self.name = name
        super().__init__(JobQueue(name, capacity, overflow))
        self._hub = _Hub(self._queue, workers, name)
        weakref.finalize(self, self._hub.stop)

    def pause(self, seconds: float) -> Any:
        eventlet.sleep(seconds)

    def worker(self) -> str:
        return self._hub.lane()

    def is_own_thread(self) -> bool:
        return self._hub.is_here()

    def unfinished(self) -> list[str]:
        return self._unfinished(list(self._hub.running.items()))

    def close(self, timeout: float) -> list[Job]:
        deadline = time.monotonic() + timeout
        if not self.is_own_thread():
            self._queue.wait_idle(timeout)
        left = self._queue.close()
        self._hub.stop(max(0.0, deadline - time.monotonic()))
        return left

    def __repr__(self) -> str:
        return f"Greenlets(capacity={self._queue.capacity}, overflow={self._queue.overflow!r})"


class _Hub:
    """A thread with an eventlet hub of its own, and the green threads on it. A new one is spawned
    while work waits and fewer than `limit` are there; one that finds no more work ends.
    """

    def __init__(self, queue: JobQueue, limit: int, name: str) -> None:
        self.thread: threading.Thread | None = None
        self.running: dict[str, Job | None] = {}
        self._queue = queue
        self._name = name
        self._free_lanes = [f"{name}-{number}" for number in range(limit, 0, -1)]
        self._green: dict[object, str] = {}
        self._bell, self._ear = socket.socketpair()  # a byte through here wakes the hub
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._stopping = False
        queue.bell = self._ring
        queue.is_worker = self.is_here

    def lane(self) -> str:
        return self._green.get(eventlet.getcurrent(), self._name)

    def is_here(self) -> bool:
        """Whether the calling thread is the hub's."""
        return threading.current_thread() is self.thread

    def _ring(self) -> None:
        if self.thread is None:
            self.thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self.thread.start()
        self._bell.send(b"!")

    def stop(self, timeout: float = 0.0) -> None:
        """Cut off what still runs and end the thread. Can be called twice."""
        if self._stopping:
            return
        self._stopping = True
        if self.thread is None:
            self._end()
            return
        self._bell.send(b"!")
        if self.thread is not threading.current_thread():
            self.thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            eventlet.hubs.trampoline(self._ear, read=True)
            self._ear.recv(4096)
            self._queue.answer_bell()
            for _ in range(min(self._queue.waiting, len(self._free_lanes))):
                self._spawn()
        for green in list(self._green):
            eventlet.kill(green, BusClosed("the bus was closed while this was waiting."))
        self._end()

    def _spawn(self) -> None:
        lane = self._free_lanes.pop()
        self._green[eventlet.spawn(self._work, lane)] = lane

    def _work(self, lane: str) -> None:
        finished = NOTHING
        try:
            while job := self._queue.take_now(finished):
                self.running[lane] = job
                work, event = job
                work.run(event)
                self.running[lane] = None
                finished = event.key
                del job, work, event  # while the hub rests, it keeps nothing alive
        finally:
            self.running.pop(lane, None)
            self._green.pop(eventlet.getcurrent(), None)
            self._free_lanes.append(lane)

    def _end(self) -> None:
        self._bell.close()
        self._ear.close()
