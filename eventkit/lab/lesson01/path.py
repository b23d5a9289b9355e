"""The path of an event through the parts, hop by hop, as a bus has recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from ...event import Event
from ...timeline import Journey, Timeline

Kind = Literal["fired", "emitted", "error", "handled", "failed"]


class Hop(NamedTuple):
    """One hop of an event: from the trigger or a part to the bus, or from the bus to a part.

    Events are numbered from 1 in the order in which they were made. Neither the trigger nor the
    bus, which fires the error events, is a part.
    """

    kind: Kind
    event: int
    topic: str
    part: str = ""

    def says(self) -> str:
        event = f"event {self.event}"
        return {
            "fired": f"The trigger fires {event}, {self.topic}.",
            "emitted": f"{self.part} emits {event}, {self.topic}.",
            "error": f"The bus fires {event}, {self.topic}.",
            "handled": f"{self.part} handles {event}.",
            "failed": f"{self.part} fails on {event}.",
        }[self.kind]


def path(fired: Event, timeline: Timeline) -> list[Hop]:
    """Return the hops of a fired event and of the events that it caused, in their order."""
    journeys = timeline.journeys()
    made = sorted({fired.id, *(journey.event.id for journey in journeys)})
    number = {event: place for place, event in enumerate(made, 1)}
    hops = [Hop("fired", number[fired.id], fired.topic)]
    seen = {fired.id}
    for journey in journeys:
        event = journey.event
        if event.id not in seen:
            seen.add(event.id)
            hops.append(_origin(event, number[event.id], journeys))
        kind: Kind = "failed" if journey.outcome == "failed" else "handled"
        hops.append(Hop(kind, number[event.id], event.topic, journey.subscriber))
    return hops


def topics(hops: Iterable[Hop]) -> dict[int, str]:
    """Return the topic of each event, by its number."""
    return {hop.event: hop.topic for hop in hops}


def _origin(event: Event, number: int, journeys: Iterable[Journey]) -> Hop:
    """Return who fired an event: the part whose results go to its topic, or the bus itself."""
    part = next(_emitters(event, journeys), None)
    if part is None:
        return Hop("error", number, event.topic)
    return Hop("emitted", number, event.topic, part)


def _emitters(event: Event, journeys: Iterable[Journey]) -> Iterator[str]:
    for journey in journeys:
        if (journey.event.id, journey.emits) == (event.cause, event.topic):
            yield journey.subscriber
