"""Greenlets: run handlers on eventlet's green threads, which switch wherever a handler waits.

Eventlet's maintainers have retired it and recommend asyncio. It is included because the article
behind this course builds on it, and because it shows the idea that asyncio grew from.
"""

from __future__ import annotations

import warnings
from contextvars import copy_context
from typing import Any

from ..checks import whole_number
from ..handlers import check_returned
from .base import Queued
from .hub import Hub
from .queue import BusClosed, Job, JobQueue, Overflow, report_failure

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it warns that it is retired
        import eventlet
        import eventlet.hubs
except ImportError as missing:
    raise ImportError(
        "Greenlets needs eventlet, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[greenlets]'"
    ) from missing


class Greenlets(Queued):
    """Runs handlers on up to `workers` green threads on one real thread.

    Nothing is monkey-patched. Inside a handler use eventlet's own waits, such as `eventlet.sleep`
    and the sockets of `eventlet.green.socket`. A handler that waits in any other way blocks all
    the others.

    Handlers start in the order fired. `Greenlets(1)` or a common key keep the order strictly.
    `capacity` and `overflow` bound the queue, as for Threads.
    """

    def __init__(
        self,
        workers: int = 1024,
        *,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "greenlets",
    ):
        whole_number("workers", workers, "the number of green threads")
        queue = JobQueue(name, capacity, overflow)
        super().__init__(name, queue, _Green(queue, workers, name))

    def pause(self, seconds: float) -> Any:
        eventlet.sleep(seconds)


class _Green(Hub):
    """A thread with its own eventlet hub, and the green threads on it.

    One is spawned for each waiting job, up to `limit`, and ends when it finds no more work.
    """

    def __init__(self, queue: JobQueue, limit: int, name: str) -> None:
        super().__init__(queue, name)
        self._current: dict[str, Job | None] = {}
        self._free_names = [f"{name}-{number}" for number in range(limit, 0, -1)]
        self._green: dict[object, str] = {}

    def worker(self) -> str:
        return self._green.get(eventlet.getcurrent(), self._name)

    def running(self) -> list[tuple[str, Job | None]]:
        return list(self._current.items())

    def _run(self) -> None:
        while not self._stopping:
            eventlet.hubs.trampoline(self._wake_receiver, read=True)
            self._receive_wake()
            for _ in range(min(self._queue.waiting, len(self._free_names))):
                self._spawn()
            if self._can_stop():
                return
        for green in list(self._green):
            eventlet.kill(green, BusClosed("the bus was closed while this was waiting."))
        self._close()

    def _can_stop(self) -> bool:
        """Keep running while green threads that handlers have started wait for something."""
        hub = eventlet.hubs.get_hub()
        others = hub.get_timers_count() or hub.get_readers() or hub.get_writers()
        return not others and super()._can_stop()

    def _spawn(self) -> None:
        name = self._free_names.pop()
        self._green[eventlet.spawn(self._work, name)] = name

    def _work(self, name: str) -> None:
        try:
            for job in self._queue.jobs():
                self._current[name] = job
                work, event = job
                try:
                    check_returned(work.run(event))
                except BaseException as error:
                    report_failure(work, event, error)
                self._current[name] = None
                del job, work, event  # a sleeping hub keeps no event alive
                if copy_context():  # set by a handler: the next one needs a fresh context
                    self._queue.rearm_wake()
                    self._send_wake()
                    return
        finally:
            self._current.pop(name, None)
            self._green.pop(eventlet.getcurrent(), None)
            self._free_names.append(name)
            if self._queue.stop_when_idle:  # this may have been the last green thread
                self._send_wake()
