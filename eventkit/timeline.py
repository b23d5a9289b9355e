"""Timeline: the journey of each event to each subscriber, and the response times."""

from __future__ import annotations

import json
import math
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from .checks import whole_number
from .event import Event
from .topics import check_pattern, matches

Outcome = Literal["ok", "failed", "merged", "dropped", "abandoned"]


class Journey(msgspec.Struct, gc=False):  # there are many, so spare the garbage collector
    """One event on its way to one subscriber. All times are in nanoseconds of `perf_counter_ns`.

    `event.time` is when the event was due. `fired` is when the bus received it, `queued` when its
    executor received it, and `started` and `finished` are when its handler started and finished.
    `fired` is the same for all subscribers.

    A time is None until it is reached. A journey without `finished` is still in progress, unless
    `outcome` is "merged", "dropped" or "abandoned". In that case `left` is when that happened.

    `worker` is the worker that ran the handler. `emits` is the topic on which the subscriber's
    results are fired.
    """

    event: Event
    subscriber: str
    fired: int
    queued: int | None = None
    started: int | None = None
    finished: int | None = None
    worker: str | None = None
    outcome: Outcome | None = None
    left: int | None = None
    emits: str | None = None

    @property
    def waited(self) -> float | None:
        """Seconds from due to started."""
        return None if self.started is None else (self.started - self.event.time) / 1e9

    @property
    def service_time(self) -> float | None:
        """Seconds from started to finished."""
        if self.started is None or self.finished is None:
            return None
        return (self.finished - self.started) / 1e9

    @property
    def response_time(self) -> float | None:
        """Seconds from due to finished: how long a user waited for the answer."""
        return None if self.finished is None else (self.finished - self.event.time) / 1e9


class Timeline:
    """The last `capacity` journeys that a bus recorded, in the order in which deliveries began.

    Iterating and `journeys()` use a copy of the record, so recording can continue meanwhile.
    """

    def __init__(self, capacity: int = 100_000):
        whole_number("capacity", capacity, "how many journeys to keep")
        self._journeys: deque[Journey] = deque(maxlen=min(capacity, sys.maxsize))
        self.add = self._journeys.append

    def __len__(self) -> int:
        return len(self._journeys)

    def __iter__(self) -> Iterator[Journey]:
        return iter(self.journeys())

    def journeys(self, topic: str = ">", subscriber: str | None = None) -> list[Journey]:
        """Return the journeys of events on a topic pattern, to all subscribers or to one."""
        check_pattern(topic)
        journeys = self._copy()
        fits = {name: matches(topic, name) for name in {j.event.topic for j in journeys}}
        return [
            journey
            for journey in journeys
            if fits[journey.event.topic] and subscriber in (None, journey.subscriber)
        ]

    def response_times(self, topic: str = ">", subscriber: str | None = None) -> list[float]:
        """Return the response times, in seconds, of the journeys that have finished."""
        times = (journey.response_time for journey in self.journeys(topic, subscriber))
        return [seconds for seconds in times if seconds is not None]

    def percentiles(
        self, topic: str = ">", ranks: Iterable[float] = (50, 90, 95, 99, 100)
    ) -> dict[float, float]:
        """Return for each rank the response time in seconds; see `percentile`."""
        times = self.response_times(topic)
        return {rank: percentile(times, rank) for rank in ranks}

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a trace file that Perfetto and chrome://tracing can open.

        It has a track for each worker, a bar for each handler call, and an arrow from the cause of
        each event to the event.
        """
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": list(self._trace()), "displayTimeUnit": "ms"}, file)

    def _copy(self) -> list[Journey]:
        while True:
            try:
                return list(self._journeys)
            except RuntimeError:  # another thread recorded a journey meanwhile
                continue

    def _trace(self) -> Iterator[dict[str, Any]]:
        done = [j for j in self._copy() if j.started is not None and j.finished is not None]
        start = min((j.event.time for j in done), default=0)
        tracks = {worker: n for n, worker in enumerate(sorted({str(j.worker) for j in done}), 1)}
        for worker, track in tracks.items():
            yield {
                "ph": "M",
                "name": "thread_name",
                "pid": 1,
                "tid": track,
                "args": {"name": worker},
            }
        for journey in done:
            assert journey.started is not None and journey.finished is not None
            event, track = journey.event, tracks[str(journey.worker)]
            at = (journey.started - start) / 1e3
            yield {
                "ph": "X",
                "name": journey.subscriber,
                "cat": event.topic,
                "pid": 1,
                "tid": track,
                "ts": at,
                "dur": (journey.finished - journey.started) / 1e3,
                "args": {
                    "event": event.id,
                    "cause": event.cause,
                    "key": event.key,
                    "waited_ms": (journey.started - event.time) / 1e6,
                },
            }
            yield {
                "ph": "s",
                "id": event.id,
                "name": "caused",
                "cat": "cause",
                "pid": 1,
                "tid": track,
                "ts": at,
            }
            if event.cause is not None:
                yield {
                    "ph": "f",
                    "bp": "e",
                    "id": event.cause,
                    "name": "caused",
                    "cat": "cause",
                    "pid": 1,
                    "tid": track,
                    "ts": at,
                }


def percentile(values: Sequence[float], rank: float) -> float:
    """Return the smallest of the values that `rank` per cent of them do not exceed.

    This is the nearest-rank method: the result is always one of the values. Raise ValueError if
    there are no values or the rank is not between 0 and 100.
    """
    if not values:
        raise ValueError("there is no percentile of nothing: no journey has finished yet.")
    if not 0 <= rank <= 100:
        raise ValueError(f"a percentile's rank is between 0 and 100; got {rank!r}.")
    place = math.ceil(
        round(rank * len(values) / 100, 6)
    )  # 85.4 % of 3,000 is 2562, not 2562.0000000000005
    return sorted(values)[max(0, place - 1)]
