"""Greenlets: run handlers on eventlet's green threads. Plain-looking code that gives way at waits.

Eventlet is retired by its maintainers, who point to asyncio; it is here because the article behind
this course builds on it, and because it shows the idea that asyncio grew from.
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
        whole_number("workers", workers, "the number of green threads")
        queue = JobQueue(name, capacity, overflow)
        super().__init__(name, queue, _Green(queue, workers, name))

    def pause(self, seconds: float) -> Any:
        eventlet.sleep(seconds)


class _Green(Hub):
    """A thread with an eventlet hub of its own, and the green threads on it. A new one is spawned
    while work waits and fewer than `limit` are there; one that finds no more work ends.
    """

    def __init__(self, queue: JobQueue, limit: int, name: str) -> None:
        super().__init__(queue, name)
        self._current: dict[str, Job | None] = {}
        self._free_lanes = [f"{name}-{number}" for number in range(limit, 0, -1)]
        self._green: dict[object, str] = {}

    def lane(self) -> str:
        return self._green.get(eventlet.getcurrent(), self._name)

    def running(self) -> list[tuple[str, Job | None]]:
        return list(self._current.items())

    def _run(self) -> None:
        while not self._stopping:
            eventlet.hubs.trampoline(self._ear, read=True)
            self._answer()
            for _ in range(min(self._queue.waiting, len(self._free_lanes))):
                self._spawn()
            if self._may_leave():
                return
        for green in list(self._green):
            eventlet.kill(green, BusClosed("the bus was closed while this was waiting."))
        self._end()

    def _may_leave(self) -> bool:
        """Green threads that handlers have started go on."""
        hub = eventlet.hubs.get_hub()
        others = hub.get_timers_count() or hub.get_readers() or hub.get_writers()
        return not others and super()._may_leave()

    def _spawn(self) -> None:
        lane = self._free_lanes.pop()
        self._green[eventlet.spawn(self._work, lane)] = lane

    def _work(self, lane: str) -> None:
        try:
            for job in self._queue.jobs():
                self._current[lane] = job
                work, event = job
                try:
                    check_returned(work.run(event))
                except BaseException as error:
                    report_failure(work, event, error)
                self._current[lane] = None
                del job, work, event  # while the hub rests, it keeps nothing alive
                if copy_context():  # set by a handler, and not for the next one to see
                    self._queue.answer_bell()
                    self._send()
                    return
        finally:
            self._current.pop(lane, None)
            self._green.pop(eventlet.getcurrent(), None)
            self._free_lanes.append(lane)
            if self._queue.resting:  # perhaps it was the last to do anything
                self._send()
