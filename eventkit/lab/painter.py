"""Painter: however fast the events come, the screen is painted a few times a second."""

from __future__ import annotations

import asyncio
import contextlib
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
        self._pending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def changed(self) -> None:
        """Something that the screen shows has changed."""
        if self._pending or self._loop is None or self._loop.is_closed():
            return
        self._pending = True
        self._loop.call_soon_threadsafe(self._schedule)

    def paint_now(self) -> None:
        """Paint at once, in the calling thread."""
        self._pending = False  # first, so that a change from now on is painted again
        self._paint()

    def _schedule(self) -> None:
        assert self._loop is not None
        wait = self._last + self._interval - self._loop.time()
        if wait <= 0:
            self._paint_on_loop()
        else:
            self._loop.call_later(wait, self._paint_on_loop)

    def _paint_on_loop(self) -> None:
        assert self._loop is not None
        self._last = self._loop.time()
        self.paint_now()
