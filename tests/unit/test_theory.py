"""What runs on the real clock agrees with theory: exact response times for the same arrivals."""

import time
from typing import NamedTuple

import pytest

import eventkit as ek
from eventkit.lab.theory.queueing import response_times

WORK = 0.020
EVENTS = 120
TOLERANCE = 0.03
ATTEMPTS = 6
RANKS = (50, 95)
LONG = 60
LONG_TIER = pytest.mark.long


class Run(NamedTuple):
    """In seconds: when events were due and when they reached the queue, how long each was running,
    when it was answered.
    """

    due: list[float]
    arrivals: list[float]
    services: list[float]
    finished: list[float]

    def errors(self, arrivals: list[float], services: list[float], servers: int) -> list[float]:
        """By what fraction measured p50 and p95 are off those that theory has for these arrivals
        and services.
        """
        times = zip(self.finished, arrivals, strict=True)
        measured = [finished - arrived for finished, arrived in times]
        predicted = response_times(arrivals, services, servers)
        return [
            abs(ek.percentile(measured, rank) / ek.percentile(predicted, rank) - 1)
            for rank in RANKS
        ]


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
        [j.event.time / 1e9 for j in journeys],
        [j.queued / 1e9 for j in journeys if j.queued],
        [j.service_time for j in journeys if j.service_time],
        [j.finished / 1e9 for j in journeys if j.finished],
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
    processor is no matter of the queue. Theory does not know either how long the operating system
    leaves a woken worker waiting; that only ever adds, to each single event. So the best of a few
    runs is judged; a wrong theory would be wrong in all of them.
    """
    said = []
    for _ in range(ATTEMPTS):
        measured = run(rho, servers)
        errors = measured.errors(measured.arrivals, measured.services, servers)
        from_due = measured.errors(measured.due, measured.services, servers)
        nominal = measured.errors(measured.arrivals, [WORK] * EVENTS, servers)
        said.append(
            f"{max(errors):.1%} (counted from due {max(from_due):.1%}, "
            f"with the nominal 20 ms {max(nominal):.1%})"
        )
        nothing_is_faster_than_theory(measured, servers)
        if max(errors) <= TOLERANCE:
            break
    print(f"rho {rho}, {servers} server(s): off by {'; '.join(said)}")
    assert max(errors) <= TOLERANCE


def nothing_is_faster_than_theory(measured: Run, servers: int) -> None:
    predicted = response_times(measured.arrivals, measured.services, servers)
    times = zip(measured.finished, measured.arrivals, predicted, strict=True)
    assert all(finished - arrived >= theory - 1e-6 for finished, arrived, theory in times)


@pytest.mark.measures
def test_a_wrong_theory_is_found_out() -> None:
    measured = run(0.9, 1)
    assert max(measured.errors(measured.arrivals, measured.services, 2)) > 5 * TOLERANCE
    half = [service / 2 for service in measured.services]
    assert max(measured.errors(measured.arrivals, half, 1)) > 5 * TOLERANCE
