"""PartitionSwitch: a button here, its counter elsewhere, and a line between them to cut."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as widgets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ...triggers import Timer
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, Status, button, row
from .partition import CAPACITY, TIMEOUT, Counts, Halves
from .partition_view import PartitionView, picture_frame
from .places import Places

SAID = {
    "whole": "Whole: each click goes over the line and is counted on the other machine.",
    "cut": "Cut: both sides know. Clicks wait for the line, and the number here stays as it is.",
    "cut, full": "Cut, and every place is taken: who clicks now is refused, and knows it.",
    "frozen": "Frozen: neither side is told. Clicks are sent, and no answer comes.",
    "frozen, full": f"Frozen, and every place is taken: a new click waits {TIMEOUT:g} s and is "
    "refused.",
    "whole, old": "Whole again, but the number here is old: the answer was on the line when it was "
    "cut. The next click brings a new one.",
}


class PartitionSwitch(Panel):
    """Two halves of a counter: a button on this machine, and the count in another process, behind a
    real server. The line between them can be cut, frozen, and mended.

    The first click starts them. They end at `end()`, or with the kernel. The buttons do the same as
    `click`, `cut`, `freeze` and `mend`, which fire `partition.*` on `bus`. One worker handles these
    events in order, and works on `halves`.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("partition.png"),
        "Here and there joined by a line with a server in the middle. Both sides show 13 "
        "after the line was frozen and mended.",
    )

    def __init__(self) -> None:
        self.bus = EventBus()
        self.halves: Halves | None = None
        self._shown = Places(), Counts()
        self._no_change = ""
        self._make_widgets()
        self._painter = Painter(self._paint)
        self._timer = Timer(0.1)
        self.bus.subscribe("look", lambda _: self._look())
        self.bus.subscribe("partition.*", self._act, executor=Threads(1, name="partition"))
        self.bus.subscribe("error.>", lambda _: self._painter.changed())
        super().__init__("Partition switch: a button here, its counter elsewhere", *self._rows())
        self._paint()

    @property
    def counts(self) -> Counts:
        """What each side knows at this moment."""
        return self.halves.counts if self.halves else Counts()

    def text(self) -> str:
        return f"[{self.title}]\n{self._said()}\n{self._table(self.counts)!r}"

    def click(self, times: int = 1) -> None:
        """Click this many times. Of clicks that find no room, only the first waits for some."""
        self.bus.fire("partition.click", times)

    def cut(self) -> None:
        """Cut the line: both ends notice."""
        self.bus.fire("partition.cut")

    def freeze(self) -> None:
        """Let nothing through the line, but leave it open: neither end notices."""
        self.bus.fire("partition.freeze")

    def mend(self) -> None:
        """Make the line whole again."""
        self.bus.fire("partition.mend")

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until all clicks are handled and, if the line is whole, both numbers agree.

        After a cut they need not: the last answer may have been on the line.
        """
        self.bus.drain(timeout)
        if self.halves and self.halves.state == "whole":
            self.halves.settle()

    def end(self) -> None:
        """End both halves. Can be called twice."""
        self._timer.stop()
        self.bus.close()
        if self.halves:
            self.halves.close()

    # What happens

    def _act(self, event: Event) -> None:
        if self.halves is None:
            self._status.say("Starting a server, and a counter in another process …")
            self.halves = Halves()
            self._timer.start(self.bus, "look")
        before = self.halves.state
        if event.topic == "partition.click":
            self.halves.click(event.data)
        else:
            self._change_line(self.halves, event.topic)
        had_effect = event.topic == "partition.click" or self.halves.state != before
        self._no_change = "" if had_effect else "No change. "
        self._painter.changed()

    def _change_line(self, halves: Halves, topic: str) -> None:
        {
            "partition.cut": halves.cut,
            "partition.freeze": halves.freeze,
            "partition.mend": halves.mend,
        }[topic]()

    def _look(self) -> None:
        if self._both() != self._shown:
            self._painter.changed()

    def _both(self) -> tuple[Places, Counts]:
        return self.halves.look() if self.halves else (Places(), Counts())

    # What is seen

    def _make_widgets(self) -> None:
        self._picture = PartitionView()
        self._numbers = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
        self._numbers.add_class("jp-RenderedHTMLCommon")
        self._status = Status()

    def _rows(self) -> tuple[widgets.Widget, ...]:
        return (
            row(
                button("+1", self.click, "one click"),
                button("×10", lambda: self.click(10), "ten clicks, one after another"),
                button("Cut", self.cut, "cut the line: both ends notice"),
                button("Freeze", self.freeze, "nothing comes through, and neither end knows"),
                button("Mend", self.mend, "make the line whole", button_style="primary"),
            ),
            self._picture,
            self._status,
            self._numbers,
        )  # fmt: skip

    def _paint(self) -> None:
        state = self._state()
        places, counts = self._shown = self._both()
        self._picture.frame = picture_frame(state, places, counts)
        self._numbers.value = self._table(counts).html
        if self.bus.dead_letters:
            last = self.bus.dead_letters[-1]
            self._status.say(f"{last.handler} failed: {last.error}", good=False)
        else:
            self._status.say(self._said(), good=False if state == "cut" else None)

    def _state(self) -> str:
        return self.halves.state if self.halves else "whole"

    def _said(self) -> str:
        if self.halves is None:
            return "Nothing runs yet. The first click starts it."
        counts, state = self.counts, self._state()
        note = unknown = ""
        if state != "whole" and counts.waiting >= CAPACITY:
            note = ", full"
        elif state == "whole" and self.halves.may_lack_answer and counts.shown < counts.counted:
            note = ", old"
        if state == "whole" and counts.unknown:
            clicks = "click" if counts.unknown == 1 else "clicks"
            unknown = f" The outcome of {counts.unknown} {clicks} is unknown here."
        return self._no_change + SAID[state + note] + unknown

    def _table(self, counts: Counts) -> Table:
        return Table(
            ["where", "what", "clicks"],
            [
                ["here", "clicked", counts.fired],
                ["here", "confirmed by the server", counts.confirmed],
                ["here", f"waiting, or not confirmed yet (at most {CAPACITY})", counts.waiting],
                ["here", "refused: no place left", counts.refused],
                ["here", "outcome unknown: they were on the line when it was cut", counts.unknown],
                ["here", "the number that is shown", counts.shown],
                ["there", "the number that is true", counts.counted],
            ],
        )
