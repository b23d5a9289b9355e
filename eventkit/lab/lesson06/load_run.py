"""A load run: requests at random times to a few threads, measured beside theory."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Sequence
from typing import Literal, get_args

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ...timeline import Journey, Timeline, percentile
from ...triggers import OpenLoop
from ..panels.run_panel import Runs, side_by_side
from ..theory.queueing import md1, mm1, mmc, response_times

Service = Literal["fixed", "exponential"]

TOPIC = "request"


class LoadRun:
    """Requests at random times that keep `Threads(servers)` busy for the share `rho` of the time.

    Each takes `work` seconds: always ("fixed") or on average ("exponential"). `run()` waits for the
    end, or for `stop()`. Then these times are known, in seconds and in the order of arrival:
    `measured` from due to answered, and `exact`, which theory predicts for the same arrivals at the
    queue and the measured service times.
    """

    def __init__(
        self,
        rho: float,
        servers: int = 1,
        service: Service = "fixed",
        work: float = 0.010,
        seconds: float = 4.0,
        seed: int = 6,
    ):
        if not 0 < rho < 1:
            raise ValueError(f"rho is between 0 and 1: at 1 the queue never ends; got {rho!r}.")
        if service not in get_args(Service):
            raise ValueError(f"service is one of {get_args(Service)}; got {service!r}.")
        self.rho = rho
        self.servers = servers
        self.service: Service = service
        self.work = work
        self.rate = rho * servers / work
        self.requests = max(20, round(self.rate * seconds))
        self.bus = EventBus()
        self.timeline = Timeline()
        self.trigger = OpenLoop(self.rate, self.requests, seed=seed)
        self._stopped = threading.Event()
        self._needs = self._service_times(seed)

    def run(self) -> LoadRun:
        """Fire all requests and wait until they are answered. Raises what a handler raised."""
        with self.bus, self.bus.record() as self.timeline:
            self.bus.subscribe(TOPIC, self._process, executor=Threads(self.servers))
            self.trigger.run(self.bus, TOPIC)
            self.bus.drain()
        self.bus.assert_clean()
        return self

    def stop(self) -> None:
        """End the run early: fire no more, and answer waiting requests at once."""
        self._stopped.set()
        self.trigger.stop()

    @property
    def was_stopped(self) -> bool:
        return self._stopped.is_set()

    @property
    def answered(self) -> int:
        """Number of requests answered so far."""
        return len(self.timeline.response_times(TOPIC))

    def journeys(self) -> list[Journey]:
        """Return the requests' journeys, in the order in which they were due."""
        return self.timeline.journeys(TOPIC)

    @property
    def measured(self) -> list[float]:
        """Seconds from due to answered, as users felt them."""
        return self.timeline.response_times(TOPIC)

    @property
    def at_the_queue(self) -> list[float]:
        """Seconds from the queue to the answer: without the trigger's own lateness."""
        stamps = ((j.finished, j.queued) for j in self.journeys())
        return [(end - begin) / 1e9 for end, begin in stamps if end and begin]

    @property
    def services(self) -> list[float]:
        """Service times as measured."""
        return [j.service_time for j in self.journeys() if j.service_time is not None]

    @property
    def load(self) -> float:
        """Measured utilisation: work per server over the time in which the requests came.

        It is above `rho` if the machine was slow or, by chance, many requests came.
        """
        arrivals = self._arrivals()
        return sum(self.services) / self.servers / (arrivals[-1] - arrivals[0])

    @property
    def exact(self) -> list[float]:
        """Theory's times for the same arrivals at the queue and the measured service times."""
        return response_times(self._arrivals(), self.services, self.servers)

    @property
    def nominal(self) -> list[float]:
        """Theory's times for the same arrivals and the nominal service times."""
        return response_times(self._arrivals(), self._needs, self.servers)

    @property
    def errors(self) -> list[float]:
        """By what fraction each answer, from the queue, is off theory's prediction for it."""
        pairs = zip(self.at_the_queue, self.exact, strict=True)
        return [measured / theory - 1 for measured, theory in pairs]

    def off(self, theory: Sequence[float], rank: float) -> float:
        """Return by what fraction a percentile, from the queue, is off that of theory's times."""
        return percentile(self.at_the_queue, rank) / percentile(theory, rank) - 1

    @property
    def endless(self) -> float:
        """Mean response time of a run without end, by formula."""
        return endless_mean(self.rho, self.servers, self.service, self.work)

    def _arrivals(self) -> list[float]:
        return [journey.queued / 1e9 for journey in self.journeys() if journey.queued]

    def _process(self, event: Event) -> None:
        # Handlers of one queue begin in order, so the nth call is for the nth request.
        self._stopped.wait(next(self._next_need))

    def _service_times(self, seed: int) -> list[float]:
        source = random.Random(f"service {seed}")
        exponential = [source.expovariate(1 / self.work) for _ in range(self.requests)]
        needs = exponential if self.service == "exponential" else [self.work] * self.requests
        self._next_need = iter(needs)
        return needs


def endless_mean(rho: float, servers: int, service: Service, work: float) -> float:
    """Return the mean response time in seconds of random arrivals without end, by formula.

    The formula is M/M/c for exponential services and M/D/1 for fixed ones. For fixed services and
    more servers no closed formula exists, so this uses the approximation of G. P. Cosmetatos
    (1975), "Approximate explicit formulae for the average queueing time in the processes (M/D/r)
    and (D/M/r)", INFOR 13:328.
    """
    rate, speed = rho * servers / work, 1 / work
    if service == "exponential":
        return mm1(rate, speed) if servers == 1 else mmc(rate, speed, servers)
    if servers == 1:
        return md1(rate, speed)
    spread = (1 - rho) * (servers - 1) * (math.sqrt(4 + 5 * servers) - 2) / (16 * rho * servers)
    return work + (mmc(rate, speed, servers) - work) * (1 + spread) / 2


def run_together(runs: Sequence[Runs]) -> None:
    """Run LoadRuns, Tanks or the like at the same time, each on its own bus and threads.

    Raises what went wrong in one of them. An interrupt stops all.
    """

    def stop() -> None:
        for run in runs:
            run.stop()

    side_by_side([run.run for run in runs], stop)
