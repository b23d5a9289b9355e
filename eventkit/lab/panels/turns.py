"""Calls that come from any thread and are made on the notebook's event loop, first come first."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary


class _Turns:
    """The calls on one event loop."""

    def __init__(self) -> None:
        self.due: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._home = threading.get_ident()
        self._is_running = False

    def none_is_before(self) -> bool:
        return threading.get_ident() == self._home and (self._is_running or not self.due)

    def run_due(self) -> None:
        """Run all that wait, also one whose caller was interrupted before it could ask for this."""
        while self.due:
            self.run(*self.due.popleft())

    def run(self, act: Callable[[Any], object], what: Any) -> None:
        outer, self._is_running = self._is_running, True
        try:
            act(what)
        finally:
            self._is_running = outer


_turns_on: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


def one_at_a_time(act: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return a callback that calls `act` on the notebook's event loop, from any thread.

    JupyterLab spreads a panel's messages over two threads of the kernel: without this, a click
    could be counted while another thread replaces the counter. Callbacks of one loop are called in
    the order in which they came. Only what a callback itself sets off is part of it, and waits for
    nothing.

    Where no event loop runs, as in a plain script, `act` is called at once.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return act
    turns = _turns_on.setdefault(loop, _Turns())

    def call(what: Any) -> None:
        if loop.is_closed() or turns.none_is_before():
            turns.run(act, what)
        else:
            turns.due.append((act, what))
            loop.call_soon_threadsafe(turns.run_due)

    return call
