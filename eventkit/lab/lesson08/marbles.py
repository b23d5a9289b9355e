"""The events on the filter bench's input line, and what each filter makes of them.

Times are in whole milliseconds. The answers come from the real flows, on a ManualClock.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from ...flow import Batch, Coalesce, Debounce, Flow, Throttle, TokenBucket
from ...flow.clock import ManualClock
from .passing import pass_through

END = 3000  # events can be placed from 0 to here
STEP = 50
ROOM = 30  # events at most
EXAMPLE = [200, 300, 400, 500, 600, 1200, 1700, 1800, 1900, 2000, 2500, 2900]


class Field(NamedTuple):
    """A number of a filter that can be set."""

    label: str
    unit: str
    low: float
    high: float
    step: float
    value: float

    def fitting(self, value: float) -> float:
        """Return the nearest value that can be set."""
        _check_number(self.label, value)
        steps = round(value / self.step)
        return round(min(self.high, max(self.low, steps * self.step)), 3)


class Operator(NamedTuple):
    """A kind of flow on the bench: what can be set, and how it is made."""

    fields: tuple[Field, ...]
    make: Callable[..., Flow]


_SECONDS = ("s", 0.05, 1.0, 0.05)

OPERATORS: dict[str, Operator] = {
    "Coalesce": Operator((Field("interval", *_SECONDS, 0.3),), Coalesce),
    "Debounce": Operator((Field("wait", *_SECONDS, 0.3),), Debounce),
    "Throttle": Operator((Field("interval", *_SECONDS, 0.3),), Throttle),
    "Batch": Operator((Field("up to", "", 1, 12, 1, 4), Field("within", *_SECONDS, 0.5)), Batch),
    "Token bucket": Operator(
        (Field("rate", "/s", 1, 20, 1, 2), Field("burst", "", 1, 12, 1, 3)), TokenBucket
    ),
}

Settings = Mapping[str, tuple[float, ...]]
STANDARD: Settings = {
    name: tuple(field.value for field in one.fields) for name, one in OPERATORS.items()
}


@dataclass(frozen=True)
class Marbles:
    """Numbered events with their times, and the filters' settings. Nothing in it changes: each
    method returns new ones.
    """

    events: Mapping[int, int]
    settings: Settings

    @classmethod
    def at(cls, times: Iterable[int], settings: Settings = STANDARD) -> Marbles:
        """Return events at these times, numbered from 1, and the filters' settings."""
        return cls(dict(enumerate(times, start=1)), settings)

    def added(self, *times: int) -> Marbles:
        """Return with more events, as far as there is room. Each has the lowest free number."""
        made = self
        for time in times:
            number = next(n for n in range(1, ROOM + 2) if n not in made.events)
            if number <= ROOM:
                made = replace(made, events={**made.events, number: _placed(time)})
        return made

    def moved(self, number: int, time: int) -> Marbles:
        """Return with one event at another time."""
        if number not in self.events:
            return self
        return replace(self, events={**self.events, number: _placed(time)})

    def removed(self, number: int) -> Marbles:
        """Return without this event."""
        left = {one: time for one, time in self.events.items() if one != number}
        return replace(self, events=left)

    def changed(self, name: str, field: int, value: float) -> Marbles:
        """Return with another setting of a filter, the nearest that it can have.

        Raises ValueError for a filter or a field that there is not.
        """
        if name not in OPERATORS or field not in range(len(OPERATORS[name].fields)):
            has = (f"{one} ({len(kind.fields)})" for one, kind in OPERATORS.items())
            raise ValueError(
                f"the filters, and how many fields each has, are {', '.join(has)}, counted from "
                f"0; got {name!r}, field {field!r}."
            )
        values = list(self.settings[name])
        values[field] = OPERATORS[name].fields[field].fitting(value)
        return replace(self, settings={**self.settings, name: tuple(values)})

    def widest_gap(self) -> int:
        """Return the middle of the longest stretch of time without an event."""
        times = sorted([0, END, *self.events.values()])
        sooner, later = max(pairwise(times), key=lambda gap: gap[1] - gap[0])
        return _placed((sooner + later) / 2)

    def answers(self) -> list[Answer]:
        """Return what each filter does with the events."""
        return [self._answer(name) for name in OPERATORS]

    def _answer(self, name: str) -> Answer:
        came = sorted(self.events.items(), key=lambda one: (one[1], one[0]))
        values = [_whole(value) for value in self.settings[name]]
        flow = OPERATORS[name].make(*values, clock=ManualClock())
        passing = pass_through(flow, [time / 1e3 for _, time in came])
        out = [
            LetOut(round(one.moment * 1e3), [came[at][0] for at in one.numbers])
            for one in passing.out
        ]
        waits = [one.time - self.events[one.numbers[0]] for one in out]
        dropped = [came[at][0] for at in passing.dropped]
        return Answer(name, out, dropped, max(waits, default=0))


class LetOut(NamedTuple):
    """An event that came out, and the numbers of those that it stands for. The last is its own."""

    time: int
    numbers: list[int]


class Answer(NamedTuple):
    """What a filter does: each event is in exactly one of `out`, or in `dropped`. `oldest` is the
    longest that an event waited until it, or the one in its place, came out.
    """

    name: str
    out: list[LetOut]
    dropped: list[int]
    oldest: int

    @property
    def merged(self) -> int:
        """The number of events that came out inside another one, or were replaced by it."""
        return sum(len(one.numbers) - 1 for one in self.out)

    @property
    def says(self) -> str:
        """The numbers in words."""
        merged = f"{self.merged} {'more inside' if self.name == 'Batch' else 'replaced'}"
        parts = [f"{len(self.out)} out", merged, f"{len(self.dropped)} dropped"]
        return f"{', '.join(parts)}; oldest waited {seconds(self.oldest)}"

    def story(self, number: int, came: int) -> str:
        """Return in words what happened to one event that came at a time."""
        out = next((one for one in self.out if number in one.numbers), None)
        if out is None:
            return f"{self.name} drops it."
        later = f"{seconds(out.time - came)} later" if out.time > came else "at once"
        if self.name == "Batch":
            return f"{self.name} lets it out {later}, in a batch of {len(out.numbers)}."
        if out.numbers[-1] != number:
            return f"{self.name} lets out {out.numbers[-1]} in its place, {later}."
        return f"{self.name} lets it out {later}."


def headline(marbles: Marbles, answers: list[Answer]) -> str:
    """Return the result in one line, of the filter that lets the fewest through."""
    if not marbles.events:
        return "No events: click on the line, or press “Add event”."
    fewest = min(answers, key=lambda one: len(one.out))
    came = len(marbles.events)
    return (
        f"{came} event{'s' * (came > 1)} in: {fewest.name.lower()} lets {len(fewest.out)} through, "
        f"the oldest waited {seconds(fewest.oldest)}."
    )


def story(marbles: Marbles, answers: list[Answer], number: int) -> str:
    """Return in words what each filter does with one event."""
    came = marbles.events[number]
    told = " ".join(one.story(number, came) for one in answers)
    return f"Event {number}, at {seconds(came)}. {told}"


def burst(marbles: Marbles) -> Marbles:
    """Return with five more events in quick succession, where there is most room."""
    middle = marbles.widest_gap()
    return marbles.added(*(middle + place * STEP for place in range(-2, 3)))


def at_random(marbles: Marbles, seed: int) -> Marbles:
    """Return with twelve other events, the same for the same seed."""
    chance = random.Random(seed)
    times = (chance.randrange(0, END + 1, STEP) for _ in range(12))
    return Marbles.at(sorted(times), marbles.settings)


def seconds(time: int) -> str:
    """Return milliseconds as seconds, with the unit."""
    return f"{time / 1e3:g} s"


def _placed(time: float) -> int:
    _check_number("a time in ms", time)
    return min(END, max(0, STEP * round(time / STEP)))


def _check_number(what: str, value: object) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} is a finite number; got {value!r}.")


def _whole(value: float) -> float:
    """Return a whole number as an int, which sizes must be."""
    return int(value) if value == int(value) else value
