"""Coalesce: one event at the end of each interval, instead of all that came in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..event import Event
from .stage import AnyClock, Flow, Held, Line, duration, options_repr


class Coalesce(Flow):
    """One event at the end of each `interval` in which events came.

    It is the newest event, or with `merge` an event whose data is `merge(older data, newer data)`,
    folded over all events of the interval. An interval begins with its first event, so no event
    waits longer than `interval`. The last event is never lost.

    A merged event has a new id, the time of the oldest event, and the newest event as its cause.
    `merge` is called while the stage is locked, so it must be quick and must not fire events.

    ReactiveX calls this `auditTime`. The intervals of its `sampleTime` do not start with an event.
    """

    def __init__(
        self,
        interval: float,
        merge: Callable[[Any, Any], Any] | None = None,
        *,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        if merge is not None and not callable(merge):
            raise TypeError(
                f"merge is a function of two arguments, the older and the newer data, or None for "
                f"the newest event; got {merge!r}."
            )
        self.interval = interval
        self.merge = merge
        self.makes_events = merge is not None
        self._interval = duration("interval", interval)

    def _came(self, line: Line, held: Held, now: int) -> int:
        if line.waiting and self.merge is not None:
            held = Held(self._merged(line.waiting[0].event, held.event), held.ticket)
        line.keep_newest(held, now)
        return line.since + self._interval

    def _woke(self, line: Line, now: int) -> int | None:
        if line.waiting and now < line.since + self._interval:
            return line.since + self._interval
        self._release(line)
        return None

    def _merged(self, older: Event, newer: Event) -> Event:
        assert self.merge is not None
        data = self.merge(older.data, newer.data)
        return Event(newer.topic, data, time=older.time, key=newer.key, cause=newer.id)

    def __repr__(self) -> str:
        return f"Coalesce({self.interval!r}{options_repr(merge=self.merge)})"
