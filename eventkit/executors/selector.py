"""Selector: run generator functions on a reactor. Many sockets on one thread."""

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

from ..checks import seconds as check_seconds, whole_number
from ..handlers import WaitsBy, check_returned
from .base import Queued
from .hub import Hub
from .queue import BusClosed, Job, JobQueue, Overflow, report_failure

_JOBS_BEFORE_A_SELECT = 256
_CLOSED_CHECK_INTERVAL = 0.5  # seconds between two checks for sockets that were closed


class Wait:
    """What a handler waits for: the base class of what its generator yields."""

    def __await__(self) -> Generator[Wait, None, None]:
        yield self


class Readable(Wait):
    """Wait until a socket has data to read, or a connection to accept."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


class Writable(Wait):
    """Wait until a socket accepts data to write, or is connected."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


class Delay(Wait):
    """Wait for `seconds`, a number of 0 or more. Raises ValueError for anything else."""

    def __init__(self, seconds: float) -> None:
        self.seconds = check_seconds("seconds", seconds)


class Selector(Queued):
    """Runs generator functions on one thread.

    A handler yields `Readable(sock)`, `Writable(sock)` or `Delay(seconds)`, and is resumed when
    that has happened. Meanwhile others run, up to `concurrency` at once. Its return value is its
    result. Sockets must be non-blocking (`sock.setblocking(False)`).

    Handlers start in the order fired. `concurrency=1` or a common key keep the order strictly.
    `capacity` and `overflow` bound the queue, as for Threads. A plain function is allowed, but it
    blocks every other handler while it runs.
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
        whole_number("concurrency", concurrency, "the number of handlers that may run at once")
        queue = JobQueue(name, capacity, overflow)
        super().__init__(name, queue, _Reactor(queue, concurrency, name))

    def pause(self, seconds: float) -> Any:
        return Delay(seconds)


class _Task:
    """A running handler, the worker name it runs under, and the activation that yields its jobs."""

    def __init__(self, job: Job, activation: Iterator[Job], worker: str) -> None:
        self.job: Job | None = job
        self.activation = activation
        self.worker = worker
        self.context = Context()
        self.coroutine: Coroutine[Wait, None, Any] | None = None


class _Reactor(Hub):
    """The thread that waits for sockets, delays and new jobs, whichever comes first."""

    def __init__(self, queue: JobQueue, concurrency: int, name: str) -> None:
        super().__init__(queue, name)
        self._worker = name
        self._tasks: set[_Task] = set()
        self._free_names = [f"{name}-{number}" for number in range(concurrency, 0, -1)]
        self._delays: list[tuple[float, int, _Task]] = []
        self._next_number = itertools.count().__next__
        self._continuing: deque[_Task] = deque()  # finished one job, and have the next
        self._more_to_start = False
        self._next_check = 0.0

    def _open(self) -> None:
        super()._open()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)

    def worker(self) -> str:
        return self._worker

    def running(self) -> list[tuple[str, Job | None]]:
        return [(task.worker, task.job) for task in list(self._tasks)]

    def _run(self) -> None:
        while not self._stopping:
            for task in self._wait_for_ready():
                self._step(task)
            self._start_new()
            self._fail_closed()
            if self._can_stop():
                return
        for task in list(self._tasks):
            self._cancel(task, BusClosed("the bus was closed while this was waiting."))
        self._close()

    def _wait_for_ready(self) -> list[_Task]:
        """Wait until a task is ready or a wake-up comes. Return the tasks that are ready."""
        ready: list[_Task] = []
        for key, mask in self._selector.select(self._select_timeout()):
            if key.fileobj is self._wake_receiver:
                self._receive_wake()
            else:
                ready += self._unregister(key, mask)
        now = time.monotonic()
        while self._delays and self._delays[0][0] <= now:
            ready.append(heapq.heappop(self._delays)[2])
        return ready

    def _select_timeout(self) -> float | None:
        """Return how long `select` may wait, in seconds. None means no limit."""
        if self._more_to_start:
            return 0.0
        delay = max(0.0, self._delays[0][0] - time.monotonic()) if self._delays else None
        if len(self._selector.get_map()) == 1:  # only the wake-up
            return delay
        return _CLOSED_CHECK_INTERVAL if delay is None else min(delay, _CLOSED_CHECK_INTERVAL)

    def _fail_closed(self) -> None:
        """Fail handlers whose socket was closed meanwhile, which `select` does not report."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + _CLOSED_CHECK_INTERVAL
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._wake_receiver and key.fileobj.fileno() == -1:  # type: ignore[union-attr]
                self._fail_waiting(key)

    def _fail_waiting(self, key: selectors.SelectorKey) -> None:
        """Raise OSError in each handler that waits for this closed socket."""
        self._selector.unregister(key.fileobj)
        for task in key.data.values():
            self._step(task, OSError(f"{key.fileobj!r} was closed while a handler waited for it."))

    def _start_new(self) -> None:
        for _ in range(_JOBS_BEFORE_A_SELECT):
            task = self._next_task()
            if task is None:
                self._more_to_start = False
                return
            self._start_task(task)
        self._more_to_start = True

    def _next_task(self) -> _Task | None:
        if self._continuing:
            return self._continuing.popleft()
        if not self._free_names:
            return None
        activation = self._queue.jobs()
        job = next(activation, None)
        if job is None:
            return None
        task = _Task(job, activation, self._free_names.pop())
        self._tasks.add(task)
        return task

    def _start_task(self, task: _Task) -> None:
        assert task.job is not None
        self._worker = task.worker
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
        """Run a handler to its next yield, and register what it waits for."""
        assert task.job is not None and task.coroutine is not None
        while True:
            self._worker = task.worker
            try:
                step = task.coroutine.throw if error else task.coroutine.send
                wait = task.context.run(step, error)  # type: ignore[arg-type]
            except StopIteration:  # it has returned
                self._finish(task)
                return
            except BaseException as failure:
                work, event = task.job
                report_failure(work, event, failure)
                self._finish(task)
                return
            if self._stopping:
                self._close_task(task)
                return
            error = self._wait_for(task, wait)
            if error is None:
                return

    def _close_task(self, task: _Task) -> None:
        assert task.coroutine is not None
        with suppress(BaseException):  # a handler may refuse to end
            task.coroutine.close()
        self._finish(task)

    def _cancel(self, task: _Task, error: Exception) -> None:
        if task.coroutine is not None:
            self._step(task, error)
        elif task.job is not None:  # not started yet
            work, event = task.job
            work.give_up(event, error)

    def _wait_for(self, task: _Task, wait: object) -> Exception | None:
        """Register what the task waits for. Return an error if that is impossible."""
        if isinstance(wait, Delay):
            due = time.monotonic() + wait.seconds
            heapq.heappush(self._delays, (due, self._next_number(), task))
            return None
        if not isinstance(wait, Readable | Writable):
            return TypeError(
                "a handler on Selector yields Readable(sock), Writable(sock) or Delay(seconds); "
                f"this one yielded {wait!r}."
            )
        event = selectors.EVENT_READ if isinstance(wait, Readable) else selectors.EVENT_WRITE
        try:
            self._register(wait.sock, event, task)
        except (ValueError, KeyError, OSError) as problem:
            return ValueError(f"{wait.sock!r} cannot be waited for: {problem}.")
        return None

    def _register(self, sock: socket.socket, event: int, task: _Task) -> None:
        key = self._selector.get_map().get(sock)
        if key is not None and key.fileobj is not sock and key.fileobj.fileno() == -1:  # type: ignore[union-attr]
            self._fail_waiting(key)  # closed, and the new socket has its number
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
        job = next(task.activation, None)
        if job is not None:
            task.job = job
            task.context = Context()
            self._continuing.append(task)
        else:
            self._tasks.discard(task)
            self._free_names.append(task.worker)
            task.job = None  # a sleeping reactor keeps no event alive

    def _close(self) -> None:
        self._selector.close()
        super()._close()
