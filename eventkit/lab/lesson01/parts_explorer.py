"""PartsExplorer: which part gets which event, in which order, and what a bad part does."""

from __future__ import annotations

import html
import time
from pathlib import Path
from time import perf_counter
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ...subscription import Subscription
from ..panels.panel import Panel, Snapshot, Status, button, on_change, row, script
from ..panels.turns import one_at_a_time
from .path import Hop, path, topics

PARTS = {
    "processor: count": ("button.click", "counter.changed"),
    "listener: show": ("counter.changed", None),
    "listener: log": (">", None),
}
MODES = ("works", "is slow", "raises", "is off")
SLOW = 0.5


class PartsView(anywidget.AnyWidget):
    """The parts as boxes, and the path of the last event. A box is a button that breaks its part,
    or mends it.
    """

    _esm = script(__file__, "canvas.js", "dots.js", "parts.js")
    frame = traitlets.Dict().tag(sync=True)


class PartsExplorer(Panel):
    """A bus with one processor and two listeners. Fire events at it, switch parts off, make them
    slow or make them fail, and see what each part got and how long `fire` took.

    `hops` is the path of the last event, from the bus's own record.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("explorer.png"),
        "A trigger, the bus and three handlers as boxes. Event 1 went to count and log, "
        "and the result of count, event 2, to show and log.",
    )

    def __init__(self) -> None:
        self.bus = EventBus()
        self.heard: list[str] = []
        self.hops: list[Hop] = []
        self._count = self._fires = 0
        self._modes = {part: self._mode(part) for part in PARTS}
        self._subscriptions: dict[str, Subscription] = {}
        self._said = Status(text="Fire an event to see its way.")
        self._steps = widgets.HTML()
        self._view = PartsView()
        toggle = one_at_a_time(self._toggle)
        self._view.on_msg(lambda _, message, __: toggle(message["part"]))
        for part in PARTS:
            self._join(part)
        self._show()
        modes = row(*self._modes.values())
        super().__init__(
            "Parts explorer", self._view, self._triggers(), modes, self._said, self._steps
        )

    def fire(self, topic: str) -> str:
        """Fire an event. Return in words which parts heard it, in order, and how long fire took."""
        with self.bus.record() as timeline:
            began = perf_counter()
            fired = self.bus.fire(topic)
            took = perf_counter() - began
        self.hops = path(fired, timeline)
        self._fires += 1
        got = [f"{hop.part} got {hop.topic}" for hop in self.hops if hop.kind in HEARD]
        letters = [f"the bus kept a dead letter: {one.error}" for one in self.bus.dead_letters]
        self.bus.dead_letters.clear()
        self.heard[:] = got + letters
        return self._say(f"fire({topic!r}) returned after {took * 1e3:.1f} ms")

    def set(self, part: str, mode: str) -> None:
        """Switch a part to "works", "is slow", "raises" or "is off"."""
        self._modes[part].value = mode

    def text(self) -> str:
        modes = "; ".join(f"{part} {mode.value}" for part, mode in self._modes.items())
        return "\n".join([f"[Parts explorer: {modes}]", *(hop.says() for hop in self.hops)])

    def _triggers(self) -> widgets.HBox:
        return row(
            button("Fire button.click", lambda: self.fire("button.click"), "a click"),
            button("Fire door.opened", lambda: self.fire("door.opened"), "not counted"),
        )

    def _say(self, returned: str) -> str:
        steps = self.heard or ["no part heard it"]
        lines = "".join(f"<li>{html.escape(step)}</li>" for step in steps)
        self._said.say(returned)
        self._steps.value = f"<ol class='ek-quiet'>{lines}</ol>"
        self._show()
        return "\n".join([returned, *steps])

    def _show(self) -> None:
        self._view.frame = {
            "fires": self._fires,
            "parts": [
                {"name": part, "hears": pattern, "emits": emits, "mode": self._modes[part].value}
                for part, (pattern, emits) in PARTS.items()
            ],
            "hops": [hop._asdict() for hop in self.hops],
            "topics": [f"{number} {topic}" for number, topic in topics(self.hops).items()],
            "says": " ".join(hop.says() for hop in self.hops),
        }

    def _mode(self, part: str) -> widgets.Dropdown:
        mode = widgets.Dropdown(
            options=MODES, description=part,
            style={"description_width": "120px"}, layout=widgets.Layout(width="240px"),
        )  # fmt: skip
        on_change(mode, lambda _: self._changed(part))
        return mode

    def _toggle(self, part: str) -> None:
        mode = self._modes[part]
        mode.value = "works" if mode.value == "raises" else "raises"

    def _changed(self, part: str) -> None:
        """Let a part that is off leave the bus. It comes back to the place that it had."""
        is_off = self._modes[part].value == "is off"
        if is_off and part in self._subscriptions:
            self._subscriptions.pop(part).cancel()
        elif not is_off and part not in self._subscriptions:
            self._join(part)
        self._show()

    def _join(self, part: str) -> None:
        pattern, emits = PARTS[part]
        place = list(PARTS).index(part)
        self._subscriptions[part] = self.bus.subscribe(
            pattern, self._handler(part), emits=emits, priority=-place
        )

    def _handler(self, part: str) -> Any:
        def handle(event: Event) -> int | None:
            mode = self._modes[part].value
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


HEARD = ("handled", "failed")
