"""Queueing theory against worked examples that others have published, number by number.

The tables are their authors' figures; the code that is tested here had no part in them.
"""

import itertools

import pytest

from eventkit.queueing import md1, mm1, mmc, response_times


def waits(arrivals: list[float], services: list[float], servers: int = 1) -> list[float]:
    """Time in the queue: response time without the service."""
    times = response_times(arrivals, services, servers)
    return [time - service for time, service in zip(times, services, strict=True)]


def test_leemis_and_park_ten_jobs_through_one_server() -> None:
    """L. M. Leemis and S. K. Park, Discrete-Event Simulation: A First Course (Pearson, 2006),
    section 1.2, examples 1.2.2 to 1.2.4: the delays of ten jobs and their averages.
    """
    arrivals = [15.0, 47, 71, 111, 123, 152, 166, 226, 310, 320]
    services = [43.0, 36, 34, 30, 38, 40, 31, 29, 36, 30]
    assert waits(arrivals, services) == [0, 11, 23, 17, 35, 44, 70, 41, 0, 26]
    assert sum(waits(arrivals, services)) / 10 == pytest.approx(26.7)
    assert sum(response_times(arrivals, services)) / 10 == pytest.approx(61.4)


def test_law_and_kelton_six_delays_by_hand() -> None:
    """A. M. Law and W. D. Kelton, Simulation Modeling and Analysis (McGraw-Hill, 3rd ed. 2000),
    section 1.4.2: the mean delay of the first six customers is 0.95; the sixth enters service at
    8.6, and until then the queue was 1.15 long on average and the server busy for 0.90 of the time.
    """
    arrivals = list(itertools.accumulate([0.4, 1.2, 0.5, 1.7, 0.2, 1.6]))
    services = [2.0, 0.7, 0.2, 1.1, 3.7, 0.6]
    delays = waits(arrivals, services)
    assert sum(delays) / 6 == pytest.approx(0.95)
    assert arrivals[5] + delays[5] == pytest.approx(8.6)
    assert sum(services[:5]) / 8.6 == pytest.approx(0.90, abs=0.005)
    still_there = [8.6 - arrived for arrived in (5.8, 7.2)]
    assert (sum(delays) + sum(still_there)) / 8.6 == pytest.approx(1.15, abs=0.005)


def test_banks_twenty_customers_at_a_checkout_counter() -> None:
    """J. Banks, J. S. Carson and B. L. Nelson, Discrete-Event System Simulation (Prentice Hall,
    2nd ed. 1996), chapter 2, example 2.1: 20 customers in 86 minutes are in the system for 124
    minutes between them, 56 of which are waiting; 13 customers wait; the server is idle for 18.
    """
    gaps = [0.0, 8, 6, 1, 8, 3, 8, 7, 2, 3, 1, 1, 5, 6, 3, 8, 1, 2, 4, 5]
    services = [4.0, 1, 4, 3, 2, 4, 5, 4, 5, 3, 3, 5, 4, 1, 5, 4, 3, 3, 2, 3]
    arrivals = list(itertools.accumulate(gaps))
    times = response_times(arrivals, services)
    assert sum(times) == 124
    assert sum(waits(arrivals, services)) == 56
    assert sum(wait > 0 for wait in waits(arrivals, services)) == 13
    assert arrivals[-1] + times[-1] - sum(services) == 18


# Cars at two carhops: minutes since the last car, who served it, for how many minutes.
CARS = [
    (0, "Able", 5), (2, "Baker", 3), (4, "Able", 3), (4, "Able", 5), (2, "Baker", 6),
    (2, "Able", 3), (3, "Able", 2), (3, "Able", 4), (3, "Baker", 4), (1, "Able", 3),
    (2, "Able", 3), (2, "Baker", 4), (2, "Able", 5), (1, "Baker", 3), (2, "Able", 4),
    (2, "Baker", 4), (2, "Able", 4), (3, "Baker", 5), (2, "Able", 2), (2, "Able", 4),
    (4, "Baker", 3), (1, "Able", 3), (2, "Baker", 5), (3, "Able", 3), (1, "Baker", 6),
    (4, "Able", 3),
]  # fmt: skip


def test_banks_two_carhops_of_different_speed() -> None:
    """J. Banks, J. S. Carson and B. L. Nelson, Discrete-Event System Simulation (Prentice Hall,
    2nd ed. 1996), chapter 2, example 2.2: 26 cars in 62 minutes, Able is busy for 56 of them and
    Baker for 43; nine cars wait, 11 minutes between them.
    """
    arrivals = [float(at) for at in itertools.accumulate(gap for gap, _, _ in CARS)]
    services = [float(minutes) for _, _, minutes in CARS]
    times = response_times(arrivals, services, servers=2)
    waited = waits(arrivals, services, 2)
    assert max(at + time for at, time in zip(arrivals, times, strict=True)) == 62
    assert sum(waited) == 11
    assert sum(wait > 0 for wait in waited) == 9
    assert [sum(m for _, who, m in CARS if who == name) for name in ("Able", "Baker")] == [56, 43]


def test_hillier_and_lieberman_one_doctor_or_two() -> None:
    """F. S. Hillier and G. J. Lieberman, Introduction to Operations Research (McGraw-Hill, 7th ed.
    2001), section 17.6, the County Hospital: two patients an hour, twenty minutes each. With one
    doctor a patient waits 2/3 hour and stays one; with two doctors 1/24 and 3/8 hour.
    """
    assert mm1(2, 3) == pytest.approx(1)
    assert mm1(2, 3) - 1 / 3 == pytest.approx(2 / 3)
    assert mmc(2, 3, 2) == pytest.approx(3 / 8)
    assert mmc(2, 3, 2) - 1 / 3 == pytest.approx(1 / 24)


def test_render_two_clerks_at_an_information_desk() -> None:
    """B. Render, R. M. Stair and M. E. Hanna, Quantitative Analysis for Management (Pearson, 10th
    ed. 2009), chapter 14, alternative example 14.3 of the instructor's manual: 20 people an hour,
    two minutes each, two clerks; 3/4 of a person is there on average.
    """
    assert 20 * mmc(20, 30, 2) == pytest.approx(3 / 4)


def test_constant_service_halves_the_wait_at_the_coffee_counter() -> None:
    """Wikipedia, "M/D/1 queue", section on performance metrics: 20 customers an hour, served at a
    constant 30 an hour, wait 0.033 hours and stay 0.067.
    """
    assert md1(20, 30) - 1 / 30 == pytest.approx(0.033, abs=0.0005)
    assert md1(20, 30) == pytest.approx(0.067, abs=0.0005)
