"""ClickTracer: the journey of one click, from the finger to the screen, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import anywidget
import ipywidgets as widgets

from ..bus import EventBus
from ..event import Event
from ..executors.threads import Threads
from .look import Panel, quiet
from .session import Table

STAGES = (
    "the browser sends the click to the kernel",
    "the kernel's event loop is free and runs the button's callback",
    "the callback fires an event on the bus",
    "the event waits in the queue of the processor's executor",
    "the processor runs",
    "its result is fired as a new event, and the listener runs",
    "the listener's message travels to the browser",
    "the browser paints the answer",
)


class _TraceButton(anywidget.AnyWidget):
    _esm = Path(__file__).with_name("tracer.js")


class ClickTracer(Panel):
    """A button whose click is timed on its whole way. What happens in the browser is timed by
    the browser's clock and what happens in the kernel by the kernel's, so the two never have to
    agree; the rest of the time is the way between them, there and back.

    `click()` does from Python what a click does. `traces` holds what was measured, newest last.
    """

    def __init__(self, answer: Callable[[int], None] | None = None):
        self.bus = EventBus()
        self.traces: list[dict[str, float]] = []
        self._open: dict[int, dict[str, float]] = {}
        self._answer = answer
        self._button = _TraceButton()
        self._button.on_msg(self._received)
        self._table = widgets.HTML(quiet("No click traced yet."))
        self.bus.subscribe(
            "button.click",
            self._process,
            emits="click.answered",
            executor=Threads(1, name="processor"),
        )
        self.bus.subscribe("click.answered", self._listen)
        super().__init__("Click tracer", self._button, self._table)

    def text(self) -> str:
        return f"[Click tracer: {len(self.traces)} clicks traced]"

    def click(self, number: int = 0) -> None:
        """As a click in the browser, from where the kernel hears of it."""
        self._open[number] = {}
        called = perf_counter_ns()
        self.bus.fire("button.click", {"click": number, "called": called})

    def _received(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if message["kind"] == "click":
            self.click(message["click"])
        else:
            self._painted(message["click"], message["milliseconds"])

    def _process(self, event: Event) -> dict[str, int]:
        started = perf_counter_ns()
        return {
            **event.data,
            "fired": event.time,
            "started": started,
            "finished": perf_counter_ns(),
        }

    def _listen(self, event: Event) -> None:
        data = event.data
        heard = perf_counter_ns()
        self._open[data["click"]] = {
            "callback → fired": (data["fired"] - data["called"]) / 1e6,
            "waiting for the processor's thread": (data["started"] - data["fired"]) / 1e6,
            "processor": (data["finished"] - data["started"]) / 1e6,
            "result → listener": (heard - data["finished"]) / 1e6,
        }
        self._button.send(
            {"kind": "answer", "click": data["click"], "text": f"Click {data['click']} answered."}
        )
        if self._answer is not None:
            self._answer(data["click"])

    def _painted(self, number: int, milliseconds: float) -> None:
        trace = self._open.pop(number)
        trace["browser ⇄ kernel, and painting"] = milliseconds - sum(trace.values())
        trace["click → painted"] = milliseconds
        self.traces.append(trace)
        rows = [[stage, f"{took:.2f}"] for stage, took in trace.items()]
        self._table.value = Table(["stage", "ms"], rows, f"Click {number}").html
