"""What the tank's picture shows: each event where it is, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING, WAITING
from .follower import Lost, Places
from .tank import Tank

MOST_DOTS = 100  # more would be too small for their numbers: a level is drawn instead
SEEN = 8  # lost or answered events in view
APART = 150_000_000  # nanoseconds between two lost events that are seen to fall
COLOURS = {"waiting": WAITING, "work": NON_BLOCKING, "done": LISTENER, "lost": BLOCKING}


class Flow(NamedTuple):
    """How many events a second came and were answered."""

    came: float = 0.0
    answered: float = 0.0


def picture_of(
    tank: Tank, places: Places, flow: Flow, levels: Sequence[tuple[float, int]]
) -> dict[str, Any]:
    """Return what the live view draws. `levels` are pairs of a moment and how many waited then."""
    highest = max((level for _, level in levels), default=0)
    scale = tank.capacity or _round_up(highest)
    return {
        "policy": tank.title,
        "bounded": tank.capacity is not None,
        "scale": scale,
        "workers": tank.workers,
        "colours": COLOURS,
        **_events(tank, places, has_dots=scale <= MOST_DOTS),
        **_course(flow, levels),
        "span": tank.seconds,
        "says": _says(tank, places),
    }


def _events(tank: Tank, places: Places, has_dots: bool) -> dict[str, Any]:
    """Return the events in each place, by number as far as they are seen."""
    entering = tank.entering
    return {
        "level": len(places.waiting),
        "waiting": list(places.waiting) if has_dots else [],
        "working": list(places.working),
        "answered": [len(places.answered), *places.answered[-SEEN:]],
        "held": places.held_up,
        "heldFor": round(entering.seconds, 2) if entering and places.held_up else 0.0,
        "lost": len(places.lost),
        "fallen": _fallen(places.lost, perf_counter_ns()),
    }


def _course(flow: Flow, levels: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Return the rates of now and the level so far, with few enough points to send often."""
    step = max(1, len(levels) // 200)
    return {
        "inflow": flow.came,
        "outflow": flow.answered,
        "levels": [*levels[::step], *levels[-1:]],
        "now": levels[-1][0] if levels else 0.0,
    }


def _fallen(lost: Iterable[Lost], now: int) -> list[tuple[int, int, int]]:
    """Return (number, milliseconds since it was lost, place on the ground) of the last few."""
    seen = []
    last = -APART
    for one in lost:
        if one.moment - last >= APART:
            seen.append(one)
            last = one.moment
    numbered = list(enumerate(seen))[-SEEN:]
    return [(one.number, (now - one.moment) // 1_000_000, at % SEEN) for at, one in numbered]


def _says(tank: Tank, places: Places) -> str:
    if not places.came:
        return "Nothing yet."
    parts = [
        f"{len(places.waiting)} wait",
        "1 held up outside" if places.held_up else "",
        f"{len(places.working)} running",
        f"{len(places.answered)} answered",
        f"{len(places.lost)} lost",
        f"{len(places.cut_off)} cut off by Stop" if places.cut_off else "",
    ]
    newest = f" The last answer took {tank.times[-1] * 1e3:,.0f} ms." if tank.times else ""
    return f"{places.came} came: {', '.join(filter(None, parts))}.{newest}"


def _round_up(level: int) -> int:
    """Return the next of 20, 50, 100, 200, 500, …"""
    size = 10
    while True:
        for factor in (2, 5, 10):
            if level <= factor * size:
                return factor * size
        size *= 10
