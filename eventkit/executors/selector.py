"""Selector: run generator functions on a reactor. One thread, many sockets at once."""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import time
from collections import deque
from collections.abc import Coroutine, Generator, Iterator
from contextlib import suppress
from contextvars import Context
from typing import Any

from ..checks import whole_number
from ..handlers import check_returned
from .base import Queued, WaitsBy
from .hub import Hub
from .queue import BusClosed, Job, JobQueue, Overflow, report_failure

_JOBS_BEFORE_A_LOOK = 256
_LOOK_FOR_CLOSED = 0.5  # seconds between two looks for sockets that were closed


class Wish:
    """What a generator yields to say what it waits for."""

    def __await__(self) -> Generator[Wish, None, None]:
        yield self


class Readable(Wish):
    """Wait until a socket has something to read, or a connection to accept."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


class Writable(Wish):
    """Wait until a socket takes something to write, or is connected."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


class Delay(Wish):
    """Wait for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Selector(Queued):
    """Runs generator functions on one thread. A handler yields `Readable(sock)`, `Writable(sock)`
    or `Delay(seconds)`, and goes on when that has come about; meanwhile others run, up to
    `concurrency` at once. What it returns is its result.

    Sockets must be non-blocking (`sock.setblocking(False)`). Handlers start in the order fired;
    `concurrency=1` or a common key keep order strictly. `capacity` and `overflow` bound what
    waits, as for Threads. A plain function is allowed: while it runs, nothing else does.
    """

    waits_by: WaitsBy = "yield"

    def __init__(
        self,
        *,
        concurrency: int = 1024,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "selector",
    ):
        whole_number("concurrency", concurrency, "how many handlers may be under way at once")
        queue = JobQueue(name, capacity, overflow)
        super().__init__(name, queue, _Reactor(queue, concurrency, name))

    def pause(self, seconds: float) -> Any:
        return Delay(seconds)


class _Task:
    """A handler under way, the turn that its job came from, and the lane that it is drawn in."""

    def __init__(self, job: Job, turn: Iterator[Job], lane: str) -> None:
        self.job: Job | None = job
        self.turn = turn
        self.lane = lane
        self.context = Context()
        self.coroutine: Coroutine[Wish, None, Any] | None = None


class _Reactor(Hub):
    """The thread that waits for whatever comes first: a socket, a delay, or a new job."""

    def __init__(self, queue: JobQueue, concurrency: int, name: str) -> None:
        super().__init__(queue, name)
        self._lane = name
        self._tasks: set[_Task] = set()
        self._free_lanes = [f"{name}-{number}" for number in range(concurrency, 0, -1)]
        self._delays: list[tuple[float, int, _Task]] = []
        self._next_number = itertools.count().__next__
        self._handed_on: deque[_Task] = deque()  # finished, and with a next job to begin
        self._more_to_begin = False
        self._next_look = 0.0

    def _open(self) -> None:
        super()._open()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)

    def lane(self) -> str:
        return self._lane

    def running(self) -> list[tuple[str, Job | None]]:
        return [(task.lane, task.job) for task in list(self._tasks)]

    def _run(self) -> None:
        while not self._stopping:
            for task in self._ready():
                self._step(task)
            self._begin_new()
            self._fail_closed()
            if self._may_leave():
                return
        for task in list(self._tasks):
            self._cut_off(task, BusClosed("the bus was closed while this was waiting."))
        self._end()

    def _ready(self) -> list[_Task]:
        """The tasks whose waiting is over; waits until there is one, or the bell rings."""
        ready: list[_Task] = []
        for key, mask in self._selector.select(self._patience()):
            if key.fileobj is self._ear:
                self._answer()
            else:
                ready += self._unregister(key, mask)
        now = time.monotonic()
        while self._delays and self._delays[0][0] <= now:
            ready.append(heapq.heappop(self._delays)[2])
        return ready

    def _patience(self) -> float | None:
        """Return how long to wait for a socket, in seconds."""
        if self._more_to_begin:
            return 0.0
        delay = max(0.0, self._delays[0][0] - time.monotonic()) if self._delays else None
        if len(self._selector.get_map()) == 1:  # nothing but the bell
            return delay
        return _LOOK_FOR_CLOSED if delay is None else min(delay, _LOOK_FOR_CLOSED)

    def _fail_closed(self) -> None:
        """The system says nothing of a socket that was closed while a handler waits for it."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_FOR_CLOSED
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._ear and key.fileobj.fileno() == -1:  # type: ignore[union-attr]
                self._forget(key)

    def _forget(self, key: selectors.SelectorKey) -> None:
        """Throw into each handler that waits for this closed socket."""
        self._selector.unregister(key.fileobj)
        for task in key.data.values():
            self._step(task, OSError(f"{key.fileobj!r} was closed while a handler waited for it."))

    def _begin_new(self) -> None:
        for _ in range(_JOBS_BEFORE_A_LOOK):
            task = self._next_task()
            if task is None:
                self._more_to_begin = False
                return
            self._begin(task)
        self._more_to_begin = True

    def _next_task(self) -> _Task | None:
        if self._handed_on:
            return self._handed_on.popleft()
        if not self._free_lanes:
            return None
        turn = self._queue.jobs()
        job = next(turn, None)
        if job is None:
            return None
        task = _Task(job, turn, self._free_lanes.pop())
        self._tasks.add(task)
        return task

    def _begin(self, task: _Task) -> None:
        assert task.job is not None
        self._lane = task.lane
        work, event = task.job
        if work.is_async:
            task.coroutine = task.context.run(work.run, event)
            self._step(task)
            return
        try:
            check_returned(task.context.run(work.run, event))
        except BaseException as error:
            report_failure(work, event, error)
        self._finish(task)

    def _step(self, task: _Task, error: Exception | None = None) -> None:
        """Let a handler go on to its next yield, and wait for what it wishes."""
        assert task.job is not None and task.coroutine is not None
        while True:
            self._lane = task.lane
            try:
                step = task.coroutine.throw if error else task.coroutine.send
                wish = task.context.run(step, error)  # type: ignore[arg-type]
            except StopIteration:  # it has returned
                self._finish(task)
                return
            except BaseException as failure:
                work, event = task.job
                report_failure(work, event, failure)
                self._finish(task)
                return
            if self._stopping:
                self._close(task)
                return
            error = self._wait_for(task, wish)
            if error is None:
                return

    def _close(self, task: _Task) -> None:
        assert task.coroutine is not None
        with suppress(BaseException):  # it was told already, and may not stop once more
            task.coroutine.close()
        self._finish(task)

    def _cut_off(self, task: _Task, error: Exception) -> None:
        if task.coroutine is not None:
            self._step(task, error)
        elif task.job is not None:  # handed on, and not begun
            work, event = task.job
            work.give_up(event, error)

    def _wait_for(self, task: _Task, wish: object) -> Exception | None:
        """Note what the task waits for. An error is what must be thrown into it instead."""
        if isinstance(wish, Delay):
            due = time.monotonic() + wish.seconds
            heapq.heappush(self._delays, (due, self._next_number(), task))
            return None
        if not isinstance(wish, Readable | Writable):
            return TypeError(
                "a handler on Selector yields Readable(sock), Writable(sock) or Delay(seconds); "
                f"this one yielded {wish!r}."
            )
        event = selectors.EVENT_READ if isinstance(wish, Readable) else selectors.EVENT_WRITE
        try:
            self._register(wish.sock, event, task)
        except (ValueError, KeyError, OSError) as problem:
            return ValueError(f"{wish.sock!r} cannot be waited for: {problem}.")
        return None

    def _register(self, sock: socket.socket, event: int, task: _Task) -> None:
        key = self._selector.get_map().get(sock)
        if key is not None and key.fileobj is not sock and key.fileobj.fileno() == -1:  # type: ignore[union-attr]
            self._forget(key)  # closed since, and this one got its number
            key = None
        if key is None:
            self._selector.register(sock, event, {event: task})
        elif event in key.data:
            raise ValueError("another handler waits for it already")
        else:
            self._selector.modify(sock, key.events | event, {**key.data, event: task})

    def _unregister(self, key: selectors.SelectorKey, mask: int) -> list[_Task]:
        waiting = {event: task for event, task in key.data.items() if not event & mask}
        if waiting:
            self._selector.modify(key.fileobj, key.events & ~mask, waiting)
        else:
            self._selector.unregister(key.fileobj)
        return [task for event, task in key.data.items() if event & mask]

    def _finish(self, task: _Task) -> None:
        task.coroutine = None
        job = next(task.turn, None)
        if job is not None:
            task.job = job
            task.context = Context()
            self._handed_on.append(task)
        else:
            self._tasks.discard(task)
            self._free_lanes.append(task.lane)
            task.job = None  # while the reactor rests, it keeps nothing alive

    def _end(self) -> None:
        self._selector.close()
        super()._end()
