"""Hub: an engine on one thread that sleeps until some socket is ready; one of them is its bell."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from contextvars import Context

from .queue import JobQueue


class Hub:
    """The common part of the engines behind Selector and Greenlets. The thread starts with the
    first ring, does `_run`, and ends when `_stopping` is set or it may leave; `_ear` is readable
    once the bell has been rung.
    """

    def __init__(self, queue: JobQueue, name: str) -> None:
        self._queue = queue
        self._name = name
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._has_begun = False
        self._starting = threading.RLock()
        self._open()
        queue.bell = self._ring

    def is_here(self) -> bool:
        return threading.current_thread() is self._thread

    def rest(self) -> None:
        if self._thread is not None:
            self._send()

    def stop(self, timeout: float = 0.0) -> None:
        with self._starting:
            if self._stopping:
                return
            self._stopping = True
            thread = self._thread
        if thread is None:
            self._end()
            return
        self._send()
        if thread is not threading.current_thread():
            thread.join(timeout)

    def _ring(self) -> None:
        if self._thread is None:
            with self._starting:
                self._start()
        self._send()

    def _start(self) -> None:
        if self._thread is None and not self._stopping:
            if self._process != os.getpid():  # this is a child: the parent listens to that bell
                self._open()
            thread = threading.Thread(target=self._run_alone, name=self._name, daemon=True)
            thread.start()
            self._thread = thread

    def _open(self) -> None:
        self._process = os.getpid()
        self._bell, self._ear = socket.socketpair()  # a byte through here ends the sleep
        self._bell.setblocking(False)
        self._ear.setblocking(False)

    def _send(self) -> None:
        with suppress(OSError):  # full: it has been rung already; closed: no thread is asleep
            self._bell.send(b"!")

    def _run_alone(self) -> None:
        """Run, unless another thread does: an interrupt can have two threads started."""
        with self._starting:
            if self._has_begun:
                return
            self._has_begun = True
            self._thread = threading.current_thread()
        Context().run(self._run)

    def _may_leave(self) -> bool:
        """Return True if this thread has nothing to do and the queue is at rest. Another has taken
        its place then, or the next ring starts one: touch nothing more.
        """
        if not self._queue.resting or not self._queue.is_idle:
            return False
        self._queue.answer_bell()
        with self._starting:
            if self._stopping:
                return False
            self._thread = None
            self._has_begun = False
        self._queue.pass_on()
        return True

    def _answer(self) -> None:
        """Awake: what is put from now on rings again."""
        self._ear.recv(4096)
        self._queue.answer_bell()

    def _run(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        self._bell.close()
        self._ear.close()
