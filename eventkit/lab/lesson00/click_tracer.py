"""ClickTracer: the journey of one click, from the finger to the screen, stage by stage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course.session import Table
from ..panels.panel import Panel, Status, quiet, row

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


class Step(NamedTuple):
    """One step of a traced click: what happened, on which thread, and for how long."""

    what: str
    where: str
    milliseconds: float


class _TraceButton(anywidget.AnyWidget):
    """A button that only sends to the kernel; answers go to `status`.

    If a callback answers a widget, ipykernel receives that widget's messages on another thread from
    then on. This click must take the usual way.
    """

    _esm = Path(__file__).with_name("tracer.js")
    status = traitlets.Instance(widgets.Widget).tag(sync=True, **widgets.widget_serialization)


class ClickTracer(Panel):
    """A button whose clicks are timed from the press to the painted answer.

    The browser's clock times the whole and the kernel's clock the steps in the kernel, so the two
    need not agree. The rest of the time is the way there and back, painting, and waiting until the
    kernel's event loop is free.

    `click()` does from Python what the kernel does for a click. `traces` holds the steps of each
    click that was answered, newest last.
    """

    def __init__(self, answer: Callable[[int], None] | None = None):
        self.bus = EventBus()
        self.traces: list[list[Step]] = []
        self._clicks = 0
        self._answer = answer
        self._status = Status()
        self._button = _TraceButton(status=self._status)
        self._button.on_msg(self._received)
        self._table = widgets.HTML(quiet("No click traced yet."))
        self.bus.subscribe(
            "button.click",
            self._process,
            emits="click.answered",
            executor=Threads(1, name="processor"),
        )
        self.bus.subscribe("click.answered", self._listen)
        super().__init__("Click tracer", row(self._button, self._status), self._table)

    def text(self) -> str:
        return f"[Click tracer: {len(self.traces)} clicks traced]"

    def click(self, pressed: float | None = None) -> None:
        """Fire what a click fires. `pressed` is the browser's time of the press, if any."""
        self._clicks += 1
        called = perf_counter_ns()
        self.bus.fire(
            "button.click",
            {"number": self._clicks, "pressed": pressed, "called": called, "on": _thread()},
        )

    def _received(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if message["kind"] == "click":
            self.click(message["pressed"])
        else:
            self._painted(message["number"], message["milliseconds"])

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
        self._status.say(f"Click {number} answered.")
        self._status.send({"kind": "answer", "number": number, "pressed": click.data["pressed"]})
        if self._answer is not None:
            self._answer(number)

    def _painted(self, number: int, milliseconds: float) -> None:
        trace = self.traces[number - 1]
        on_the_way = milliseconds - sum(step.milliseconds for step in trace)
        trace += [
            Step("on the way, waiting for the loop, painting", "browser and kernel", on_the_way),
            Step("from the press to the painted answer", "all of it", milliseconds),
        ]
        rows = [[step.what, step.where, f"{step.milliseconds:.2f}"] for step in trace]
        self._table.value = Table(["step", "thread", "ms"], rows, f"Click {number}").html


def _thread() -> str:
    return threading.current_thread().name
