"""Whereabouts: where each event of a recorded timeline was at any time."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple, get_args

from ...timeline import Journey, Outcome
from . import calls

OUTCOMES: tuple[str, ...] = get_args(Outcome)
MOST_RANGES = 12


class Place(IntEnum):
    """The places on an event's way, in order. On the bus it is fired but not handed over yet: a
    flow holds it back, or another handler is called first.
    """

    TO_COME = 0
    TRIGGER = 1
    BUS = 2
    QUEUE = 3
    WORK = 4
    HANDLED = 5
    FAILED = 6
    LEFT_OUT = 7


WORDS = ["to come", "at the trigger", "on the bus", "in the queue", "running", "handled", "failed",
         "left out"]  # fmt: skip
ALWAYS_SAID = {Place.TRIGGER, Place.QUEUE, Place.WORK, Place.HANDLED}


class Stamps(NamedTuple):
    """When one journey reached each place, in nanoseconds since the record's first stamp; None if
    it has not.
    """

    due: int
    fired: int | None = None
    queued: int | None = None
    started: int | None = None
    finished: int | None = None
    left: int | None = None
    has_failed: bool = False

    def since(self, start: int) -> Stamps:
        """Return the same stamps, in nanoseconds since `start`."""

        def less(stamp: int | None) -> int | None:
            return None if stamp is None else stamp - start

        return Stamps(
            self.due - start, less(self.fired), less(self.queued), less(self.started),
            less(self.finished), less(self.left), self.has_failed,
        )  # fmt: skip


def place_at(stamps: Stamps, now: int) -> Place:
    """Return the furthest place that a journey with these stamps has reached by `now`."""

    def reached(stamp: int | None) -> bool:
        return stamp is not None and stamp <= now

    if reached(stamps.left):
        return Place.LEFT_OUT
    if reached(stamps.finished):
        return Place.FAILED if stamps.has_failed else Place.HANDLED
    if reached(stamps.started):
        return Place.WORK
    if reached(stamps.queued):
        return Place.QUEUE
    if reached(stamps.fired):
        return Place.BUS
    return Place.TRIGGER if reached(stamps.due) else Place.TO_COME


class Whereabouts:
    """The positions of recorded journeys at any time. Times are in nanoseconds since `start`, the
    record's first stamp; `span` is the time of the last one.

    `due` are the times of events that a trigger has yet to fire. Events are numbered from 1 in the
    order of firing; a result has the number of the event that caused it.

    Where nothing `queues`, an event is on the bus until its handler starts. Where nothing waits on
    the bus either, it is `direct`: it goes straight from the trigger to its handler. By default the
    record tells whether events queue.

    `levels` says of each journey how many calls its own call runs inside.
    """

    def __init__(
        self, journeys: Iterable[Journey], due: Sequence[int] = (), queues: bool | None = None
    ):
        journeys = list(journeys)
        self.queues = calls.queues(journeys) if queues is None else queues
        self.direct = not self.queues and not calls.waits_on_bus(journeys)
        self.levels = calls.levels(journeys) + [0] * len(due)
        stamps = [*self._stamps(journeys), *map(Stamps, due)]
        self.start = min((at for one in stamps for at in one[:6] if at is not None), default=0)
        self.stamps = [one.since(self.start) for one in stamps]
        self.span = max((at for one in self.stamps for at in one[:6] if at is not None), default=0)
        self.numbers = _numbers(journeys, len(due))
        self._who = self._register(journeys) + [(0, 0, 0)] * len(due)

    def _register(self, journeys: Sequence[Journey]) -> list[tuple[int, int, int]]:
        """List the workers and handlers, and return where each journey's worker, handler and
        outcome stand in their lists, counted from 1.
        """
        workers, names = [calls.worker_of(one) for one in journeys], calls.names(journeys)
        self.workers = sorted({worker for worker in workers if worker is not None}, key=_natural)
        self.subscribers = list(dict.fromkeys(names))
        self.processors = {
            name for name, one in zip(names, journeys, strict=True) if one.emits is not None
        }
        return [
            (
                _ordinal(self.workers, worker),
                _ordinal(self.subscribers, name),
                _ordinal(OUTCOMES, one.outcome),
            )
            for worker, name, one in zip(workers, names, journeys, strict=True)
        ]

    def at(self, now: int) -> list[Place]:
        """Return the place of each journey, in the order of the record."""
        return [place_at(stamps, now) for stamps in self.stamps]

    def says(self, now: int) -> str:
        """Return in words how many events are at each place."""
        places = self.at(now)
        counts = {place: places.count(place) for place in Place}
        told = [
            f"{counts[place]:,} {WORDS[place]}"
            for place in list(Place)[1:]
            if counts[place] or (place in ALWAYS_SAID and (place != Place.QUEUE or self.queues))
        ]
        came = len(places) - counts[Place.TO_COME]
        clock = f"{_milliseconds(now, self.span)}{self._of_the_span(now)} ms"
        what = " calls" if len(set(self.numbers)) < len(places) else ""  # of fewer events
        return f"{clock}: {came:,} of {len(places):,}{what} came; {', '.join(told)}."

    def _of_the_span(self, now: int) -> str:
        """Return how long the record is, unless it is still growing."""
        return "" if now > self.span else f" of {_milliseconds(self.span, self.span)}"

    def rows(self, now: int) -> list[list[str]]:
        """Return a row for each place with events: its name, how many, and their numbers."""
        found: dict[tuple[Place, int], list[int]] = {}
        for index, place in enumerate(self.at(now)):
            if place is not Place.TO_COME:
                found.setdefault((place, self._lane(place, index)), []).append(self.numbers[index])
        return [
            [self._name(place, lane), f"{len(numbers):,}", _ranges(numbers)]
            for (place, lane), numbers in sorted(found.items())
        ]

    def buffers(self) -> tuple[bytes, bytes]:
        """Return the positions for the page, column after column.

        First the six stamps as doubles, with infinity for never. Then, as unsigned integers, the
        number, worker, subscriber, outcome and level; worker, subscriber and outcome count from 1,
        and 0 is none.
        """
        stamps = array("d")
        for column in list(zip(*self.stamps, strict=True))[:6]:
            stamps.extend(math.inf if at is None else at for at in column)
        marks = array("I", self.numbers)
        for ordinals in zip(*self._who, strict=True):
            marks.extend(ordinals)
        marks.extend(self.levels)
        return stamps.tobytes(), marks.tobytes()

    def _stamps(self, journeys: Sequence[Journey]) -> Iterator[Stamps]:
        """Yield each journey's stamps. At the trigger an event is one dot, its first journey's. An
        event that was fired inside a call was never at the trigger.
        """
        inside = {j.event.id for j, level in zip(journeys, self.levels, strict=False) if level}
        inside |= {j.event.id for j in journeys if j.event.cause is not None}
        seen = set()
        for journey in journeys:
            due, fired = journey.event.time, journey.fired
            if self.direct and journey.started is not None:
                fired = journey.started
            if journey.event.id in inside:
                due = fired = fired if self.direct else min(due, fired)
            elif journey.event.id in seen:
                due = fired
            seen.add(journey.event.id)
            yield Stamps(
                due, fired, journey.queued if self.queues else None, journey.started,
                journey.finished, journey.left, journey.outcome == "failed",
            )  # fmt: skip

    def _lane(self, place: Place, index: int) -> int:
        """Return which of the place's rows the journey is in: one for each outcome, each handler,
        or each pair of worker and handler.
        """
        worker, subscriber, outcome = self._who[index]
        calls = (worker - 1) * len(self.subscribers) + subscriber
        lanes = {Place.WORK: calls, Place.HANDLED: subscriber, Place.FAILED: subscriber}
        return outcome if place is Place.LEFT_OUT else lanes.get(place, 0)

    def _name(self, place: Place, lane: int) -> str:
        if place is Place.LEFT_OUT:
            return OUTCOMES[lane - 1]
        if place is Place.WORK:
            worker, handler = divmod(lane - 1, len(self.subscribers))
            return f"running on {self.workers[worker]}: {self.subscribers[handler]}"
        if place in (Place.HANDLED, Place.FAILED):
            return f"{WORDS[place]} by {self.subscribers[lane - 1]}"
        return WORDS[place]


def _numbers(journeys: Sequence[Journey], to_come: int) -> list[int]:
    """Number events in the order of firing. A caused event has the number of its cause."""
    numbers: dict[int, int] = {}
    last = 0
    for event in (journey.event for journey in journeys):
        if event.id not in numbers:
            known = numbers.get(event.cause) if event.cause is not None else None
            last += known is None
            numbers[event.id] = last if known is None else known
    return [numbers[j.event.id] for j in journeys] + list(range(last + 1, last + 1 + to_come))


def _natural(name: str) -> list[tuple[str, int]]:
    """Return a sort key that puts worker 2 before worker 10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def _ordinal(names: Sequence[str], name: str | None) -> int:
    return 0 if name is None else names.index(name) + 1


def _milliseconds(nanoseconds: int, span: int) -> str:
    """Return milliseconds, cut off to as many places as suit the whole span."""
    places = 0 if span >= 10**9 else 1 if span >= 10**7 else 3
    unit = 10 ** (6 - places)
    return f"{nanoseconds // unit / 10**places:,.{places}f}"


def _ranges(numbers: Iterable[int]) -> str:
    """Return 1, 2, 3 and 7 as "1–3, 7"; of a long list, only its beginning."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    told = [f"{low}" if low == high else f"{low}–{high}" for low, high in ranges[:MOST_RANGES]]
    return ", ".join(told) + (", …" if len(ranges) > MOST_RANGES else "")
