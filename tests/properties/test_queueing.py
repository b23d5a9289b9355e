"""Exact response times agree with a simulation that moves from event to event; percentiles with
their definition.
"""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from eventkit import percentile
from eventkit.lab.theory.queueing import response_times

# Whole numbers, so that sums are exact and ties are common.
gaps = st.integers(0, 5)
services = st.integers(0, 9)
customers = st.lists(st.tuples(gaps, services), max_size=20)


def simulate(arrivals: list[int], services: list[int], servers: int) -> list[float]:
    """At every moment, in order: who is done leaves, who arrives joins the line, free servers
    take from its head.
    """
    line: list[int] = []
    busy: dict[int, int] = {}  # customer -> when done
    finished: dict[int, int] = {}
    now = 0
    while len(finished) < len(arrivals):
        for customer, done in list(busy.items()):
            if done == now:
                finished[customer] = now
                del busy[customer]
        line += [
            n
            for n, at in enumerate(arrivals)
            if at == now and n not in line and n not in busy and n not in finished
        ]
        while line and len(busy) < servers:
            customer = line.pop(0)
            if services[customer] == 0:
                finished[customer] = now
            else:
                busy[customer] = now + services[customer]
        now += 1
    return [finished[n] - arrivals[n] for n in range(len(arrivals))]


@given(customers, st.integers(1, 4))
def test_response_times_are_those_of_a_simulation(
    customers: list[tuple[int, int]], servers: int
) -> None:
    arrivals: list[int] = []
    for gap, _ in customers:
        arrivals.append((arrivals[-1] if arrivals else 0) + gap)
    needed = [service for _, service in customers]
    assert response_times(arrivals, needed, servers) == simulate(arrivals, needed, servers)


@given(customers.filter(bool), st.integers(1, 4))
def test_nobody_is_answered_sooner_than_served_and_one_more_server_harms_nobody(
    customers: list[tuple[int, int]], servers: int
) -> None:
    arrivals = [sum(gap for gap, _ in customers[: n + 1]) for n in range(len(customers))]
    needed = [service for _, service in customers]
    fewer = response_times(arrivals, needed, servers)
    more = response_times(arrivals, needed, servers + 1)
    assert all(service <= m <= f for service, m, f in zip(needed, more, fewer, strict=True))


@given(st.lists(st.integers(), min_size=1), st.integers(0, 1000))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(
    values: list[int], tenths: int
) -> None:
    got = percentile(values, tenths / 10)
    needed = Fraction(tenths, 1000) * len(values)
    assert got in values
    assert sum(value <= got for value in values) >= needed
    below = [value for value in values if value < got]
    assert not below or sum(value <= max(below) for value in values) < needed or tenths == 0


def test_the_simulation_itself_knows_the_obvious_case() -> None:
    assert simulate([0, 0, 0], [5, 1, 1], 2) == [5, 1, 2]
    assert simulate([], [], 1) == []
    assert pytest.approx(simulate([0], [3], 1)) == [3]
