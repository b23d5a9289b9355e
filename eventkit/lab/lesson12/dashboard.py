"""Dashboard: your system at work. Send visitors, hold up the printers, forge, restart, kill."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..panels.painter import Painter
from ..panels.panel import (
    LISTENER,
    NON_BLOCKING,
    WAITING,
    Panel,
    Snapshot,
    Status,
    button,
    row,
    script,
)
from .floor import DOORS, Floor
from .museum import Build, Museum

ASK = "dashboard.do"
Report = tuple[str, str, int]
"""Who reports, at which door, which visitor."""


class FloorView(anywidget.AnyWidget):
    """A canvas with the doors, the places, the printers and the screen."""

    _esm = script(__file__, "canvas.js", "dots.js", "floor.js")
    frame = traitlets.Dict().tag(sync=True)


class Dashboard(Panel):
    """A system that `build(path, work, target)` makes, with its doors, printers and screen.

    The system runs in a process of its own, which is started when it is first needed. `floor` has
    what it was seen to do.

    A button does the same as `do(what)`: it fires `dashboard.do` on `bus`, the panel's own. One
    worker handles these events, so that a blocked door does not block the page.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("dashboard.png"),
        "Doors, 20 places, 4 printers and a screen. Of 30 visitors 24 were counted and 6 refused.",
    )

    patience = 5.0  # seconds without an answer from a door, until it counts as blocked

    def __init__(self, build: Build, target: int = 10, seconds: float = 0.3):
        self.bus = EventBus()
        self.floor = Floor(target)
        self._museum = Museum(build, target, seconds, self._hear)
        self._next = 0
        self._accepted: int | None = None  # the last visitor who came in
        self._answers: dict[Report, str] = {}
        self._news = threading.Condition()
        self._figure = widgets.HTML()
        self._status = Status(text="Ready. Nobody has come yet.")
        self._view = FloorView()
        self._table = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
        self._table.add_class("jp-RenderedHTMLCommon")
        self._painter = Painter(self._paint)
        self.bus.subscribe(ASK, self._handle, executor=Threads(1, name="dashboard"))
        self._buttons = [
            button(label, partial(self._clicked, what), tooltip)
            for what, label, tooltip in _BUTTONS
        ]
        super().__init__(
            "Dashboard: your system", row(*self._buttons), self._status, self._figure, self._view,
            self._table,
        )  # fmt: skip
        self._paint()

    @property
    def pid(self) -> int | None:
        """The id of the system's process, or None if there is none."""
        return self._museum.pid

    @property
    def log_path(self) -> str:
        """The path that `build` is given; the file goes with `end()`."""
        return self._museum.log_path

    def do(self, what: str) -> None:
        """Do what a button does: one, rush, again, stick, release, forge, jam, restart or kill.

        Raises ValueError for anything else.
        """
        known = [one for one, *_ in _BUTTONS]
        if what not in known:
            raise ValueError(f"what can happen is {', '.join(known)}; got {what!r}.")
        self.bus.fire(ASK, what)

    def end(self) -> None:
        """Close the system and the panel's bus, and remove its log. Can be called twice."""
        self._museum.send("release")
        self.bus.close()
        try:
            self._museum.close()
            self._status.say("Ended. Run the cell again for a new one.")
        except (RuntimeError, TimeoutError) as problem:
            self._status.say(_last_line(problem), good=False)
        self._museum.remove()
        self._painter.changed()
        for one in self._buttons:
            one.disabled = True

    def text(self) -> str:
        return (
            f"[{self.title}]\n{self._status.text}\n{self.floor.in_words()}\n{self.floor.table()!r}"
        )

    def _clicked(self, what: str) -> None:
        self.do(what)
        self._painter.catch_up()

    def _handle(self, event: Event) -> None:
        try:
            self._status.say(getattr(self, f"_do_{event.data}")())
        except (RuntimeError, TimeoutError) as problem:
            self._lose_process()
            self._status.say(f"The system has ended: {_last_line(problem)}", good=False)
        self._painter.changed()

    # What can happen

    def _do_one(self) -> str:
        return self._arrive(1)

    def _do_rush(self) -> str:
        return self._arrive(30)

    def _do_again(self) -> str:
        if self._accepted is None:
            return "No visitor has been accepted yet, so there is none to report again."
        (came,) = self._report(_at_door(self._accepted))
        return f"Visitor {self._accepted}, the last who was accepted, was reported again: {came}."

    def _do_stick(self) -> str:
        self._start()
        self._museum.send("stick")
        return "The printers stick: visitors who reach one stay there."

    def _do_release(self) -> str:
        self._museum.send("release")
        return "The printers go on."

    def _do_forge(self) -> str:
        (came,) = self._report(("mallory", "north", -1))
        return f"Mallory reports a visitor at the north door: {came}."

    def _do_jam(self) -> str:
        self._start()
        self._museum.send("jam", self._next + 1)
        return f"{self._arrive(1)} No ticket can be printed for visitor {self._next}."

    def _do_restart(self) -> str:
        self._start()
        self._museum.close()
        self._lose_process()
        self._start()
        return "Closed, and built again on the same log, in a new process."

    def _do_kill(self) -> str:
        self._start()
        old = self.pid
        self._lose_process()
        left = self.floor.unfinished
        self._start(f"Process {old} was killed. A new one is being started on its log …")
        return (
            f"Process {old} was killed with kill -9. Process {self.pid} was built on the "
            f"log that it left. Accepted before and not counted yet: {left}."
        )

    # Reports at the doors

    def _arrive(self, number: int) -> str:
        visitors = range(self._next + 1, self._next + number + 1)
        self._next += number
        with self._news:
            for visitor in visitors:
                self.floor.come(visitor)
        came = self._report(*(_at_door(visitor) for visitor in visitors))
        inside = [one for one, how in zip(visitors, came, strict=True) if how == "in"]
        self._accepted = inside[-1] if inside else self._accepted
        return f"{number} came. At the doors: {_listed(came)}."

    def _report(self, *reports: Report) -> Sequence[str]:
        """Return how each report ended, or that there was no answer."""
        self._start()
        with self._news:
            for report in reports:
                self._answers.pop(report, None)
        for report in reports:
            self._museum.send("come", *report)
        with self._news:
            while not all(report in self._answers for report in reports):
                if not self._news.wait(self.patience):
                    break
            return [self._answers.get(report, "no answer") for report in reports]

    # The system's process

    def _start(self, news: str = "The system is being built, in a process of its own …") -> None:
        if self.pid is None:
            self._status.say(news)
            self._museum.start()
            self._painter.changed()

    def _lose_process(self) -> None:
        self._museum.kill()
        with self._news:
            self.floor.lost_process()
        self._painter.changed()

    def _hear(self, what: str, *told: Any) -> None:
        with self._news:
            self.floor.hear(what, *told)
            if what == "door":
                who, door, visitor, came = told
                self._answers[who, door, visitor] = came
            self._news.notify_all()
        self._painter.changed()

    # What is shown

    def _paint(self) -> None:
        with self._news:
            words, frame, table = self.floor.in_words(), self.floor.frame(), self.floor.table()
        process = self.pid
        left = "no process: only the log is left" if self._next else "not started yet"
        frame["process"] = f"process {process}" if process else left
        self._view.frame = frame | _COLOURS | {"running": bool(process), "says": words}
        self._figure.value = _figure(self.floor)
        self._table.value = table.html


_COLOURS = {"waiting": WAITING, "work": NON_BLOCKING, "done": LISTENER, "lost": "#D55E00"}
_BUTTONS = [
    ("one", "One visitor", "a visitor comes in"),
    ("rush", "Rush ×30", "thirty visitors come at once"),
    ("again", "Again", "the last accepted visitor is reported once more"),
    ("stick", "Printers stick", "visitors who reach a printer stay there"),
    ("release", "Printers go on", "free the visitors who are stuck"),
    ("forge", "Forge", "an unknown sender reports a visitor"),
    ("jam", "Jam", "a visitor comes for whom no ticket can be printed"),
    ("restart", "Restart", "close the system and build it again on the same log"),
    ("kill", "Kill", "end the system's process with kill -9 and build it again on its log"),
]


def _at_door(visitor: int) -> Report:
    door = DOORS[visitor % 2]
    return door, door, visitor


def _listed(came: Sequence[str]) -> str:
    return ", ".join(f"{number} × {how}" for how, number in Counter(came).items())


def _last_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[-1]


def _figure(floor: Floor) -> str:
    """Return the count in large figures, with a bar up to the target."""
    told = {0: "not announced yet", 1: "announced once"}.get(
        floor.notices, f"announced {floor.notices} times"
    )
    share = min(1.0, floor.count / floor.target)
    return (
        f"<div class='ek-figures'><div><div class='ek-number'>{floor.count}</div></div>"
        f"<div class='ek-quiet'>counted; the target of {floor.target} was {told}"
        f"<div class='ek-bar{' ek-full' * (share >= 1)}'>"
        f"<div style='width: {share:.0%}'></div></div></div></div>"
    )
