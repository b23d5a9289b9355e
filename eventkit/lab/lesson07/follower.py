"""Follower: where each of a tank's events is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...timeline import Journey
from .tank import Tank


class Lost(NamedTuple):
    """An event that will never be answered, and when it was lost."""

    number: int
    moment: int


class Places(NamedTuple):
    """The numbers of a tank's events at one moment, by where they are, in the order in which they
    came. `held_up` is an event that waits outside, if there is one.
    """

    came: int = 0
    held_up: int | None = None
    waiting: Sequence[int] = ()
    working: Sequence[int] = ()
    answered: Sequence[int] = ()
    lost: Sequence[Lost] = ()
    cut_off: Sequence[int] = ()


class Follower:
    """Follows a tank's record. Each `look` reads only what may have changed since the last."""

    def __init__(self, tank: Tank) -> None:
        self._tank = tank
        self._followed = 0
        self._open: list[Journey] = []
        self._answered: list[int] = []
        self._lost: list[Lost] = []
        self._cut_off: list[int] = []

    def look(self) -> Places:
        """Return where each event is now. One that is being put into the queue is held up outside
        if the queue can do that, or else has not come yet.
        """
        journeys = self._tank.timeline.journeys()
        entering = self._tank.entering  # after the journeys: all others are in the queue by now
        self._open += journeys[self._followed :]
        self._followed = came = len(journeys)
        waiting, working = self._sort_out()
        held_up = None
        if entering and entering.number in waiting[-1:]:
            waiting.pop()
            held_up = entering.number if self._tank.title == "block" else None
            came -= held_up is None
        taken = max(0, len(waiting) - (self._tank.capacity or len(waiting)))
        return Places(
            came, held_up,
            waiting[taken:], working + waiting[:taken],  # a worker has them, and begins at once
            self._answered[:], self._lost[:], self._cut_off[:],
        )  # fmt: skip

    def _sort_out(self) -> tuple[list[int], list[int]]:
        """Move what has ended to its list. Return what waits and what workers have."""
        waiting: list[int] = []
        working: list[int] = []
        still_open = []
        for journey in self._open:
            number = journey.event.data
            if journey.left is not None:
                self._lost.append(Lost(number, journey.left))
            elif journey.finished is not None:
                cut_off = number in self._tank.cut_off
                (self._cut_off if cut_off else self._answered).append(number)
            else:
                (waiting if journey.started is None else working).append(number)
                still_open.append(journey)
        self._open = still_open
        return waiting, working
