"""A load run on a virtual clock: it agrees with theory, and chance is the same for all settings."""

import functools
import itertools
import statistics
from typing import NamedTuple

import pytest

from eventkit.lab import VirtualRun
from eventkit.lab.lesson06.load_panel import CURVES
from eventkit.lab.lesson06.load_run import Service, endless_mean
from eventkit.lab.lesson06.virtual_run import TYPICAL, chances

RHOS = (0.5, 0.8, 0.95)
each_setting = pytest.mark.parametrize(("servers", "service"), CURVES)


class Facts(NamedTuple):
    """What the tests want to know of a run, which is itself too large to keep."""

    seconds: float
    mean: float
    typical: int  # requests that are there at the moment that is shown first


@functools.cache
def facts(rho: float, servers: int, service: Service) -> Facts:
    run = VirtualRun(rho, servers, service)
    first = zip(run.arrivals[: TYPICAL + 1], run.times[: TYPICAL + 1], strict=True)
    there = sum(came + time > run.arrivals[TYPICAL] for came, time in first)
    return Facts(run.seconds, run.mean, there)


@each_setting
def test_thousands_of_seconds_come_out_as_the_formula_says(servers: int, service: Service) -> None:
    for rho in RHOS:
        seconds, mean, _ = facts(rho, servers, service)
        assert seconds > 2_000
        assert mean == pytest.approx(endless_mean(rho, servers, service, 0.010), rel=0.02)


@pytest.mark.parametrize("rho", RHOS)
def test_variation_and_one_server_cost_time_whatever_the_utilisation(rho: float) -> None:
    means = {setting: facts(rho, *setting).mean for setting in CURVES}
    assert means[1, "exponential"] > means[1, "fixed"] > means[2, "fixed"]
    assert means[1, "exponential"] > means[2, "exponential"] > means[2, "fixed"]


def test_all_settings_have_the_same_chance() -> None:
    one, other = VirtualRun(0.4, 1, "exponential"), VirtualRun(0.8, 2, "exponential")
    assert one.services == other.services
    assert one.arrivals[-1] == pytest.approx(4 * other.arrivals[-1])
    assert set(VirtualRun(0.4).services) == {0.010}


def test_gaps_and_work_are_exponential() -> None:
    dues, works = chances()
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]
    for sample in (gaps, works):
        assert statistics.fmean(sample) == pytest.approx(1, rel=0.01)
        assert statistics.pstdev(sample) == pytest.approx(1, rel=0.01)
        assert sum(one > 3 for one in sample) / len(sample) == pytest.approx(0.0498, rel=0.03)
    assert abs(statistics.correlation(gaps, works[1:])) < 0.01


@each_setting
def test_the_moment_shown_first_is_typical(servers: int, service: Service) -> None:
    """Then, about as many requests are there as there are on average (Little's law)."""
    lengths = [facts(rho, servers, service).typical for rho in RHOS]
    for rho, length in zip(RHOS, lengths, strict=True):
        usual = rho * servers / 0.010 * endless_mean(rho, servers, service, 0.010)
        assert usual / 2 <= length <= usual * 2
    assert lengths == sorted(lengths)
    assert lengths[-1] > 4 * lengths[0]
