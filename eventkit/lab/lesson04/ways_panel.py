"""WaysPanel: the time trial with its knobs, watched live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ..panels.panel import Snapshot, by_keyboard, number_with_slider, row, script, scrolling
from ..panels.run_panel import RunPanel
from . import asking
from .asking import WAYS
from .five_ways import COLOURS, Ways

NUMBERED = 300  # with more requests than this, the dots are too small for numbers


class WaysView(anywidget.AnyWidget):
    """A canvas with a lane for each way, and the same in words below it."""

    _esm = script(__file__, "canvas.js", "dots.js", "ways.js")
    frame = traitlets.Dict().tag(sync=True)


class WaysPanel(RunPanel[Ways]):
    """The time trial with its knobs: connections, answer time, questions; watch it live."""

    snapshot = Snapshot(
        Path(__file__).with_name("ways.png"),
        "Lanes of answered requests for each way to wait, and bars for its time, threads "
        "and memory.",
    )

    what = "time trial"

    def __init__(self) -> None:
        self._connections, connections = number_with_slider("Connections", 100, 1, 1000, "n")
        self._answer, answer = number_with_slider("Answer", 100, 10, 1000, "ms")
        self._questions, questions = number_with_slider("Questions", 1, 1, 10, "each")
        self._headline = widgets.HTML(_large(headline(Ways())))
        self._view = WaysView()
        self._view.frame = frame(Ways())
        self._result = scrolling()
        self._result.add_class("jp-RenderedHTMLCommon")
        self.bus = EventBus()  # nothing is fired here: the buses are in processes of their own
        super().__init__(
            "Time trial: the same requests, five ways to wait",
            "Run the time trial", "ask in five ways, one after another",
            above=[row(connections, answer), row(questions)],
            below=[self._headline, self._view, self._result],
        )  # fmt: skip

    def text(self) -> str:
        if self.run is None or not self.run.outcomes:
            return super().text()
        return f"[{self.title}]\n{headline(self.run)}.\n{self.run.table()!r}"

    def _begin(self) -> Ways:
        trial = Ways(self._connections.value, self._answer.value / 1e3, self._questions.value)
        self._result.value = ""
        longest = trial.predicted("blocking")[-1]
        self._status.say(f"Running, one way after another. Blocking comes last: {longest:,.1f} s.")
        return trial

    def _steps(self, trial: Ways) -> int:
        return trial.connections * len(trial.ways)

    def _watch(self, trial: Ways, running: bool) -> int:
        self._view.frame = frame(trial)
        self._headline.value = _large(headline(trial))
        return sum(map(len, list(trial.answered.values())))

    def _finish(self, trial: Ways) -> None:
        if trial.stopped.is_set():
            self._status.say("Stopped. The table has the ways that had finished.", good=False)
        else:
            self._status.say(_summary(trial))
        self._result.value = by_keyboard(trial.table().html, "The ways")


def frame(trial: Ways) -> dict[str, Any]:
    """Return what the live view draws: a lane for each way, as measured by now."""
    return {
        "lanes": [_lane(trial, way) for way in WAYS],
        "total": trial.connections,
        "numbered": trial.connections <= NUMBERED,
        "span": trial.predicted("blocking")[-1],
    }


def _lane(trial: Ways, way: str) -> dict[str, Any]:
    answered = list(trial.answered.get(way, ()))
    threads, memory = trial.used.get(way, (0, 0))
    return {
        "title": WAYS[way].title,
        "colour": COLOURS[way],
        "missing": way in trial.missing,
        "answered": len(answered),
        "numbers": answered if trial.connections <= NUMBERED else [],
        "seconds": _seconds(trial, way),
        "threads": threads,
        "memory": round(memory / 1e6, 1),
        "says": _says(trial, way),
    }


def _seconds(trial: Ways, way: str) -> float:
    points = list(trial.progress.get(way, ()))
    return points[-1][0] if points else 0.0


def _says(trial: Ways, way: str) -> str:
    if way in trial.missing:
        return f"{asking.INSTALL}."
    if way not in trial.used:
        return "not begun."
    threads, memory = trial.used[way]
    answered = len(trial.answered[way])
    return (
        f"{answered:,} of {trial.connections:,} answered after {_seconds(trial, way):.2f} s, "
        f"on {threads:,} thread{'' if threads == 1 else 's'}, with {memory / 1e6:.1f} MB."
    )


def headline(trial: Ways) -> str:
    """Return the result in one line: the quickest way that has finished, and the slowest."""
    by_finish = sorted(trial.outcomes, key=lambda way: trial.outcomes[way].finish)
    if not by_finish:
        return "No way has finished yet"
    requests = f"{trial.connections:,} request{'' if trial.connections == 1 else 's'}"
    ends = dict.fromkeys([by_finish[0], by_finish[-1]])
    times = (f"{trial.outcomes[way].finish:.2f} s by {_executor(way)}" for way in ends)
    return f"{requests}: {', '.join(times)}"


def _executor(way: str) -> str:
    return WAYS[way].title.rpartition(": ")[2]


def _large(line: str) -> str:
    style = "font-size: 24px; line-height: 1.4; font-weight: 600"
    return f"<div class='ek-quiet' style='{style}'>{line}</div>"


def _summary(trial: Ways) -> str:
    said = [f"{WAYS[way].title} {trial.outcomes[way].finish:.2f} s" for way in trial.ways]
    return f"Done. {'; '.join(said)}. The ideal is {trial.ideal:g} s."
