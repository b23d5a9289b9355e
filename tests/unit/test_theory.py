"""What runs on the real clock agrees with theory: exact response times for the same arrivals."""

import statistics
import time
from functools import cache
from typing import NamedTuple

import pytest

import eventkit as ek
from eventkit.lab.theory.queueing import response_times

WORK = 0.020
EVENTS = 120
TOLERANCE = 0.03
RANKS = (50, 95)
LONG = 60


class Run(NamedTuple):
    """In seconds: when events reached the queue, began to be handled, and were answered. And on
    which worker.
    """

    arrivals: list[float]
    started: list[float]
    finished: list[float]
    workers: list[str]

    @property
    def services(self) -> list[float]:
        """How long each was handled."""
        return [after - before for before, after in zip(self.started, self.finished, strict=True)]

    @property
    def hand_overs(self) -> list[float]:
        """How long each waited although its worker was free. That worker had to be woken and to get
        a processor, which depends on what else the machine does. Nothing here knows how many
        servers there are, so a theory for another number is found out.
        """
        free: dict[str, float] = {}
        found = []
        for arrived, started, finished, worker in zip(*self, strict=True):
            found.append(started - max(arrived, free.get(worker, 0.0)))
            free[worker] = finished
        return found

    @property
    def work(self) -> list[float]:
        """How long each occupied its worker: hand-over and handling."""
        return [sum(parts) for parts in zip(self.hand_overs, self.services, strict=True)]

    def errors(self, services: list[float], servers: int) -> list[float]:
        """By what fraction measured p50 and p95 are off those that theory has for these arrivals
        and services.
        """
        times = zip(self.finished, self.arrivals, strict=True)
        measured = [finished - arrived for finished, arrived in times]
        predicted = response_times(self.arrivals, services, servers)
        return [
            abs(ek.percentile(measured, rank) / ek.percentile(predicted, rank) - 1)
            for rank in RANKS
        ]


@cache  # several tests look at one run
def run(rho: float, servers: int) -> Run:
    def process(event: ek.Event) -> None:
        time.sleep(WORK)

    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("click", process, executor=ek.Threads(servers))
        ek.OpenLoop(rate=rho * servers / WORK, count=EVENTS, seed=6).run(bus, "click")
        bus.drain(LONG)
    bus.assert_clean()
    journeys = timeline.journeys()
    assert len(journeys) == EVENTS
    return Run(
        [j.queued / 1e9 for j in journeys if j.queued],
        [j.started / 1e9 for j in journeys if j.started],
        [j.finished / 1e9 for j in journeys if j.finished],
        [str(j.worker) for j in journeys],
    )


@pytest.mark.measures
@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize(
    "rho",
    [pytest.param(0.5, marks=pytest.mark.long), pytest.param(0.7, marks=pytest.mark.long), 0.9],
)
def test_response_times_are_those_that_theory_has_for_the_measured_services(
    rho: float, servers: int
) -> None:
    """Counted from when events reached the queue: how late a trigger is that has to share its
    processor is no matter of the queue. Theory does not know how long a hand-over takes either. So
    that counts as work, with which theory must be right in every run, and half of the hand-overs
    must be short beside the work, however the others fare on a busy machine.
    """
    measured = run(rho, servers)
    errors = measured.errors(measured.work, servers)
    without = measured.errors(measured.services, servers)
    print(f"off by {errors}, and by {without} without the hand-overs")

    assert min(measured.hand_overs) >= 0
    assert statistics.median(measured.hand_overs) <= TOLERANCE * WORK
    assert max(errors) <= TOLERANCE
    nothing_is_faster_than_theory(measured, servers)


def nothing_is_faster_than_theory(measured: Run, servers: int) -> None:
    predicted = response_times(measured.arrivals, measured.services, servers)
    times = zip(measured.finished, measured.arrivals, predicted, strict=True)
    assert all(finished - arrived >= theory - 1e-6 for finished, arrived, theory in times)


@pytest.mark.measures
def test_a_wrong_theory_is_found_out() -> None:
    measured = run(0.9, 1)
    assert max(measured.errors(measured.work, 2)) > 5 * TOLERANCE
    half = [service / 2 for service in measured.work]
    assert max(measured.errors(half, 1)) > 5 * TOLERANCE
