"""Batch: one event that carries several."""

from __future__ import annotations

from ..checks import whole_number
from ..event import Event
from .stage import AnyClock, Flow, Held, Line, duration


class Batch(Flow):
    """One event whose data is a tuple of up to `size` events, in the order in which they came.

    All topics and keys go into the same batch. It comes out when it is full, or `within` seconds
    after its first event came.

    The batch has the topic and time of its first event, and the last event as its cause. It has a
    key only if all its events have the same one. Unlike ReactiveX's `bufferTime`, it is never
    empty.
    """

    per_key = False
    makes_events = True

    def __init__(self, size: int, within: float, *, clock: AnyClock | None = None):
        super().__init__(clock)
        self.size = whole_number("size", size, "the number of events that fill a batch")
        self.within = within
        self._within = duration("within", within)

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        line.keep(held, now)
        if len(line.waiting) >= self.size:
            self._release(line)
        return line.since + self._within if line.waiting else None

    def _woke(self, line: Line, now: int) -> int | None:
        if line.waiting and now < line.since + self._within:
            return line.since + self._within
        self._release(line)
        return None

    def _release(self, line: Line) -> None:
        if not line.waiting:
            return
        batch = _batch_of(tuple(one.event for one in line.waiting))
        line.release_as_one(Held(batch, line.waiting[-1].ticket))

    def __repr__(self) -> str:
        return f"Batch({self.size!r}, {self.within!r})"


def _batch_of(events: tuple[Event, ...]) -> Event:
    first, last = events[0], events[-1]
    key = first.key if all(one.key == first.key for one in events) else None
    return Event(first.topic, events, time=first.time, key=key, cause=last.id)
