"""TimeSlider: buttons that append to a log, and a slider through its whole history."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import msgspec

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ...log import Entry, EventLog, open_log
from ...triggers import Timer
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, Status, button, number_with_slider, on_change, row
from ..panels.turns import one_at_a_time
from .history import CLICKED, PATTERN, RESET, THRESHOLD, History, Rebuilt
from .history_view import HistoryView

FIELD = "field"  # it asks for a place as the pages do


@dataclass(frozen=True)
class Position:
    """A place in time: the state there, and the newest event's sequence.

    It is replaced and never changed.
    """

    there: Rebuilt
    last: int
    playing: bool = False
    said: str = ""
    answered: Mapping[str, int] = field(default_factory=dict)  # the last message of each page

    @property
    def sequence(self) -> int:
        return self.there.moment.sequence

    @property
    def is_newest(self) -> bool:
        return self.sequence == self.last


class TimeSlider(Panel):
    """A counter whose every click is kept in a log. Its state after any event is rebuilt from the
    newest snapshot before it.

    Without a log, the panel makes one in a folder that is removed at `end()`, or with the kernel.
    The buttons fire events on `bus`, and so can you: `counter.clicked` with {"button": "+1",
    "count": 1} and `counter.reset` are stored; `travel.to` with a sequence, `travel.play` and
    `travel.stop` move through time. One worker handles them, and it alone writes `position`.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("time_slider.png"),
        "The count as a line with an event at each step, a cursor on the line, and the "
        "count at that time in a large figure.",
    )

    def __init__(self, log: EventLog | None = None) -> None:
        self.bus = EventBus()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.event_log = log if log is not None else self._own_log()
        self._history = History(self.event_log)
        self._history.grow()
        self._answered: dict[str, int] = {}
        self._asked_by_field = 0
        self.position = self._to(self._history.last)
        self._timer: Timer | None = None
        self._make_widgets()
        self._painter = Painter(self._paint)
        self._connect()
        super().__init__("Time slider: the counter, now and then", *self._rows())
        self._paint()

    def text(self) -> str:
        at = self.position
        lines = [f"[{self.title}]", at.said]
        if at.there.entry is not None:
            lines.append(_told(at.there.entry))
        if at.there.moment.presses:
            lines.append(repr(self._presses()))
        return "\n".join(lines)

    def click(self, name: str, times: int = 1) -> None:
        """Fire this many clicks of the button with this name."""
        for _ in range(times):
            self.bus.fire(CLICKED, {"button": name, "count": 1})

    def reset(self) -> None:
        """Fire the event that sets the count to 0. Earlier events stay in the log."""
        self.bus.fire(RESET)

    def end(self) -> None:
        """Handle what has been fired. Close and remove the log if it is the panel's own.

        Can be called twice.
        """
        if self._timer:
            self._timer.stop()
        self.bus.close()
        if self._folder is not None:
            self.event_log.close()
            self._folder.cleanup()

    # In the beginning

    def _own_log(self) -> EventLog:
        """Return a log with a little history, so that there is something to travel through."""
        self._folder = tempfile.TemporaryDirectory(prefix="eventkit-", ignore_cleanup_errors=True)
        log = open_log(Path(self._folder.name, "clicks.db"))
        names = ["+1"] * 3 + ["×10"] * 10 + ["Reset"] + ["+1"] * 6 + ["×10"] * 10
        log.append_all(
            Event(RESET) if name == "Reset" else Event(CLICKED, {"button": name, "count": 1})
            for name in names
        )
        return log

    def _make_widgets(self) -> None:
        last = self.position.last
        self._where = widgets.BoundedIntText(
            value=last, min=0, max=last, description="Event (sequence)",
            style={"description_width": "120px"}, layout=widgets.Layout(width="200px"),
        )  # fmt: skip
        self._view = HistoryView(
            label="Event (sequence)", layout=widgets.Layout(flex="1 1 420px", min_width="280px")
        )
        self._speed, self._speed_row = number_with_slider("Speed", 5, 1, 50, "events/s")
        self._play_button = button(
            "Play", lambda: self.bus.fire("travel.play"), "through time, from here or the start",
            button_style="primary",
        )  # fmt: skip
        self._stop_button = button(
            "Stop", lambda: self.bus.fire("travel.stop"), "stay where you are", disabled=True
        )
        self._number, self._event = widgets.HTML(), widgets.HTML()
        self._table = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
        self._table.add_class("jp-RenderedHTMLCommon")
        self._status = Status()
        self._painting = False

    def _connect(self) -> None:
        on_change(self._where, self._slid)
        ask = one_at_a_time(lambda message: self.bus.fire("travel.asked", message))
        self._view.on_msg(lambda _, message, __: ask(message))
        on_change(self._speed, lambda _: self.bus.fire("travel.speed"))
        self.bus.persist(self.event_log, PATTERN)
        self.bus.subscribe(PATTERN, lambda _: self.bus.fire("travel.grown"))
        self.bus.subscribe("error.>", lambda _: self._painter.changed())
        self.bus.subscribe("travel.*", self._handle, executor=Threads(1, name="time-travel"))

    def _rows(self) -> Sequence[widgets.Widget]:
        return (
            row(
                button("+1", lambda: self.click("+1"), "one click: one event in the log"),
                button("×10", lambda: self.click("×10", 10), "ten clicks: ten events"),
                button("Reset", self.reset, "back to 0: one event more"),
                self._where,
            ),
            row(self._number, self._view),
            row(self._play_button, self._stop_button, self._speed_row),
            self._status,
            self._event,
            self._table,
        )

    # What happens

    def _slid(self, place: int) -> None:
        if not self._painting:
            self._asked_by_field += 1
            edits = [["move", "cursor", place]]
            asked = {"from": FIELD, "number": self._asked_by_field, "edits": edits}
            self.bus.fire("travel.asked", asked)

    def _handle(self, event: Event) -> None:
        actions: dict[str, Callable[[], Position]] = {
            "travel.to": lambda: self._to(event.data, playing=self.position.playing),
            "travel.asked": lambda: self._asked(**event.data),
            "travel.grown": self._grown,
            "travel.play": self._play,
            "travel.step": self._step,
            "travel.stop": self._stop,
            "travel.speed": self._change_speed,
        }
        self.position = actions[event.topic]()
        self._painter.changed()

    def _asked(self, edits: list[list[Any]], number: int, **page: str) -> Position:
        """Go where a page, or the field, asks to be. It waits for the answer to this number."""
        self._answered[page["from"]] = number
        return self._to(edits[-1][-1], playing=self.position.playing)

    def _to(self, sequence: int, playing: bool = False) -> Position:
        there = self._history.at(max(0, min(sequence, self._history.last)))
        at = Position(there, self._history.last, playing, answered=dict(self._answered))
        return replace(at, said=_said(at))

    def _grown(self) -> Position:
        """Read new events. Move to the newest if the position was at the end, else stay."""
        at = self.position
        self._history.grow()
        goes_along = at.is_newest and not at.playing
        return self._to(self._history.last if goes_along else at.sequence, at.playing)

    def _play(self) -> Position:
        at = self.position
        if at.playing or at.last == 0:
            return at
        self._start_timer()
        return self._to(0 if at.is_newest else at.sequence, playing=True)

    def _step(self) -> Position:
        at = self.position
        if not at.playing:
            return at  # this step was fired before the stop
        after = self._to(self._history.after(at.sequence), playing=True)
        return self._stop(after) if after.is_newest else after

    def _stop(self, at: Position | None = None) -> Position:
        if self._timer:
            self._timer.stop()
        return self._to((at or self.position).sequence)

    def _change_speed(self) -> Position:
        if self.position.playing and self._timer:
            self._timer.stop()
            self._start_timer()
        return self._to(self.position.sequence, self.position.playing)

    def _start_timer(self) -> None:
        self._timer = Timer(1 / self._speed.value)
        self._timer.start(self.bus, "travel.step")

    # What is seen

    def _paint(self) -> None:
        at = self.position
        self._painting = True  # changing the field from here must not fire travel.asked
        self._where.max = at.last
        if at.answered.get(FIELD, 0) == self._asked_by_field:  # else another answer is to come
            self._where.value = at.sequence
        self._view.show(self._history.counts, at.there, at.last, at.answered)
        self._painting = False
        self._play_button.disabled, self._stop_button.disabled = at.playing, not at.playing
        self._number.value = _figure(at)
        told = "" if at.there.entry is None else _told(at.there.entry, with_time=True)
        self._event.value = f"<div class='ek-quiet'>{html.escape(told)}</div>"
        self._table.value = self._presses().html if at.there.moment.presses else ""
        if self.bus.dead_letters:
            last = self.bus.dead_letters[-1]
            self._status.say(f"{last.handler} failed: {last.error}", good=False)
        else:
            self._status.live = "off" if at.playing else "polite"  # not every step is read out
            self._status.say(at.said)

    def _presses(self) -> Table:
        presses = self.position.there.moment.presses
        return Table(["button", "events"], presses.items())


def _said(at: Position) -> str:
    if at.last == 0:
        return "Nothing has happened yet."
    counter = at.there.moment.counter
    said = (
        f"After event {at.sequence} of {at.last}: the count is {counter.value}, and it has "
        f"{_reached(counter.reached)}. {_rebuilt(at.there)}"
    )
    return f"Playing {at.last} events. {said}" if at.playing else said


def _reached(times: int) -> str:
    if times == 0:
        return f"never reached {THRESHOLD}"
    often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return f"reached {THRESHOLD} {often}"


def _rebuilt(there: Rebuilt) -> str:
    events = f"{there.read} event{'' if there.read == 1 else 's'} read"
    if there.since == 0:
        return f"Rebuilt from the start: {events}."
    return f"Rebuilt from the snapshot after event {there.since} and {events} since."


def _figure(at: Position) -> str:
    return (
        f"<div class='ek-quiet'><div class='ek-number'>{at.there.moment.counter.value}</div>"
        f"after event {at.sequence}</div>"
    )


def _told(entry: Entry, with_time: bool = False) -> str:
    data = "" if entry.data is None else f" {msgspec.json.encode(entry.data).decode()}"
    time = f", stored at {datetime.fromtimestamp(entry.stored):%H:%M:%S}" if with_time else ""
    return f"Event {entry.sequence}: {entry.topic}{data}{time}"
