"""Hub: an engine on one thread that sleeps until a socket is ready or a wake-up comes."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from contextvars import Context

from .queue import JobQueue


class Hub:
    """The common part of the engines of Selector and Greenlets.

    The first wake-up starts a thread that calls `_run`, which a subclass provides. It returns
    when `_stopping` is set or `_can_stop` returns True. `_wake_receiver` becomes readable with a
    wake-up.
    """

    def __init__(self, queue: JobQueue, name: str) -> None:
        self._queue = queue
        self._name = name
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._has_started = False
        self._starting = threading.RLock()
        self._open()
        queue.wake_engine = self._wake

    def is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def rest(self) -> None:
        if self._thread is not None:
            self._send_wake()

    def stop(self, timeout: float = 0.0) -> None:
        with self._starting:
            if self._stopping:
                return
            self._stopping = True
            thread = self._thread
        if thread is None:
            self._close()
            return
        self._send_wake()
        if thread is not threading.current_thread():
            thread.join(timeout)

    def _wake(self) -> None:
        if self._thread is None:
            with self._starting:
                self._start()
        self._send_wake()

    def _start(self) -> None:
        if self._thread is None and not self._stopping:
            if self._process != os.getpid():  # in a forked child: the parent has these sockets
                self._open()
            thread = threading.Thread(target=self._run_once, name=self._name, daemon=True)
            thread.start()
            self._thread = thread

    def _open(self) -> None:
        self._process = os.getpid()
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._wake_receiver.setblocking(False)

    def _send_wake(self) -> None:
        with suppress(OSError):  # full: a wake-up is pending; closed: no thread is asleep
            self._wake_sender.send(b"!")

    def _run_once(self) -> None:
        """Call `_run`, unless another thread does. An interrupt can lead to two threads."""
        with self._starting:
            if self._has_started:
                return
            self._has_started = True
            self._thread = threading.current_thread()
        Context().run(self._run)

    def _can_stop(self) -> bool:
        """Return True if the thread must end, because it is idle and no longer needed.

        It must change nothing after that: another thread may have replaced it already.
        """
        if not self._queue.stop_when_idle or not self._queue.is_idle:
            return False
        self._queue.rearm_wake()
        with self._starting:
            if self._stopping:
                return False
            self._thread = None
            self._has_started = False
        self._queue.wake_if_waiting()
        return True

    def _receive_wake(self) -> None:
        """Discard the pending wake-ups and re-arm the next one."""
        self._wake_receiver.recv(4096)
        self._queue.rearm_wake()

    def _run(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        self._wake_sender.close()
        self._wake_receiver.close()
