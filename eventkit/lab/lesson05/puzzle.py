"""Puzzle: what counts as a win in the picker, and the tree of all orders that fills on the way."""

from __future__ import annotations

import functools
import html
from collections.abc import Set

from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING
from ..theory.interleavings import Exploration, explore
from .programs import PROGRAMS

_COLOURS = {"A": NON_BLOCKING, "B": BLOCKING}
_WIDE, _HIGH, _RADIUS = 18, 26, 5  # pixels from leaf to leaf, from step to step, and of a dot


@functools.cache
def orders(program: str) -> Exploration:
    """Return all orders in which a program can run."""
    return explore(PROGRAMS[program])


def fewest_switches(program: str) -> int | None:
    """Return with how few switches between the tasks it can go wrong, or None if it cannot."""
    return min((one.switches for one in orders(program).failures), default=None)


def goal(program: str, won: int | None) -> str:
    """Return what to do to win, or how it was won: with `won` switches."""
    fewest = fewest_switches(program)
    if won is None:
        enough = "" if fewest is None else f" {_switches(fewest)} are enough."
        return f"To win: make it end wrong, or run all orders to prove that it cannot.{enough}"
    if fewest is None:
        return f"Won: all {len(orders(program).runs)} orders end well. That is a proof."
    better = f"{fewest} are enough" if won > fewest else "no order goes wrong with fewer"
    return f"Won with {_switches(won)}: {better}."


def _switches(number: int) -> str:
    return f"{number} switch" if number == 1 else f"{number} switches"


def tree(program: str, seen: Set[str], here: str) -> str:
    """Return a picture of all orders as a tree, from the top down. The positions that were `seen`
    are filled in. Each is named by the letters of the tasks that made the steps to it.
    """
    places, ends = _layout(program)
    edges = "".join(_edge(places, one, one in seen) for one in places if one)
    dots = "".join(_dot(places, one, ends.get(one), one in seen, one == here) for one in places)
    wide = max(x for x, _ in places.values()) + _WIDE
    high = max(y for _, y in places.values()) + _HIGH
    ended = sum(one in seen for one in ends)
    label = (
        f"All orders, A blue and B orange: {len(seen)} of {len(places)} positions seen, "
        f"{ended} of {len(ends)} ends"
    )
    return (
        f"<div class='ek-quiet'>{label}</div>"
        f"<svg class='ek-tree' viewBox='0 0 {wide} {high}' width='{wide}' role='img' "
        f"aria-label='{html.escape(label)}'>{edges}{dots}</svg>"
    )


@functools.cache
def _layout(program: str) -> tuple[dict[str, tuple[float, int]], dict[str, bool]]:
    """Return where each position stands, and for each end whether all is well there."""
    runs = sorted(orders(program).runs, key=lambda one: one.schedule)
    ends = {"".join(one.schedule): one.problem is None for one in runs}
    under: dict[str, list[int]] = {}
    for column, end in enumerate(ends, 1):
        for steps in range(len(end) + 1):
            under.setdefault(end[:steps], []).append(column)
    places = {
        one: ((columns[0] + columns[-1]) / 2 * _WIDE, (len(one) + 1) * _HIGH - _RADIUS)
        for one, columns in under.items()
    }
    return places, ends


def _edge(places: dict[str, tuple[float, int]], one: str, was_seen: bool) -> str:
    (x, y), (from_x, from_y) = places[one], places[one[:-1]]
    colour, width = (_COLOURS[one[-1]], 2.5) if was_seen else ("currentColor", 0.3)
    return (
        f"<line x1='{from_x:g}' y1='{from_y}' x2='{x:g}' y2='{y}' stroke='{colour}' "
        f"stroke-width='{width}'/>"
    )


def _dot(
    places: dict[str, tuple[float, int]],
    one: str,
    is_well: bool | None,
    was_seen: bool,
    is_here: bool,
) -> str:
    x, y = places[one]
    radius = _RADIUS + 2 if is_here else _RADIUS if was_seen else 2
    if was_seen and is_well is False:
        reach = radius
        return (
            f"<path d='M{x - reach:g} {y - reach}l{2 * reach} {2 * reach}m0 {-2 * reach}"
            f"l{-2 * reach} {2 * reach}' stroke='{BLOCKING}' stroke-width='2.5'/>"
        )
    colour = LISTENER if was_seen and is_well else "currentColor"
    ring = " stroke='#E69F00' stroke-width='3'" if is_here else ""
    return f"<circle cx='{x:g}' cy='{y}' r='{radius}' fill='{colour}'{ring}/>"
