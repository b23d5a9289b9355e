"""What a bounded queue does with given arrivals: which jobs are answered, given up, or wait.

The exact counterpart of `Threads(workers, capacity=, overflow=)`, with no clock in it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Sequence
from typing import get_args

from ...executors.queue import Overflow


class Passage:
    """Jobs in a queue, served first come, first served by `servers` that take one job at a time.

    `arrivals[i]` is when job i is due, in ascending order, and `services[i]` how long it takes, in
    any unit of time. At most `capacity` jobs wait (None: no bound). `overflow` is as for the
    executors: "block" holds up the producer until half of the queue is free.

    `responses[i]` is the time from due to finished, None for a job that was given up. `late[i]` is
    the delay from when job i was due until it was handed over. `most` is the longest queue.
    """

    def __init__(
        self,
        arrivals: Sequence[float],
        services: Sequence[float],
        servers: int = 1,
        capacity: int | None = None,
        overflow: Overflow = "block",
    ):
        if len(arrivals) != len(services):
            raise ValueError(
                f"each arrival needs one service time; got {len(arrivals)} arrivals and "
                f"{len(services)} service times."
            )
        if any(later < earlier for earlier, later in itertools.pairwise(arrivals)):
            raise ValueError("arrivals must be in ascending order.")
        if overflow not in get_args(Overflow):
            raise ValueError(f"overflow is one of {get_args(Overflow)}; got {overflow!r}.")
        self.responses: list[float | None] = [None] * len(arrivals)
        self.late: list[float] = []
        self.most = 0
        self.arrivals, self._services = arrivals, services
        self._capacity = math.inf if capacity is None else capacity
        self._overflow = overflow
        self._free_at = [-math.inf] * servers
        self._left_queue = list(arrivals)  # when each began or was given up
        self._waiting: deque[int] = deque()
        self._run()

    @property
    def answered(self) -> list[float]:
        """Response times of the jobs that were not given up, in order of arrival."""
        return [time for time in self.responses if time is not None]

    @property
    def given_up(self) -> int:
        """Number of jobs that were given up, under any policy."""
        return self.responses.count(None)

    def waiting_at(self, moment: float) -> int:
        """Return the number of jobs in the queue at a moment."""
        stays = zip(self.arrivals, self.late, self._left_queue, strict=True)
        return sum(due + late <= moment < left for due, late, left in stays)

    def _run(self) -> None:
        now = -math.inf
        for job, due in enumerate(self.arrivals):
            now = max(now, due)
            self._begin_until(now)
            if len(self._waiting) >= self._capacity:
                now = self._make_room(job, now)
            elif self._free_at[0] <= now:
                self._begin(job, now)
            else:
                self._waiting.append(job)
            self.late.append(now - due)
            self.most = max(self.most, len(self._waiting))
        self._begin_until(math.inf)

    def _make_room(self, job: int, now: float) -> float:
        """Handle a job that finds the queue full. Return when its producer may go on."""
        if self._overflow in ("drop_newest", "raise"):
            return now
        if self._overflow == "drop_oldest":
            self._left_queue[self._waiting.popleft()] = now
        else:
            while len(self._waiting) > self._capacity // 2:
                now = self._free_at[0]
                self._begin(self._waiting.popleft(), now)
        self._waiting.append(job)
        return now

    def _begin_until(self, moment: float) -> None:
        while self._waiting and self._free_at[0] <= moment:
            self._begin(self._waiting.popleft(), self._free_at[0])

    def _begin(self, job: int, moment: float) -> None:
        self._left_queue[job] = moment
        finished = moment + self._services[job]
        heapq.heapreplace(self._free_at, finished)
        self.responses[job] = finished - self.arrivals[job]
