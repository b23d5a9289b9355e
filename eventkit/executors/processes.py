"""Processes: run handlers in worker processes, so that they compute on several cores at once.

A thread in this process stands for each worker process: it takes an event from the queue, sends it
with its handler through a pipe, and waits for the answer. So order, capacity, retries, `emits=` and
recording are those of Threads, and stay here. Each process has a pipe of its own, not a place in a
common pool, so that a process that is killed costs its own event only.
"""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Pipe
from typing import Any

from ..checks import whole_number
from ..event import Event
from ..handlers import Handler, name_of
from .base import Queued
from .queue import BusClosed, JobQueue, Overflow
from .threads import WorkerThreads

try:
    import cloudpickle
    from loky.backend.process import LokyProcess
except ImportError as missing:
    raise ImportError(
        "Processes needs loky, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[processes]'"
    ) from missing

from .process_worker import Answer, work


class WorkerKilled(RuntimeError):
    """A worker process ended while it handled an event. How far the handler came is unknown."""


class Processes(Queued):
    """`workers` processes take events from one queue, oldest first.

    Handler and event are copied to the process with each event, and what the handler returns is
    copied back: it sees no later change here, and what it changes there stays there. A handler
    cannot fire events; return a value, with `emits=`. Handlers defined in a notebook work. Those
    of an Identity (`bus.as_`) are refused.

    Order by key, `capacity` and `overflow` are as for Threads. A process starts with its first
    event, which waits for that (about 0.2 s). `close` ends a process whose handler is still
    running when its time is up. No process outlives this one.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        capacity: int | None = None,
        overflow: Overflow = "block",
        name: str = "processes",
    ):
        self.workers = whole_number("workers", workers, "the number of processes")
        queue = JobQueue(f"{name} ({workers} workers)", capacity, overflow, workers)
        self._pool = _WorkerProcesses(queue, workers, name)
        super().__init__(name, queue, self._pool)

    def prepare(self, handler: Handler) -> Handler:
        """Return what calls `handler` in the calling worker's process. Raises TypeError if the
        handler cannot be sent there.
        """
        if hasattr(handler, "admits"):  # it belongs to an Identity
            raise TypeError(
                f"{name_of(handler)} cannot be sent to a worker process: its principal's "
                "permissions are checked when it is called, and the policy exists in this process "
                "only. Use executor=Threads(...), or subscribe it with the bus itself."
            )
        _pack(handler, None)
        pool = self._pool

        def call(event: Event) -> Any:
            returned, error, text = pool.ask(_pack(handler, event))
            if error is not None:
                error.add_note(f"In the worker process:\n{text}")
                raise error
            return returned

        return call

    def is_only_worker(self) -> bool:
        return self.workers == 1 and self.is_own_thread()

    def close(self, timeout: float) -> None:
        super().close(timeout)
        if not self._queue.forked:
            self._pool.cut_off()


class _WorkerProcesses(WorkerThreads):
    """The threads of Threads, with a process for each that has had work."""

    def __init__(self, queue: JobQueue, workers: int, name: str) -> None:
        super().__init__(queue, workers, name)
        self._processes: dict[threading.Thread, _Process] = {}
        self._is_cut_off = False

    def ask(self, request: bytes) -> Answer:
        """Have the calling thread's process answer a request."""
        process = self._send(request)
        try:
            answer = process.pipe.recv_bytes()
        except (EOFError, OSError):
            self._discard()
            raise self._say_why(process) from None
        read: Answer = pickle.loads(answer)
        return read

    def cut_off(self) -> None:
        """End the processes whose handlers still run, and wait until that has been recorded."""
        self._is_cut_off = True
        for process in list(self._processes.values()):
            process.popen.terminate()
        self.stop(1.0)

    def _send(self, request: bytes) -> _Process:
        process = self._processes.get(threading.current_thread()) or self._start_process()
        try:
            process.pipe.send_bytes(request)
        except OSError:  # killed while it had nothing to do
            self._discard()
            process = self._start_process()
            with suppress(OSError):  # `ask` finds out
                process.pipe.send_bytes(request)
        return process

    def _start_process(self) -> _Process:
        process = _Process(self.worker())
        self._processes[threading.current_thread()] = process
        if self._is_cut_off:
            process.popen.terminate()
        return process

    def _discard(self) -> None:
        """End the calling thread's process, if it has one."""
        if process := self._processes.pop(threading.current_thread(), None):
            process.end()

    def _say_why(self, process: _Process) -> Exception:
        if self._is_cut_off:
            return BusClosed("the bus was closed while a worker process handled this event.")
        code = process.popen.returncode
        how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
        return WorkerKilled(
            f"the worker process was killed while it handled this event ({how}). "
            "How far the handler came is unknown. The next event gets a new process."
        )

    def _work(self) -> None:
        try:
            super()._work()
        finally:
            self._discard()


class _Process:
    """A worker process and the pipes to it."""

    def __init__(self, name: str) -> None:
        self.pipe, theirs = Pipe()
        lifeline, self._lifeline = Pipe(duplex=False)  # its end tells the process of ours
        arguments = (theirs, lifeline, os.getpid())
        process = LokyProcess(target=work, args=arguments, name=name)
        with _interrupts_blocked():
            # Not `start`, which enters it in multiprocessing's list of children: a forked child
            # of this process would end everything on that list when it exits.
            self.popen = process._Popen(process)
        theirs.close()
        lifeline.close()

    def end(self) -> None:
        """End the process, whatever it is doing, and wait for that."""
        self._lifeline.close()
        self.pipe.close()
        self.popen.terminate()
        self.popen.wait(5.0)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Have a process that is started in this block deaf to Ctrl-C until it can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pack(handler: Handler, event: Event | None) -> bytes:
    """Return handler and event as bytes. Raises TypeError, which says what cannot be sent."""
    try:
        return bytes(cloudpickle.dumps((handler, event)))
    except Exception as problem:
        what = f"{name_of(handler)} cannot be sent to a worker process"
        unfit = _unfit(handler)
        if unfit:
            what += f", because it uses {unfit}"
        elif event is not None and not _can_travel(event):
            what = f"event {event.id} ({event.topic!r}) cannot be sent to a worker process"
        raise TypeError(
            f"{what}: {problem}. Give the handler plain data in the event, let it open there what "
            "it needs, and have it return a value (emits=) instead of firing."
        ) from problem


def _unfit(handler: Handler) -> str:
    """Name the variables of a function that cannot be sent."""
    try:
        used = inspect.getclosurevars(handler)
    except TypeError:  # no function
        return ""
    values = {**used.globals, **used.nonlocals}
    unfit = [f"{name} ({type(value).__qualname__})" for name, value in values.items()
             if not _can_travel(value)]  # fmt: skip
    return ", ".join(unfit)


def _can_travel(thing: object) -> bool:
    try:
        cloudpickle.dumps(thing)
    except Exception:
        return False
    return True
