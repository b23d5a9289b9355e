"""Timeline: the journey of each event to each subscriber, and the times that follow from it."""

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


class Journey(msgspec.Struct, gc=False):  # as many as there are events: spare the collector
    """One event on its way to one subscriber. All times in nanoseconds of `perf_counter_ns`.

    `event.time` is when the event was due, `fired` when the bus got it, `queued` when it was
    handed to its executor, `started` and `finished` when its handler was. `fired` is the same for
    all who get an event, and where one alone gets it, inline and without a flow, `queued` and
    `started` are that moment, too. A stamp is None until it is reached: a journey without
    `finished` is under way, unless `outcome` says otherwise; `left` is then when it was merged,
    dropped or abandoned. `worker` is the lane that ran it, and `emits` the topic on which its
    subscriber's results are fired.
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
        """Seconds from due to finished: what a user felt who waited for the answer."""
        return None if self.finished is None else (self.finished - self.event.time) / 1e9


class Timeline:
    """What a bus recorded: the last `capacity` journeys, in the order in which the bus fired them.

    Iterating, or calling `journeys()`, looks at the record as it stands; recording goes on.
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
        """The journeys of events whose topic fits a pattern, to all subscribers or to one."""
        check_pattern(topic)
        journeys = self._copy()
        fits = {name: matches(topic, name) for name in {j.event.topic for j in journeys}}
        return [
            journey
            for journey in journeys
            if fits[journey.event.topic] and subscriber in (None, journey.subscriber)
        ]

    def response_times(self, topic: str = ">", subscriber: str | None = None) -> list[float]:
        """Seconds from due to finished, for the journeys that have finished."""
        times = (journey.response_time for journey in self.journeys(topic, subscriber))
        return [seconds for seconds in times if seconds is not None]

    def percentiles(
        self, topic: str = ">", ranks: Iterable[float] = (50, 90, 95, 99, 100)
    ) -> dict[float, float]:
        """Response times by rank: seconds that `rank` per cent of the answers did not exceed."""
        times = self.response_times(topic)
        return {rank: percentile(times, rank) for rank in ranks}

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a file that Perfetto and chrome://tracing open: a lane for each worker, a bar for
        each handler call, an arrow from an event's cause to the event.
        """
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": list(self._trace()), "displayTimeUnit": "ms"}, file)

    def _copy(self) -> list[Journey]:
        while True:
            try:
                return list(self._journeys)
            except RuntimeError:  # another thread recorded in the middle of it
                continue

    def _trace(self) -> Iterator[dict[str, Any]]:
        done = [j for j in self._copy() if j.started is not None and j.finished is not None]
        start = min((j.event.time for j in done), default=0)
        lanes = {worker: n for n, worker in enumerate(sorted({str(j.worker) for j in done}), 1)}
        for worker, lane in lanes.items():
            yield {
                "ph": "M",
                "name": "thread_name",
                "pid": 1,
                "tid": lane,
                "args": {"name": worker},
            }
        for journey in done:
            assert journey.started is not None and journey.finished is not None
            event, lane = journey.event, lanes[str(journey.worker)]
            at = (journey.started - start) / 1e3
            yield {
                "ph": "X",
                "name": journey.subscriber,
                "cat": event.topic,
                "pid": 1,
                "tid": lane,
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
                "tid": lane,
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
                    "tid": lane,
                    "ts": at,
                }


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest of the values that `rank` per cent of them do not exceed (nearest rank:
    always one that was measured). Raises ValueError without values or with a rank outside 0–100.
    """
    if not values:
        raise ValueError("there is no percentile of nothing: no journey has finished yet.")
    if not 0 <= rank <= 100:
        raise ValueError(f"a percentile's rank is between 0 and 100; got {rank!r}.")
    place = math.ceil(round(rank * len(values) / 100, 6))  # 7 % of 100 is 7, not 7.000000000000001
    return sorted(values)[max(0, place - 1)]
