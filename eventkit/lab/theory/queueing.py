"""What theory predicts: exact response times for given arrivals, and the classic formulas.

Symbols follow the textbooks: λ arrivals a second, μ services a second for each server, c servers,
ρ = λ / cμ utilisation. All times are in seconds.

Two sources are named in short below. Handbook: HP 12c Solutions Handbook, "Queuing and Waiting
Theory", with its formulas in the appendix. Survey: "A Survey on Queueing Systems with Mathematical
Models and Applications", section 4 (learn.saylor.org).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence

from ...checks import whole_number


def response_times(
    arrivals: Sequence[float], services: Sequence[float], servers: int = 1
) -> list[float]:
    """Return the exact response times (finished − arrived) of a first-come-first-served queue.

    `arrivals[i]` is when job i comes, in ascending order, and `services[i]` how long it takes. With
    one server this is Lindley's recursion (Wikipedia, "Lindley equation"). With more, the job at
    the head goes to the server that is free first.
    """
    if len(arrivals) != len(services):
        raise ValueError(
            f"each arrival needs one service time; got {len(arrivals)} arrivals and "
            f"{len(services)} service times."
        )
    for earlier, later in itertools.pairwise(arrivals):
        if not earlier <= later:
            raise ValueError(f"arrivals are in ascending order; got {earlier!r}, then {later!r}.")
    whole_number("servers", servers, "how many jobs are served at once")
    free_at = [-math.inf] * servers
    times = []
    for arrived, service in zip(arrivals, services, strict=True):
        finished = max(arrived, free_at[0]) + service
        heapq.heapreplace(free_at, finished)
        times.append(finished - arrived)
    return times


def mm1(arrival_rate: float, service_rate: float) -> float:
    """Return the mean response time with random arrivals, exponential services and one server:
    1 / (μ − λ).

    Handbook, with n = 1; Survey, section 4.2.
    """
    _check(arrival_rate, service_rate, 1)
    return 1 / (service_rate - arrival_rate)


def md1(arrival_rate: float, service_rate: float) -> float:
    """Return the mean response time with random arrivals, constant services and one server:
    1/μ + ρ / (2 μ (1 − ρ)).

    Survey, section 4.5, where it reads (2 − ρ) / (2 μ (1 − ρ)).
    """
    rho = _check(arrival_rate, service_rate, 1)
    return 1 / service_rate + rho / (2 * service_rate * (1 - rho))


def mmc(arrival_rate: float, service_rate: float, servers: int) -> float:
    """Return the mean response time with random arrivals, exponential services, `servers` servers:
    1/μ + C(c, λ/μ) / (cμ − λ), where C is the probability of having to wait.

    Handbook, where C is P_b and the second term is ρ P_b / (n − ρ) / λ, with ρ = λ/μ and n = c.
    """
    _check(arrival_rate, service_rate, servers)
    waiting = erlang_c(arrival_rate, service_rate, servers)
    return 1 / service_rate + waiting / (servers * service_rate - arrival_rate)


def erlang_c(arrival_rate: float, service_rate: float, servers: int) -> float:
    """Return the probability that an arrival must wait: Erlang's C (Wikipedia, "M/M/c queue").

    Computed from Erlang's B by its recursion (Wikipedia, "Erlang (unit)"), which does not overflow
    for many servers: C = B / (1 − ρ (1 − B)).
    """
    rho = _check(arrival_rate, service_rate, servers)
    load = arrival_rate / service_rate
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1 - rho * (1 - blocked))


def _check(arrival_rate: float, service_rate: float, servers: int) -> float:
    whole_number("servers", servers, "how many jobs are served at once")
    if service_rate <= 0 or arrival_rate < 0:
        raise ValueError(
            f"arrival_rate is 0 or more and service_rate more than 0; got {arrival_rate!r} and "
            f"{service_rate!r}."
        )
    utilisation = arrival_rate / (service_rate * servers)
    if utilisation >= 1:
        raise ValueError(
            f"utilisation is {utilisation:.3g}: at 1 or more the queue grows without "
            "end and no mean exists. Lower the arrival rate or add servers."
        )
    return utilisation
