"""When each event got a place in a queue with a bound, from the record of what happened to it."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence

import msgspec

from ...timeline import Journey


def with_a_place(journeys: Sequence[Journey], capacity: int, refuses_newest: bool) -> list[Journey]:
    """Return the journeys with `queued` at the moment when the event got a place, None if it never
    got one. The bus sets it when it hands the event over, which may be before there is room.
    """
    left: list[float] = []  # when the events before this one left the queue, in order
    placed = []
    for journey in journeys:
        if refuses_newest and journey.outcome == "dropped":
            placed.append(msgspec.structs.replace(journey, queued=None))
            continue
        room = left[-capacity] if len(left) >= capacity else -math.inf
        leaves = _left_queue(journey)
        queued = min(max(journey.queued or journey.fired, room), leaves)
        placed.append(msgspec.structs.replace(journey, queued=_reached(queued)))
        insort(left, leaves)
    return placed


def _reached(moment: float) -> int | None:
    return None if math.isinf(moment) else int(moment)


def _left_queue(journey: Journey) -> float:
    stamps = [stamp for stamp in (journey.started, journey.left) if stamp is not None]
    return min(stamps, default=math.inf)
