"""Tables of lesson 01: who received which event, and how long each listener took."""

from __future__ import annotations

from ...timeline import Timeline
from ..course.session import Table


def journeys_table(timeline: Timeline) -> Table:
    """Return a row for each journey, with the first event as number 0."""
    journeys = timeline.journeys()
    first = journeys[0].event.id
    rows = [
        [
            journey.event.id - first,
            journey.event.topic,
            "" if journey.event.cause is None else journey.event.cause - first,
            journey.subscriber,
            journey.worker,
            journey.outcome,
        ]
        for journey in journeys
    ]
    return Table(["event", "topic", "caused by event", "subscriber", "thread", "outcome"], rows)


def times_table(timeline: Timeline, took: float) -> Table:
    """Return each listener's times in milliseconds, and last the `took` seconds of `fire`."""
    rows = [
        [journey.subscriber, _milliseconds(journey.waited), _milliseconds(journey.service_time)]
        for journey in timeline
    ]
    last = ["fire returned after", "", _milliseconds(took)]
    return Table(["listener", "waited for the others (ms)", "worked (ms)"], [*rows, last])


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.1f}"
