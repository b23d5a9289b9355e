"""The event filter bench: drag events along a line, and see what each filter lets out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ..panels.panel import LISTENER, WAITING, Panel, Snapshot, button, row, script
from ..panels.turns import one_at_a_time
from . import marbles
from .marbles import EXAMPLE, OPERATORS, ROOM, Marbles


class MarbleView(anywidget.AnyWidget):
    """The input line and a line for each filter. It draws `frame`, and sends what the user does."""

    _esm = script(
        __file__, "canvas.js", "dots.js", "marble_stage.js", "outbox.js", "line_label.js",
        "filter_bench.js",
    )  # fmt: skip
    _css = Path(__file__).with_name("filter_bench.css")
    frame = traitlets.Dict().tag(sync=True)


class FilterBench(Panel):
    """Events on an input line, which can be dragged, added and removed, and what five filters let
    out. The filters are the real ones, on a clock that is moved by hand, so the answer is exact.

    `marbles` are the events and settings now. From other cells, call `add`, `move`, `remove`,
    `change` and `undo`. The page sends the same as messages, several at a time while it drags.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("filter_bench.png"),
        "Numbered events on a line. Below, what coalesce, debounce, throttle, batch and "
        "token bucket let through, and when.",
    )

    def __init__(self) -> None:
        self.bus = EventBus()
        self.marbles = Marbles.at(EXAMPLE)
        self._before: list[Marbles] = []
        self._gesture: object = None
        self._seed = 0
        self._version = 0
        self._answered: dict[str, int] = {}  # the last message of each page
        self._view = MarbleView()
        self.bus.subscribe("bench.edited", self._edit)
        act = one_at_a_time(lambda message: self.bus.fire("bench.edited", message))
        self._view.on_msg(lambda _, message, __: act(message))
        super().__init__(
            "Event filter bench: drag an event, and every filter answers", self._row(), self._view
        )
        self._show()

    def _row(self) -> widgets.HBox:
        return row(
            button("Add event", self.add, "one more event, where there is most room"),
            button("Burst", self.burst, "five more in quick succession"),
            button("Random", self.random, "twelve events at random times"),
            button("Undo", self.undo, "take the last change back"),
            button("Reset", self.reset, "the events and settings of the beginning"),
        )

    def text(self) -> str:
        answers = self.marbles.answers()
        lines = [f"{one.name}: {one.says}" for one in answers]
        name = self.title.partition(":")[0]
        return "\n".join([f"[{name}] {marbles.headline(self.marbles, answers)}", *lines])

    def add(self, time: int | None = None) -> None:
        """Add an event at a time in ms, or where there is most room."""
        self._become(self.marbles.added(self.marbles.widest_gap() if time is None else time))

    def move(self, number: int, time: int, gesture: object = None) -> None:
        """Move an event to a time in ms. Moves of one gesture are undone together."""
        self._become(self.marbles.moved(number, time), gesture)

    def remove(self, number: int) -> None:
        """Remove an event."""
        self._become(self.marbles.removed(number))

    def change(self, name: str, field: int, value: float) -> None:
        """Change a filter's setting: its first number (field 0), or its second."""
        self._become(self.marbles.changed(name, field, value), (name, field))

    def burst(self) -> None:
        """Add five events in quick succession."""
        self._become(marbles.burst(self.marbles))

    def random(self) -> None:
        """Have twelve events at random times. The first are always the same, and so on."""
        self._seed += 1
        self._become(marbles.at_random(self.marbles, self._seed))

    def reset(self) -> None:
        """Have the events and settings of the beginning. The next random events are the first."""
        self._seed = 0
        self._become(Marbles.at(EXAMPLE))

    def undo(self) -> None:
        """Take the last change back, if there is one."""
        if self._before:
            self.marbles = self._before.pop()
        self._gesture = None
        self._show()

    def _become(self, changed: Marbles, gesture: object = None) -> None:
        if changed != self.marbles:
            if gesture is None or gesture != self._gesture:
                self._before.append(self.marbles)
            self.marbles, self._gesture = changed, gesture
        self._show()

    def _edit(self, event: Event) -> None:
        """Do what the page asks for. The answer is shown once, after the last edit."""
        actions: dict[str, Callable[..., None]] = {
            "add": self.add, "move": self.move, "remove": self.remove, "change": self.change,
        }  # fmt: skip
        self._answered[event.data["from"]] = event.data["number"]
        with self._view.hold_sync():
            for name, *arguments in event.data["edits"]:
                actions[name](*arguments)

    def _show(self) -> None:
        """Send what the view draws. The version makes each frame an answer, changed or not."""
        self._version += 1
        answer = {"version": self._version, "answered": dict(self._answered)}
        self._view.frame = frame_of(self.marbles) | answer


def frame_of(shown: Marbles) -> dict[str, Any]:
    """Return what the view draws."""
    answers = shown.answers()
    return {
        "events": sorted(shown.events.items()),
        "lines": [
            {
                "name": one.name,
                "out": [list(out) for out in one.out],
                "dropped": one.dropped,
                "says": one.says,
                "keeps": one.name == "Batch",
                "fields": [
                    [*field[:-1], value]
                    for field, value in zip(
                        OPERATORS[one.name].fields, shown.settings[one.name], strict=True
                    )
                ],
            }
            for one in answers
        ],
        "says": marbles.headline(shown, answers),
        "stories": {str(n): marbles.story(shown, answers, n) for n in shown.events},
        "end": marbles.END,
        "step": marbles.STEP,
        "span": marbles.END + 1000,
        "full": len(shown.events) >= ROOM,
        "looks": {"out": {"colour": LISTENER}, "waiting": {"colour": WAITING}},
    }
