"""The flood: a number that changes 10,000 times, drawn naively and coalesced, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, button, quiet, row

CHANGES = 10_000
AGAIN = (2.0, 4.0, 8.0)  # seconds


class Flood(Panel):
    """Two columns: a button, the number that it changes 10,000 times, and the messages sent."""

    snapshot = Snapshot(
        Path(__file__).with_name("flood.png"),
        "Two columns: 10,000 updates drawn naively, and coalesced, each with its number "
        "and the messages sent.",
    )

    def __init__(self) -> None:
        self.naive = Column("Flood naive", "draw every change", self._flood_naive)
        self.coalesced = Column("Flood coalesced", "draw the newest", self._flood_coalesced)
        self._painter = Painter(self.coalesced.draw)
        super().__init__(f"Flood: {CHANGES:,} updates", row(self.naive, self.coalesced))

    def text(self) -> str:
        told = (f"{one.name}: {one.sent:,} messages" for one in (self.naive, self.coalesced))
        return f"[{self.title}. {', '.join(told)}]"

    def _flood_naive(self) -> None:
        for _ in range(CHANGES):
            self.naive.changes += 1
            self.naive.draw()

    def _flood_coalesced(self) -> None:
        for _ in range(CHANGES):
            self.coalesced.changes += 1
            self._painter.changed()


class Column(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A button, a number, and how many messages the number has sent to the page."""

    def __init__(self, name: str, what: str, flood: Callable[[], None]):
        self.name = name
        self.changes = self.sent = 0
        self._flood = flood
        self._number = widgets.HTML(_large(0))
        self._number.observe(self._count, "value")
        self._told = widgets.HTML()
        self._tell()
        start = button(name, self._start, f"{CHANGES:,} changes: {what}")
        super().__init__([start, self._number, self._told], layout=widgets.Layout(width="320px"))

    def draw(self) -> None:
        """Show the number of changes so far."""
        self._number.value = _large(self.changes)
        if self.changes % CHANGES == 0:
            self._tell()

    def _start(self) -> None:
        self._told.value = quiet(f"changing {CHANGES:,} times …")
        self._flood()
        with suppress(RuntimeError):  # no loop in a script
            loop = asyncio.get_running_loop()
            for seconds in AGAIN:  # the flood may have taken this message with it
                loop.call_later(seconds, self._told.send_state, "value")

    def _count(self, _: Any) -> None:
        self.sent += 1

    def _tell(self) -> None:
        messages = "message" if self.sent == 1 else "messages"
        self._told.value = quiet(f"{self.sent:,} {messages} sent for {self.changes:,} changes")


def _large(number: int) -> str:
    return f"<div class='ek-number'>{number:,}</div>"
