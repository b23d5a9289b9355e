"""ClickTracer: the journey of one click, from the finger to the screen, stage by stage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course.session import Table
from ..panels.panel import Panel, Snapshot, Status, row, script
from .running_cells import running_cells
from .trace import Answered, Step, case_of, figures, picture, whole

STAGES = (
    "the browser sends the click to the kernel",
    "the click waits until the kernel's event loop is free",
    "the loop runs the button's callback",
    "the callback fires an event on the bus",
    "the event waits in the queue of the processor's executor",
    "the processor runs",
    "its result is fired as a new event, and the listener runs",
    "the listener's message travels to the browser",
    "the browser paints the answer",
)
SHOWN = 5  # clicks in the picture


class _Lanes(anywidget.AnyWidget):
    """The picture: lanes of the clicks that were answered, and of those under way.

    `pending` is set in the browser alone: the times of presses that are not answered yet.
    """

    _esm = script(__file__, "canvas.js", "dots.js", "lanes.js")
    frame = traitlets.Dict().tag(sync=True)
    pending: traitlets.List[Any] = traitlets.List().tag(sync=True)


class _TraceButton(anywidget.AnyWidget):
    """A button that only sends to the kernel; answers go to `status`.

    If a callback answers a widget, ipykernel receives that widget's messages on another thread from
    then on. This click must take the usual way.
    """

    _esm = Path(__file__).with_name("tracer.js")
    status = traitlets.Instance(widgets.Widget).tag(sync=True, **widgets.widget_serialization)
    lanes = traitlets.Instance(widgets.Widget).tag(sync=True, **widgets.widget_serialization)


class ClickTracer(Panel):
    """A button whose clicks are timed from the press to the painted answer.

    The browser's clock times the whole and the painting, the kernel's clock the steps in the
    kernel. The rest is the wire, and waiting for the kernel's event loop. The wire is the fastest
    round trip so far of an answer and the browser's confirmation.

    `click()` does from Python what the kernel does for a click. `traces` holds the steps of each
    click, newest last, and `answered` those whose answer was painted.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("tracer.png"),
        "Three clicks as bars in the lanes browser, wire, event loop and thread, and a "
        "table of the steps of the last one in milliseconds.",
    )

    def __init__(self, answer: Callable[[int], None] | None = None):
        self.bus = EventBus()
        self.traces: list[list[Step]] = []
        self.answered: list[Answered] = []
        self._wire = float("inf")
        self._cells = running_cells()
        self._clicks: list[dict[str, Any]] = []
        self._heard: list[int] = []  # when each click's listener was called
        self._answer = answer
        self._status = Status()
        self._lanes = _Lanes(frame=picture([]))
        self._button = _TraceButton(status=self._status, lanes=self._lanes)
        self._button.on_msg(self._received)
        self._figures = widgets.HTML(figures([]))
        self._table = widgets.HTML()
        self._join_the_bus()
        controls = row(self._button, self._status)
        super().__init__("Click tracer", controls, self._figures, self._lanes, self._table)

    def _join_the_bus(self) -> None:
        processor = Threads(1, name="processor")
        self.bus.subscribe(
            "button.click", self._process, emits="click.answered", executor=processor
        )
        self.bus.subscribe("click.answered", self._listen)

    def text(self) -> str:
        traced = f"[Click tracer: {len(self.traces)} clicks traced]"
        return "\n".join([traced, *(click.says() for click in self.answered)])

    def click(self, pressed: float | None = None) -> None:
        """Fire what a click fires. `pressed` is the browser's time of the press, if any."""
        called = perf_counter_ns()
        click = {
            "number": len(self._clicks) + 1,
            "pressed": pressed,
            "called": called,
            "on": _thread(),
            "cell_runs": self._cells.running,
            "since_cell_ended": (called - self._cells.ended) / 1e6,
        }
        self._clicks.append(click)
        self.bus.fire("button.click", click)

    def _received(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if message["kind"] == "click":
            self.click(message["pressed"])
        else:
            self._painted(message["number"], message["arrived"], message["painted"])

    def _process(self, event: Event) -> dict[str, Any]:
        return {"click": event, "started": perf_counter_ns(), "on": _thread()}

    def _listen(self, event: Event) -> None:
        heard = perf_counter_ns()
        click, started, worker = event.data["click"], event.data["started"], event.data["on"]
        number, called = click.data["number"], click.data["called"]
        self.traces.append(
            [
                Step("callback, until it fires", click.data["on"], (click.time - called) / 1e6),
                Step("waiting in the queue", "none", (started - click.time) / 1e6),
                Step("processor", worker, (event.time - started) / 1e6),
                Step("result fired, listener called", _thread(), (heard - event.time) / 1e6),
            ]
        )
        self._heard.append(heard)
        self._status.say(f"Click {number} answered.")
        self._status.send({"kind": "answer", "number": number, "pressed": click.data["pressed"]})
        if self._answer is not None:
            self._answer(number)

    def _painted(self, number: int, arrived: float, painted: float) -> None:
        """Complete a click's trace with the browser's times, in milliseconds since the press."""
        trace, click = self.traces[number - 1], self._clicks[number - 1]
        since_heard = (perf_counter_ns() - self._heard[number - 1]) / 1e6
        self._wire = min(self._wire, max(0.0, since_heard - (painted - arrived)))
        trace[:] = whole(trace, self._wire, arrived, painted)
        waited = trace[1].milliseconds
        case = case_of(click["cell_runs"], click["since_cell_ended"], waited)
        self.answered.append(Answered(number, case, trace))
        self._show()

    def _show(self) -> None:
        newest = self.answered[-1]
        self._lanes.frame = picture(self.answered[-SHOWN:])
        self._figures.value = figures(self.answered)
        rows = [[step.what, step.where, f"{step.milliseconds:.2f}"] for step in newest.steps]
        self._table.value = Table(["step", "thread", "ms"], rows, f"Click {newest.number}").html


def _thread() -> str:
    return threading.current_thread().name
