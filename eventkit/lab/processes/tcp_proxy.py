"""Cable: a TCP proxy between clients and a server on this machine, to cut and mend."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_HOST = "127.0.0.1"


class Cable:
    """Accepts connections at `address` and passes data on, both ways, to `there`.

    `cut()` ends all connections, and every new one as soon as it is made, until `mend()`.
    `freeze()` leaves them open but passes nothing on until `mend()`, and neither end notices.
    `freeze_answers()` freezes only what comes back from `there`. When one end closes, so does the
    other.
    """

    def __init__(self, there: str) -> None:
        host, _, port = there.rpartition(":")
        self._there = host, int(port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._goes, self._comes = threading.Event(), threading.Event()
        self._let_flow()
        self._is_cut = False
        self._listening = socket.create_server((_HOST, 0))
        self.address = f"{_HOST}:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, name="cable", daemon=True).start()

    def cut(self) -> None:
        """End all connections, and new ones as soon as they are made."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._let_flow()

    def freeze(self) -> None:
        """Pass nothing on, but leave connections open."""
        self._goes.clear()
        self._comes.clear()

    def freeze_answers(self) -> None:
        """Pass on what goes there, but nothing that comes back."""
        self._comes.clear()

    def mend(self) -> None:
        """Pass everything on again, on new connections as well."""
        self._is_cut = False
        self._let_flow()

    def close(self) -> None:
        """Cut it for good. Can be called twice."""
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if not self._is_cut:
                self._join_to_there(near)

    def _join_to_there(self, near: socket.socket) -> None:
        with socket.create_connection(self._there) as far:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {near, far}
            back = threading.Thread(
                target=self._pass_on, args=(far, near, self._comes), daemon=True
            )
            back.start()
            self._pass_on(near, far, self._goes)
            back.join()
            with self._lock:
                self._open -= {near, far}

    def _let_flow(self) -> None:
        self._goes.set()
        self._comes.set()

    def _pass_on(self, origin: socket.socket, to: socket.socket, flows: threading.Event) -> None:
        with suppress(OSError):
            while some := origin.recv(65_536):
                flows.wait()
                to.sendall(some)
        flows.wait()  # that one end has closed is something to pass on, too
        for end in (origin, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
