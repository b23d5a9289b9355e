"""Queueing theory against worked examples that others have published, number by number.

The figures are their authors'; the code that is tested here had no part in them. The addresses are
those where the example was read.
"""

import itertools

import pytest

from eventkit.lab.theory.queueing import md1, mm1, mmc, response_times


def waits(arrivals: list[float], services: list[float], servers: int = 1) -> list[float]:
    """Time in the queue: response time without the service."""
    times = response_times(arrivals, services, servers)
    return [time - service for time, service in zip(times, services, strict=True)]


def test_six_delays_by_hand() -> None:
    """The hand simulation of A. M. Law and W. D. Kelton, Simulation Modeling and Analysis, section
    1.4, read in lecture notes that work through it (the book itself was not at hand): the six
    delays, their mean of 0.95; the sixth enters service at 8.6, and until then the queue was 1.15
    long on average and the server busy for 0.90 of the time.
    """
    arrivals = list(itertools.accumulate([0.4, 1.2, 0.5, 1.7, 0.2, 1.6]))
    services = [2.0, 0.7, 0.2, 1.1, 3.7, 0.6]
    delays = waits(arrivals, services)
    assert delays == pytest.approx([0, 0.8, 1.0, 0, 0.9, 3.0])
    assert sum(delays) / 6 == pytest.approx(0.95)
    assert arrivals[5] + delays[5] == pytest.approx(8.6)
    assert sum(services[:5]) / 8.6 == pytest.approx(0.90, abs=0.005)
    still_there = [8.6 - arrived for arrived in (5.8, 7.2)]
    assert (sum(delays) + sum(still_there)) / 8.6 == pytest.approx(1.15, abs=0.005)


def test_four_customers_at_a_bank_with_two_tellers() -> None:
    """M. D. Rossetti's textbook of the Kotlin Simulation Library, chapter "Introduction to Discrete
    Event Modeling", section "How the Discrete-Event Clock Works", tables of arrivals and services:
    github.com/rossetti/KSLBook, docs/04-Chapter4.md.
    """
    arrivals, services = [2.0, 5, 7, 15], [8.0, 7, 9, 2]
    times = response_times(arrivals, services, servers=2)
    started = [2, 5, 10, 15]
    completed = [10, 12, 19, 17]
    assert [at + time for at, time in zip(arrivals, times, strict=True)] == completed
    assert [end - s for end, s in zip(completed, services, strict=True)] == started


# Cars at two carhops: minutes since the last car, who served it, for how many minutes.
CARS = [
    (0, "Able", 5), (2, "Baker", 3), (4, "Able", 3), (4, "Able", 5), (2, "Baker", 6),
    (2, "Able", 3), (3, "Able", 2), (3, "Able", 4), (3, "Baker", 4), (1, "Able", 3),
    (2, "Able", 3), (2, "Baker", 4), (2, "Able", 5), (1, "Baker", 3), (2, "Able", 4),
    (2, "Baker", 4), (2, "Able", 4), (3, "Baker", 5), (2, "Able", 2), (2, "Able", 4),
    (4, "Baker", 3), (1, "Able", 3), (2, "Baker", 5), (3, "Able", 3), (1, "Baker", 6),
    (4, "Able", 3),
]  # fmt: skip


def test_two_carhops_of_different_speed() -> None:
    """J. Banks, J. S. Carson and B. L. Nelson, Discrete-Event System Simulation, chapter 2, the
    example of Able and Baker, read in "Multi Channel Queueing: Able and Baker Example"
    (scribd.com/document/689959233): in 62 minutes Able is busy for 56 and Baker for 43; nine of
    the 26 cars wait, 11 minutes between them. The times are those to which its random digits lead.
    """
    arrivals = [float(at) for at in itertools.accumulate(gap for gap, _, _ in CARS)]
    services = [float(minutes) for _, _, minutes in CARS]
    times = response_times(arrivals, services, servers=2)
    waited = waits(arrivals, services, 2)
    assert max(at + time for at, time in zip(arrivals, times, strict=True)) == 62
    assert sum(waited) == 11
    assert sum(wait > 0 for wait in waited) == 9
    assert [sum(m for _, who, m in CARS if who == name) for name in ("Able", "Baker")] == [56, 43]
    assert times[:6] == [5, 3, 3, 5, 6, 4]  # the table for the first six, in lecture notes


def test_bank_customers_in_one_queue_for_three_tellers() -> None:
    """HP 12c Solutions Handbook, "Queuing and Waiting Theory", example 1, after R. E. Trueman, An
    Introduction to Quantitative Methods for Decision Making (1977), table 12.2: 1.2 customers a
    minute, two minutes each, three tellers. manualowl.com/m/Hewlett-Packard/12C%23ABA/Manual/30892,
    page 145.
    """
    in_system = mmc(1.2, 0.5, 3)
    in_queue = in_system - 2
    assert in_queue / 2 == pytest.approx(1.079, abs=0.0005)
    assert in_queue == pytest.approx(2.16, abs=0.005)
    assert in_system == pytest.approx(4.16, abs=0.005)
    assert 1.2 * in_queue == pytest.approx(2.59, abs=0.005)
    assert 1.2 * in_system == pytest.approx(4.99, abs=0.005)


def test_a_grocery_store_with_one_check_out_counter() -> None:
    """HP 12c Solutions Handbook, "Queuing and Waiting Theory", example 2: half a customer a minute,
    0.9 can be served. easymanua.ls/hp/12c-platinum/manual/491173, page 140.
    """
    in_system = mm1(0.5, 0.9)
    assert in_system == pytest.approx(2.50)
    assert in_system - 1 / 0.9 == pytest.approx(1.39, abs=0.005)
    assert 0.5 * in_system == pytest.approx(1.25)
    assert 0.5 * (in_system - 1 / 0.9) == pytest.approx(0.69, abs=0.005)


def test_two_clerks_at_an_information_desk() -> None:
    """Instructor's manual of B. Render, R. M. Stair and M. E. Hanna, Quantitative Analysis for
    Management, chapter 14, alternative example 14.3: 20 people an hour, two minutes each, two
    clerks; 3/4 of a person is there on average.
    freebooksummary.com/waiting-line-and-queuing-theory-models.
    """
    assert 20 * mmc(20, 30, 2) == pytest.approx(3 / 4)


def test_a_constant_service_at_the_coffee_counter() -> None:
    """The example written for Wikipedia's "M/D/1 queue" (en.wikipedia.org/wiki/
    User:Tqzhang1010/sandbox): 20 customers an hour, served at a constant 30 an hour, wait 0.033
    hours and stay 0.067; 0.6667 are in line and 1.333 in the system.
    """
    in_system = md1(20, 30)
    in_line = in_system - 1 / 30
    assert in_line == pytest.approx(0.033, abs=0.0005)
    assert in_system == pytest.approx(0.067, abs=0.0005)
    assert 20 * in_line == pytest.approx(0.6667, abs=0.00005)
    assert 20 * in_system == pytest.approx(1.333, abs=0.0005)
