"""The figure: for every measure eventkit's ratio to its limit, the goal, and the others' ratios."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from eventkit.lab.panels.figures import Picture, picture

from .comparing import Row

# Okabe and Ito's colours, which colour-blind readers can tell apart; the shapes say the same.
_OURS = "#0072B2"
_MISSED = "#D55E00"
_ALLOWED = "#D3E8F4"
_QUIET = "#5F5F5F"
_OTHER = "#7A7A7A"
_LOW, _HIGH = 0.01, 300.0

_WIDTH = 9.2
_LINE = 0.25
_HEADING = 1.4
_HEAD, _FOOT = 5.0, 1.6
"""In inches: the figure's width, and a line's height. In lines: a heading's, and the margins."""

_LEFT, _RIGHT = 0.375, 0.635
_VALUE, _GOAL, _BEST, _NAME = 0.7, 0.707, 0.807, 0.814
"""Shares of the width: the scale stands between two of them, and beside it the words."""


@dataclass
class Line:
    """One measure: what the limit is, eventkit's rows, and the other candidates'."""

    measure: str
    limit: str
    ours: list[Row]
    others: list[Row]

    @property
    def worst(self) -> Row:
        return max(self.ours, key=lambda row: row.ratio)


def draw(parts: Sequence[tuple[str, list[Row]]]) -> Picture:
    """Draw every measure that has a goal or a peer, under the headings of the parts."""
    groups: dict[str, list[Line]] = {}
    for title, rows in parts:
        groups.setdefault(title, []).extend(lines(rows))
    groups = {title: found for title, found in groups.items() if found}
    everything = [line for found in groups.values() for line in found]
    tall = _HEADING * len(groups) + len(everything)

    def paint(figure: Figure) -> str:
        _paint(_axes(figure, tall), groups)
        return words(everything)

    return picture(paint, _WIDTH, _LINE * (_HEAD + tall + _FOOT))


def lines(rows: list[Row]) -> Iterator[Line]:
    """The measures of a part that have something to show."""
    by_measure: dict[str, list[Row]] = {}
    for row in rows:
        by_measure.setdefault(row.measure, []).append(row)
    for measure, (limit, *rest) in by_measure.items():
        judged = [row for row in rest if row.goal is not None]
        ours = judged or [row for row in rest if row.is_ours and not row.missing][:1]
        others = [row for row in rest if not (row.is_ours or row.is_bare or row.missing)]
        if judged or (ours and others):
            yield Line(measure, limit.candidate.removeprefix("eventkit, "), ours, others)


def words(found: list[Line]) -> str:
    """What the figure says, for those who do not see it."""
    judged = [row for line in found for row in line.ours if row.goal is not None]
    missed = [
        f"{row.measure} ({_figure(row.ratio)}, goal {_figure(row.goal)})"
        for row in judged
        if not row.is_met
    ]
    exceptions = f", not {'; '.join(missed)}" if missed else ""
    return (
        f"Chart of {len(found)} measures on a logarithmic scale: how many times as long as its "
        f"limit eventkit takes, beside its goal and its peers. {len(judged) - len(missed)} of "
        f"{len(judged)} goals are met{exceptions}."
    )


def _axes(figure: Figure, tall: float) -> Axes:
    """The scale, with room for the words to both sides. One unit downwards is one line."""
    figure.set_layout_engine("none")
    whole = _HEAD + tall + _FOOT
    axes = figure.add_axes((_LEFT, _FOOT / whole, _RIGHT - _LEFT, tall / whole))
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    axes.set_xscale("log")
    axes.set_xlim(_LOW, _HIGH)
    axes.set_xticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.tick_params(length=0, labelsize=8.5, labeltop=True, colors=_QUIET)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", color="#E4E4E4", lw=0.8, zorder=0)
    axes.axvline(1, color=_QUIET, lw=1, zorder=1.5)
    return axes


def _paint(axes: Axes, groups: dict[str, list[Line]]) -> None:
    _paint_head(axes)
    place = 0.0
    for title, found in groups.items():
        place += _HEADING
        _write(axes, 0.012, place - 0.55, title, weight="bold", fontsize=9.5)
        for line in found:
            place += 1
            _paint_line(axes, place - 0.5, line)


def _paint_line(axes: Axes, place: float, line: Line) -> None:
    if line.worst.goal is not None:
        _paint_goal(axes, place, line.worst.goal)
    for row in line.others:
        _paint_other(axes, place, row.ratio)
    for row in line.ours:
        if not row.missing:
            _paint_ours(axes, place, row)
    _write_line(axes, place, line)


def _paint_goal(axes: Axes, place: float, goal: float) -> None:
    axes.barh(place, goal - _LOW, left=_LOW, height=0.62, color=_ALLOWED, zorder=1)
    axes.plot([goal] * 2, [place - 0.31, place + 0.31], color="black", lw=1.8, zorder=3)


def _paint_other(axes: Axes, place: float, ratio: float) -> None:
    """Whoever is off the scale points there from its edge."""
    mark, where = ("D", ratio) if ratio < _HIGH else (">", _HIGH)
    look: dict[str, Any] = {"ms": 4.2, "mfc": "white", "mec": _OTHER, "mew": 1.0}
    axes.plot(where, place, mark, clip_on=False, zorder=2, **look)


def _paint_ours(axes: Axes, place: float, row: Row) -> None:
    axes.plot(row.quartiles, [place] * 2, color=_colour(row), lw=2.2, zorder=4)
    mark = "X" if _is_missed(row) else "o"
    look: dict[str, Any] = {"ms": 7, "mfc": _colour(row), "mec": "white", "mew": 0.7}
    axes.plot(min(row.ratio, _HIGH), place, mark, clip_on=False, zorder=5, **look)


def _write_line(axes: Axes, place: float, line: Line) -> None:
    measure = _write(axes, 0.022, place, line.measure)
    limit = f"  / {line.limit}"
    axes.annotate(limit, (1, 0.5), xycoords=measure, va="center", color=_QUIET, fontsize=8.5)
    worst, colour = line.worst, _colour(line.worst)
    _write(axes, _VALUE, place, _figure(worst.ratio), color=colour, weight="bold", ha="right")
    if worst.goal is not None:
        sign = ">" if _is_missed(worst) else "≤"
        _write(axes, _GOAL, place, f"{sign} {_figure(worst.goal)}", color=colour)
    if line.others:
        best = min(line.others, key=lambda row: row.ratio)
        _write(axes, _BEST, place, _figure(best.ratio), color=_QUIET, ha="right")
        _write(axes, _NAME, place, best.candidate.removeprefix("import "), color=_QUIET)


def _paint_head(axes: Axes) -> None:
    title = "eventkit beside bare limits, its goals and its peers"
    _write(axes, 0.012, -4.2, title, weight="bold", fontsize=12)
    _write(axes, 0.012, -3.0, "How many times its limit each takes. Less is better; the scale is "
           "logarithmic, and at 1 stands the limit.")  # fmt: skip
    _paint_key(axes, -1.85)
    _write(axes, 0.022, -0.55, "measure")
    _write(axes, 0.022 + 0.075, -0.55, "/ its limit", color=_QUIET)
    _write(axes, _VALUE, -0.55, "eventkit", color=_OURS, weight="bold", ha="right")
    _write(axes, _GOAL, -0.55, "  goal")
    _write(axes, _NAME, -0.55, "best of the others", color=_QUIET)


def _paint_key(axes: Axes, place: float) -> None:
    """What the marks mean, each beside its mark."""
    where = blended_transform_factory(axes.figure.transFigure, axes.transData)
    look: dict[str, Any] = {"transform": where, "clip_on": False, "ls": "none"}
    for across, mark, colour, text in (
        (0.022, "o", _OURS, "eventkit, with the middle half of the rounds"),
        (0.4, "X", _MISSED, "goal not met"),
        (0.535, "s", _ALLOWED, "up to the goal"),
        (0.68, "D", "white", "others (▷ off the scale)"),
    ):
        edge = _OTHER if mark == "D" else "white"
        axes.plot(across, place, mark, ms=7 if mark != "D" else 4.2, mfc=colour, mec=edge, **look)
        _write(axes, across + 0.013, place, text)


def _write(axes: Axes, across: float, place: float, text: str, **look: Any) -> Any:
    """Text at this share of the figure's width, on this line."""
    where = blended_transform_factory(axes.figure.transFigure, axes.transData)
    look = {"va": "center", "fontsize": 9, **look}
    return axes.text(across, place, text, transform=where, **look)


def _is_missed(row: Row) -> bool:
    return row.goal is not None and not row.is_met


def _colour(row: Row) -> str:
    return _MISSED if _is_missed(row) else _OURS


def _figure(ratio: float | None) -> str:
    if ratio is None or math.isinf(ratio):
        return "missing"
    if ratio >= 100:
        return f"{ratio:,.0f}"
    return f"{ratio:.3g}" if ratio >= 1 else f"{ratio:.2g}"
