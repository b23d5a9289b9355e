"""Whatever a log accepts comes out equal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

import eventkit as ek
from eventkit.event import to_cloud

from .. import arbitrary
from ..tiers import rounds

SEED = 16
WRITERS = 32


@pytest.mark.thorough
def test_arbitrary_events_are_refused_or_come_out_equal(tmp_path: Path) -> None:
    random = Random(SEED)
    events = [
        arbitrary.event(random) for _ in range(rounds("EVENTKIT_EVENTS", quick=3_000, long=100_000))
    ]
    with ek.open_log(tmp_path / "log.db") as log, ThreadPoolExecutor(WRITERS) as writers:

        def append(event: ek.Event | ek.CloudEvent) -> int | None:
            try:
                return log.append(event)
            except (TypeError, ValueError):  # InvalidTopic too
                return None

        sequences = list(writers.map(append, events))
        read = {entry.sequence: entry for entry in log.read()}

    accepted: dict[int, ek.Event | ek.CloudEvent] = {}
    for event, sequence in zip(events, sequences, strict=True):
        if sequence is not None:
            accepted.setdefault(sequence, event)
    assert read.keys() == accepted.keys()
    assert len(events) // 3 < len(accepted) < len(events) * 9 // 10
    for sequence, event in accepted.items():
        came_out = read[sequence].event
        if isinstance(event, ek.Event):
            assert what_is_in(came_out) == what_is_in(to_cloud(event, "here"))
        else:
            assert what_is_in(came_out) == what_is_in(event)
            assert came_out.time == event.time


def what_is_in(event: ek.CloudEvent) -> tuple[object, ...]:
    """Return what must be the same; data by its repr, which tells 1 from 1.0 and True."""
    data = repr(arbitrary.as_read(event.data))
    return event.type, event.subject, event.cause, data, event.data_base64
