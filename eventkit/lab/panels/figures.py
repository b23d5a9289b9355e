"""Figures: one style for all, each with an alt text, readable on light and dark pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...timeline import Journey
from .panel import THEORY, WAITING, image

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "font.size": 10,
    "legend.frameon": False,
    "figure.dpi": 144,
    "figure.constrained_layout.use": True,
}


class Picture:
    """A finished figure with its alt text.

    It is an image on a white card, so it can be read in dark themes as well.
    """

    def __init__(self, figure: Figure, alt: str):
        self.alt = alt
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        self.png = buffer.getvalue()
        self._width = int(figure.get_figwidth() * 96)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.alt, "text/html": image(self.png, self.alt, self._width)}

    def __repr__(self) -> str:
        return self.alt


def picture(draw: Callable[[Figure], str], width: float = 8.0, height: float = 3.2) -> Picture:
    """Draw on a new figure in the common style. `draw` returns the alt text.

    This uses no pyplot, so it can be called in a button's callback or a thread.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        alt = draw(figure)
        return Picture(figure, alt)


def waterfall(axes: Axes, journeys: Sequence[Journey], colour: str) -> None:
    """Draw a row for each event: waiting grey, processing coloured, with its milliseconds."""
    done = sorted((j for j in journeys if j.finished is not None), key=lambda j: j.event.time)
    start = min((j.event.time for j in done), default=0)
    for number, journey in enumerate(done, 1):
        assert journey.started is not None
        assert journey.response_time is not None
        due = (journey.event.time - start) / 1e6
        began = (journey.started - start) / 1e6
        response = journey.response_time * 1e3
        axes.barh(number, began - due, left=due, height=0.7, color=WAITING)
        axes.barh(number, due + response - began, left=began, height=0.7, color=colour)
        if len(done) <= 30:
            axes.text(due + response, number, f" {response:.0f}", va="center", fontsize=8)
    if not axes.yaxis_inverted():  # shared axes must be inverted once only
        axes.invert_yaxis()
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("time since the first event (ms)")
    axes.set_ylabel("event")
    axes.margins(x=0.08)


def waterfall_figure(sides: dict[str, tuple[Sequence[Journey], str]]) -> Picture:
    """Draw waterfalls side by side on one time axis. `sides` maps titles to (journeys, colour)."""

    def draw(figure: Figure) -> str:
        grid = figure.subplots(1, len(sides), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (title, (journeys, colour)) in zip(grid, sides.items(), strict=True):
            waterfall(axes, journeys, colour)
            axes.set_title(title)
        for axes in grid[1:]:
            axes.set_ylabel("")
        described = "; ".join(f"{title}: {_spread(js)}" for title, (js, _) in sides.items())
        return f"Waterfalls, one row for each event, grey while it waits. {described}."

    return picture(draw, height=3.6)


def responses_figure(sides: dict[str, tuple[Sequence[float], Sequence[float], str]]) -> Picture:
    """Draw response times by event, with theory's prediction over the measurement.

    `sides` maps a label to (measured, predicted, colour), with times in seconds.
    """

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        said = []
        for label, (measured, predicted, colour) in sides.items():
            numbers = range(1, len(measured) + 1)
            axes.plot(numbers, [s * 1e3 for s in measured], "o", color=colour, label=label)
            axes.plot(numbers, [s * 1e3 for s in predicted], "--", color=THEORY, linewidth=1)
            last = f"{measured[-1] * 1e3:.0f} ms, predicted {predicted[-1] * 1e3:.0f} ms"
            said.append(f"{label}: last event {last}")
        axes.plot([], [], "--", color=THEORY, linewidth=1, label="theory's prediction")
        axes.set_xlabel("event")
        axes.set_ylabel("response time (ms)")
        axes.set_ylim(bottom=0)
        axes.legend()
        return f"Response time of each event, measured and predicted. {'; '.join(said)}."

    return picture(draw)


def _spread(journeys: Sequence[Journey]) -> str:
    times = [j.response_time * 1e3 for j in journeys if j.response_time is not None]
    return f"{min(times):.0f} to {max(times):.0f} ms" if times else "nothing finished"
