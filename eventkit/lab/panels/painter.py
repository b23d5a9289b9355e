"""Painter: however fast the events come, the screen is painted a few times a second."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


class Painter:
    """Calls `paint()` on the notebook's event loop, at most `rate` times a second.

    `changed()` may be called from any thread, any number of times. Calls in between are merged:
    the next `paint` shows the newest state, and the last change is always painted. Where no loop
    runs (in a plain script) nothing is painted until `paint_now()`.
    """

    def __init__(self, paint: Callable[[], None], rate: float = 25.0):
        self._paint = paint
        self._interval = 1 / rate
        self._last = float("-inf")
        self._pending = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def changed(self) -> None:
        """Ask for a repaint, because something on the screen has changed."""
        if self._pending.is_set() or self._loop is None or self._loop.is_closed():
            return
        self._pending.set()
        self._loop.call_soon_threadsafe(self._schedule)

    def catch_up(self, patience: float = 0.002) -> None:
        """Paint a change made by now, or within `patience` seconds, before returning. If the last
        painting is too recent for `rate`, it is painted later.

        For the end of a button's callback: JupyterLab shows what reaches it before the kernel
        reports idle about 5 ms sooner than what comes after.
        """
        if self._loop is not None and self._pending.wait(patience) and self._wait() <= 0:
            self._paint_on_loop()

    def paint_now(self) -> None:
        """Paint at once, in the calling thread."""
        self._pending.clear()  # before painting, so that a later change is painted again
        self._paint()

    def _schedule(self) -> None:
        assert self._loop is not None
        wait = self._wait()
        if wait <= 0:
            self._paint_on_loop()
        else:
            self._loop.call_later(wait, self._paint_on_loop)

    def _wait(self) -> float:
        """Return the seconds until it is time to paint again."""
        assert self._loop is not None
        return self._last + self._interval - self._loop.time()

    def _paint_on_loop(self) -> None:
        assert self._loop is not None
        if not self._pending.is_set():
            return  # catch_up has painted already
        self._last = self._loop.time()
        self.paint_now()
