"""Dashboard: your system at work. Send visitors, hold up the printers, forge, restart."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Status, button, row
from .grader.trial import Printer, outcome

Build = Callable[[str, Callable[[int], None], int], Any]
ASK = "dashboard.do"


class Dashboard(Panel):
    """A system that `build(path, work, target)` makes, with its doors, printers and screen.

    A button does the same as `do(what)`: it fires `dashboard.do` on `bus`, the panel's own. One
    worker handles these events, and only it uses the system, so that a blocked door does not block
    the page. `doors` counts how reports ended: "in", or the name of the exception.
    """

    def __init__(self, build: Build, target: int = 10, seconds: float = 0.3):
        self.bus = EventBus()
        self.doors: Counter[str] = Counter()
        self.count = 0
        self.failed = 0
        self.notices = 0
        self.denied = 0
        self._build, self._target, self._seconds = build, target, seconds
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._next = 0
        self._accepted: int | None = None  # the last visitor who came in
        self._system: Any = None
        self._printer = Printer()
        self._status = Status(text="Ready. Nobody has come yet.")
        self._table = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
        self._table.add_class("jp-RenderedHTMLCommon")
        self._painter = Painter(self._paint)
        self._done = {
            "one": lambda: self._arrive(1),
            "rush": lambda: self._arrive(30),
            "again": self._again,
            "stick": self._stick,
            "release": self._release,
            "forge": self._forge,
            "restart": self._restart,
        }
        self.bus.subscribe(ASK, self._handle, executor=Threads(1, name="dashboard"))
        self._buttons = [
            button(label, partial(self._clicked, what), tooltip)
            for what, label, tooltip in _BUTTONS
        ]
        super().__init__("Dashboard: your system", row(*self._buttons), self._status, self._table)

    def do(self, what: str) -> None:
        """Do what a button does: one, rush, again, stick, release, forge or restart.

        Raises ValueError for anything else.
        """
        if what not in self._done:
            raise ValueError(f"what can happen is {', '.join(self._done)}; got {what!r}.")
        self.bus.fire(ASK, what)

    def end(self) -> None:
        """Close the system and the panel's bus, and remove its log. Can be called twice."""
        self._printer.release()
        self.bus.close()
        if self._system is not None:
            self._system.close()
            self._system = None
        self._folder.cleanup()
        self._status.text = "Ended. Run the cell again for a new one."
        for one in self._buttons:
            one.disabled = True

    def text(self) -> str:
        return f"[{self.title}]\n{self._status.text}\n{self._facts()!r}"

    def _clicked(self, what: str) -> None:
        self.do(what)
        self._painter.catch_up()

    def _handle(self, event: Event) -> None:
        self._status.text = self._done[event.data]()
        self._painter.changed()

    # What can happen

    def _arrive(self, number: int) -> str:
        came = Counter(self._report(self._next + place) for place in range(1, number + 1))
        self._next += number
        self.doors += came
        return f"{number} came. At the doors: {_listed(came)}."

    def _again(self) -> str:
        if self._accepted is None:
            return "No visitor has been accepted yet, so there is none to report again."
        return f"The last accepted visitor was reported again: {self._report(self._accepted)}."

    def _stick(self) -> str:
        self._running()
        self._printer.hold(range(10**6))
        return "The printers stick: visitors who reach one stay there."

    def _release(self) -> str:
        self._printer.release()
        return "The printers go on."

    def _forge(self) -> str:
        bus = self._running().bus
        came = outcome(lambda: bus.as_("mallory").fire("door.north", {"visitor": -1}))
        return f"Mallory reports a visitor at the north door: {came}."

    def _restart(self) -> str:
        self._release()
        self._running().close()
        self._system = None
        self._running()
        return "Closed, and rebuilt on the same log."

    def _report(self, visitor: int) -> str:
        door, bus = ("north", "south")[visitor % 2], self._running().bus
        came = outcome(lambda: bus.as_(door).fire(f"door.{door}", {"visitor": visitor}))
        if came == "in":
            self._accepted = visitor
        return came

    # The system

    def _running(self) -> Any:
        """Return the system, built and started when first needed."""
        if self._system is None:
            self._printer = Printer(self._seconds)
            path = os.path.join(self._folder.name, "museum.db")
            system = self._build(path, self._printer, self._target)
            bus: EventBus = system.bus
            bus.subscribe("count.changed", self._counted)
            bus.subscribe("visitor.failed", lambda event: self._add("failed"))
            bus.subscribe("notice.full", lambda event: self._add("notices"))
            bus.subscribe("audit.denied", lambda event: self._add("denied"))
            system.start()
            self._system = system
        return self._system

    def _counted(self, event: Event) -> None:
        self.count = event.data["count"]
        self._painter.changed()

    def _add(self, name: str) -> None:
        with _adding:
            setattr(self, name, getattr(self, name) + 1)
        self._painter.changed()

    # What is shown

    def _paint(self) -> None:
        self._table.value = self._facts().html

    def _facts(self) -> Table:
        return Table(
            ["what", "how many"],
            [
                ["came in", self.doors["in"]],
                ["refused: QueueFull", self.doors["QueueFull"]],
                ["at the printers, at most", self._printer.most],
                ["count on the screen", self.count],
                ["given up", self.failed],
                [f"notice that {self._target} is reached", self.notices],
                ["denied", self.denied],
            ],
        )


_adding = threading.Lock()
_BUTTONS = [
    ("one", "One visitor", "a visitor comes in"),
    ("rush", "Rush ×30", "thirty visitors come at once"),
    ("again", "Again", "the last accepted visitor is reported once more"),
    ("stick", "Printers stick", "visitors who reach a printer stay there"),
    ("release", "Printers go on", "free the visitors who are stuck"),
    ("forge", "Forge", "an unknown sender reports a visitor"),
    ("restart", "Restart", "close the system and rebuild it on the same log"),
]


def _listed(came: Counter[str]) -> str:
    return ", ".join(f"{number} × {how}" for how, number in came.items())
