"""Queueing theory: exact response times and the formulas, against known figures and limits."""

import math

import pytest

from eventkit.lab.theory.queueing import erlang_c, md1, mm1, mmc, response_times


def test_ten_clicks_that_come_faster_than_they_are_served_wait_longer_and_longer() -> None:
    times = response_times([0.05 * n for n in range(10)], [0.3] * 10)
    assert times == pytest.approx([0.3 + 0.25 * n for n in range(10)])


def test_enough_servers_leave_nobody_waiting() -> None:
    assert response_times([0.05 * n for n in range(10)], [0.3] * 10, 10) == pytest.approx(
        [0.3] * 10
    )


def test_an_idle_server_starts_when_the_job_comes() -> None:
    assert response_times([0, 100], [1, 2]) == [1, 2]


def test_with_two_servers_the_one_that_is_free_first_takes_the_next_job() -> None:
    assert response_times([0, 0, 0], [5, 1, 1], 2) == [5, 1, 2]


def test_no_arrivals_no_times() -> None:
    assert response_times([], []) == []


def test_mm1_is_one_over_the_difference_of_rates() -> None:
    assert mm1(8, 10) == pytest.approx(0.5)


def test_md1_waits_half_as_long_as_mm1() -> None:
    service = 1 / 10
    assert md1(8, 10) - service == pytest.approx((mm1(8, 10) - service) / 2)


@pytest.mark.parametrize("rho", [0.01, 0.5, 0.9, 0.99])
def test_mmc_with_one_server_is_mm1(rho: float) -> None:
    assert mmc(10 * rho, 10, 1) == pytest.approx(mm1(10 * rho, 10))
    assert erlang_c(10 * rho, 10, 1) == pytest.approx(rho)


@pytest.mark.parametrize(("load", "servers"), [(2, 3), (0.1, 1), (9.5, 10), (30, 40)])
def test_erlang_c_is_the_sum_that_erlang_wrote(load: float, servers: int) -> None:
    """The fraction of sums in Wikipedia's "M/M/c queue", which needs no B."""
    all_busy = load**servers / math.factorial(servers) / (1 - load / servers)
    sums = sum(load**number / math.factorial(number) for number in range(servers))
    waiting = all_busy / (sums + all_busy)
    assert erlang_c(load, 1, servers) == pytest.approx(waiting)
    assert mmc(load, 1, servers) == pytest.approx(1 + waiting / (servers - load))


@pytest.mark.parametrize("formula", [mm1, md1])
def test_without_load_the_response_time_is_the_service_time(formula: object) -> None:
    assert callable(formula)
    assert formula(0, 10) == pytest.approx(0.1)
    assert mmc(0, 10, 4) == pytest.approx(0.1)


def test_many_servers_neither_overflow_nor_make_anybody_wait() -> None:
    assert mmc(10, 1, 10_000) == pytest.approx(1)


def test_towards_full_load_the_response_time_grows_without_end() -> None:
    assert mm1(9.999999, 10) > 1e5
    assert md1(9.999999, 10) > 1e4
    assert mmc(39.999999, 10, 4) > 1e4


@pytest.mark.parametrize("call", [lambda: mm1(10, 10), lambda: md1(11, 10), lambda: mmc(40, 10, 4)])
def test_at_full_load_there_is_no_mean(call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=r"no mean exists\. Lower the arrival rate or add servers"):
        call()


def test_nonsense_is_refused() -> None:
    with pytest.raises(
        ValueError, match="each arrival needs one service time; got 1 arrivals and 2"
    ):
        response_times([1], [1, 2])
    with pytest.raises(ValueError, match="ascending order; got 2, then 1"):
        response_times([2, 1], [1, 1])
    with pytest.raises(ValueError, match="ascending order; got 1, then nan"):
        response_times([1, math.nan], [1, 1])
    for servers in (0, 1.5):
        with pytest.raises(ValueError, match=f"a whole number of 1 or more; got {servers}"):
            response_times([1], [1], servers)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"a whole number of 1 or more; got {servers}"):
            mmc(1, 1, servers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="service_rate more than 0; got 1 and 0"):
        mm1(1, 0)
