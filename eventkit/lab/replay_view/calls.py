"""Handler calls of a record: how they are nested, whether any queued, and the handlers' names."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ...timeline import Journey

TRIGGERS = ("OpenLoop", "ClosedLoop", "Timer")  # what their threads are called


def levels(journeys: Sequence[Journey]) -> list[int]:
    """Return for each journey the number of calls that its own call runs inside.

    A worker that runs one call at a time started the inner call later and finished it sooner. On an
    event loop calls take turns: there, the outer call must also be one for the event that caused
    the inner one.
    """
    found = [0] * len(journeys)
    for calls in _by_worker(journeys).values():
        calls.sort(key=lambda at: (journeys[at].started, -_end(journeys[at])))
        nest = _nest_by_cause if _take_turns(journeys, calls) else _nest
        for at, level in nest(journeys, calls):
            found[at] = level
    return found


def queues(journeys: Sequence[Journey]) -> bool:
    """Return True if an event waited in a queue: it is not started, or its worker started or
    finished another call in the meantime.
    """
    busy = {
        worker: _stamps(journeys[at] for at in calls)
        for worker, calls in _by_worker(journeys).items()
    }
    return any(
        journey.started is None
        or _is_between(journey.queued, journey.started, busy[str(journey.worker)])
        for journey in journeys
        if journey.queued is not None
    )


def waits_on_bus(journeys: Sequence[Journey]) -> bool:
    """Return True if a call started or finished while another event was on its way to its handler,
    as when one handler is called after another; or if an event never got there.
    """
    stamps = _stamps(journeys)
    return any(
        journey.left is not None
        or _is_between(journey.fired, journey.started or math.inf, stamps or [journey.fired + 1])
        for journey in journeys
    )


def names(journeys: Sequence[Journey]) -> list[str]:
    """Return for each journey its handler's name as a reader knows it: `Counter._count` is "count",
    unless another handler has that name too, and a lambda is named by its topic.
    """
    short = {j.subscriber: j.subscriber.rpartition(".")[2].lstrip("_") for j in journeys}
    times = Counter(short.values())

    def name(journey: Journey) -> str:
        found = short[journey.subscriber]
        if found == "<lambda>":
            return f"lambda on {journey.event.topic}"
        return found if times[found] == 1 else journey.subscriber

    return [name(journey) for journey in journeys]


def worker_of(journey: Journey) -> str | None:
    """Return the worker's name as a reader knows it: a trigger's own thread is the "trigger"."""
    return "trigger" if journey.worker in TRIGGERS else journey.worker


def _by_worker(journeys: Sequence[Journey]) -> dict[str, list[int]]:
    """Return the started journeys of each worker, as positions in the record."""
    found = defaultdict(list)
    for at, journey in enumerate(journeys):
        if journey.started is not None:
            found[str(journey.worker)].append(at)
    return found


def _stamps(journeys: Iterable[Journey]) -> list[float]:
    """Return in order when these journeys' calls started and finished."""
    started = [journey for journey in journeys if journey.started is not None]
    return sorted([j.started or 0 for j in started] + [_end(j) for j in started])


def _is_between(low: int, high: float, stamps: Sequence[float]) -> bool:
    return bisect_right(stamps, low) < bisect_left(stamps, high)


def _end(journey: Journey) -> float:
    return math.inf if journey.finished is None else journey.finished


def _take_turns(journeys: Sequence[Journey], calls: Sequence[int]) -> bool:
    """Return True if one of these calls, in order, ends inside another that began before."""
    outer: list[float] = []
    for journey in (journeys[at] for at in calls):
        while outer and outer[-1] <= (journey.started or 0):
            outer.pop()
        if outer and outer[-1] < _end(journey):
            return True
        outer.append(_end(journey))
    return False


def _nest(journeys: Sequence[Journey], calls: Sequence[int]) -> Iterator[tuple[int, int]]:
    outer: list[float] = []
    for at in calls:
        while outer and outer[-1] <= (journeys[at].started or 0):
            outer.pop()
        yield at, len(outer)
        outer.append(_end(journeys[at]))


def _nest_by_cause(journeys: Sequence[Journey], calls: Sequence[int]) -> Iterator[tuple[int, int]]:
    of_event: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for at in calls:
        journey = journeys[at]
        causes = of_event[journey.event.cause] if journey.event.cause is not None else []
        inside = [level for end, level in causes if end >= _end(journey)]
        level = 1 + max(inside, default=-1)
        of_event[journey.event.id].append((_end(journey), level))
        yield at, level
