"""Receiver: a bridge's incoming events, from the server to the bus, and the losses on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial

from ..bus import EventBus
from ..event import CloudEvent, Event, InvalidEvent, decode
from ..executors.queue import BusClosed, QueueFull
from ..topics import matches
from .counting import Gaps

_log = logging.getLogger("eventkit")


class Arrived(Event, frozen=True, gc=False, kw_only=True):
    """An Event that arrived over a bridge. No bridge sends it out again.

    `original` has its source and id, which are the same on every bus.
    """

    original: CloudEvent


class Receiver:
    """Publishes what arrives on `bus` and counts it as `received`, `dropped` or `skipped`.

    `missed` counts events that other bridges sent and that never arrived.
    """

    def __init__(
        self, bus: EventBus, name: str, patterns: tuple[str, ...], *, counts_gaps: bool
    ) -> None:
        self.received = self.dropped = self.skipped = 0
        self._bus = bus
        self._source = bus.source
        self._name = name
        self._place_of = first_match(patterns)
        self._counts_gaps = counts_gaps
        self._gaps = Gaps()

    @property
    def missed(self) -> int:
        """Return the number of events that never arrived, as far as later ones have shown."""
        return self._gaps.missed

    def wants(self, number: int, topic: str, body: bytes) -> bool:
        """Return True if this copy of an event must be delivered.

        The server sends one copy for each subscription that matches. The subscription of the
        first matching pattern counts; `number` says which one this is, counted from 1.
        """
        if number != 1 and self._place_of(topic) != number - 1:
            return False
        if self._counts_gaps and (missing := self._gaps.note(topic, body)):
            _log.warning(
                "%s has missed %d events on %r: they were sent while it was not connected, or "
                "were lost on the way. Its `missed` counts them; a log would have kept them.",
                self._name, missing, topic,
            )  # fmt: skip
        return True

    def deliver(self, topic: str, body: bytes) -> None:
        """Publish an event on the bus, and count it."""
        try:
            wire = decode(body)
            if wire.type != topic:
                raise InvalidEvent(f"its type is {wire.type!r}, not the topic.")
            if wire.source == self._source:
                self.skipped += 1
                return
            event = _arrived(wire)
            self.received += 1
            self._bus.publish(event)
        except (InvalidEvent, QueueFull, BusClosed) as problem:
            self.dropped += 1
            _log.warning("%s cannot fire what arrived on %r: %s", self._name, topic, problem)

    def drop(self, topic: str, capacity: int) -> None:
        """Count an event for which there was no room. Warn at the first."""
        self.dropped += 1
        if self.dropped == 1:
            _log.warning(
                "%s has %d arrived events waiting for slow handlers and begins to drop: the first "
                "was one on %r. Give the handlers an executor=. Its `dropped` counts them.",
                self._name, capacity, topic,
            )  # fmt: skip


def _arrived(wire: CloudEvent) -> Arrived:
    event = wire.to_event()
    return Arrived(event.topic, event.data, event.id, event.time, event.key, original=wire)


def first_match(patterns: tuple[str, ...]) -> Callable[[str], int]:
    """Return a function that returns the place of the first pattern that a topic matches."""
    return lru_cache(maxsize=10_000)(partial(_first_match, patterns))


def _first_match(patterns: tuple[str, ...], topic: str) -> int:
    return next(place for place, pattern in enumerate(patterns) if matches(pattern, topic))
