"""Handlers that worker processes have called back in the test's process.

The contract's handlers note what they get in lists and sets of the test. A process has only copies
of these, so it calls the test's handler here, and passes on what that returns or raises.
"""

from __future__ import annotations

import functools
import threading
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

import eventkit as ek
from eventkit.handlers import Handler, name_of

_KEY = b"eventkit"


class CalledBack:
    """A handler that can be sent to a process, and calls the test's own."""

    def __init__(self, address: Any, number: int, name: str) -> None:
        self._address = address
        self._number = number
        self.__qualname__ = name

    def __call__(self, event: ek.Event) -> Any:
        connection = _connect(self._address)
        connection.send((self._number, event))
        returned, error = connection.recv()
        if error is not None:
            raise error
        return returned


@functools.cache
def _connect(address: Any) -> Connection[Any, Any]:
    return Client(address, authkey=_KEY)


class Home(ek.EventBus):
    """A bus whose handlers on Processes are called back here."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers: list[Handler] = []
        self._listener: Listener | None = None

    def subscribe(self, pattern: str, handler: Any, **options: Any) -> Any:
        if isinstance(options.get("executor"), ek.Processes):
            handler = self._called_back(handler)
        return super().subscribe(pattern, handler, **options)

    def hang_up(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def _called_back(self, handler: Handler) -> CalledBack:
        if self._listener is None:
            self._listener = Listener(authkey=_KEY)
            _in_thread(_accept, self._listener, self._handlers)
        self._handlers.append(handler)
        return CalledBack(self._listener.address, len(self._handlers) - 1, name_of(handler))


def _accept(listener: Listener, handlers: list[Handler]) -> None:
    """Not a method, for it must not keep a bus that is forgotten."""
    while True:
        _in_thread(_answer, listener.accept(), handlers)


def _answer(connection: Connection[Any, Any], handlers: list[Handler]) -> None:
    while True:
        number, event = connection.recv()
        try:
            connection.send((handlers[number](event), None))
        except BaseException as error:
            connection.send((None, error))


def _in_thread(serve: Any, end: Any, handlers: list[Handler]) -> None:
    """Serve one end until the other is closed."""

    def run() -> None:
        with suppress(OSError, EOFError):
            serve(end, handlers)
        end.close()

    threading.Thread(target=run, name="called back", daemon=True).start()
