"""PartsExplorer: which part gets which event, in which order, and what a bad part does."""

from __future__ import annotations

import html
import time
from time import perf_counter

import ipywidgets as widgets

from ...bus import EventBus
from ...event import Event
from ..panels.panel import Panel, Status, button, row

PARTS = {
    "processor: count": ("button.click", "counter.changed"),
    "listener: show": ("counter.changed", None),
    "listener: log": (">", None),
}
SLOW = 0.5


class PartsExplorer(Panel):
    """A bus with one processor and two listeners. Fire events at it, switch parts off, make them
    slow or make them fail, and read what each part got and how long `fire` took.
    """

    def __init__(self) -> None:
        self.bus = EventBus()
        self.heard: list[str] = []
        self._count = 0
        self._modes = {part: self._mode(part) for part in PARTS}
        self._said = Status(text="Fire an event to see its way.")
        self._steps = widgets.HTML()
        for part, (pattern, emits) in PARTS.items():
            self.bus.subscribe(pattern, self._handler(part), emits=emits)
        super().__init__(
            "Parts explorer",
            *self._modes.values(),
            row(
                button("Fire button.click", lambda: self.fire("button.click"), "a click"),
                button("Fire door.opened", lambda: self.fire("door.opened"), "not counted"),
            ),
            self._said,
            self._steps,
        )

    def fire(self, topic: str) -> str:
        """Fire an event. Return in words which parts heard it, in order, and how long fire took."""
        self.heard.clear()
        letters = len(self.bus.dead_letters)
        began = perf_counter()
        self.bus.fire(topic)
        took = perf_counter() - began
        failed = list(self.bus.dead_letters)[letters:]
        for letter in failed:
            self.heard.append(f"the bus kept a dead letter: {letter.error}")
        self.bus.dead_letters.clear()
        steps = self.heard or ["no part heard it"]
        said = "\n".join([f"fire({topic!r}) returned after {took * 1e3:.1f} ms", *steps])
        lines = "".join(f"<li>{html.escape(step)}</li>" for step in steps)
        self._said.say(said.splitlines()[0])
        self._steps.value = f"<ol class='ek-quiet'>{lines}</ol>"
        return said

    def set(self, part: str, mode: str) -> None:
        """Switch a part to "works", "is slow", "raises" or "is off"."""
        self._modes[part].value = mode

    def text(self) -> str:
        return (
            "[Parts explorer: "
            + "; ".join(f"{part} {mode.value}" for part, mode in self._modes.items())
            + "]"
        )

    def _mode(self, part: str) -> widgets.Dropdown:
        return widgets.Dropdown(
            options=["works", "is slow", "raises", "is off"], description=part,
            style={"description_width": "140px"}, layout=widgets.Layout(width="320px"),
        )  # fmt: skip

    def _handler(self, part: str):  # type: ignore[no-untyped-def]
        def handle(event: Event) -> int | None:
            mode = self._modes[part].value
            if mode == "is off":
                return None
            self.heard.append(f"{part} got {event.topic}")
            if mode == "is slow":
                time.sleep(SLOW)
            if mode == "raises":
                raise RuntimeError(f"{part} is broken")
            if PARTS[part][1] is None:
                return None
            self._count += 1
            return self._count

        handle.__qualname__ = part
        return handle
