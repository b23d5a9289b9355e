"""Load runs and the load curve: what is measured, what theory says of it, and how it ends."""

import itertools
import os
import random
import signal
import statistics
import threading

import pytest

from eventkit.lab import LoadCurve, LoadRun, load_figure, load_table, run_together
from eventkit.lab.lesson06.load_panel import curves_limits, frame
from eventkit.lab.lesson06.load_run import Service, endless_mean
from eventkit.lab.lesson06.percentiles import percentiles_figure
from eventkit.lab.theory.queueing import md1, mm1, mmc, response_times
from eventkit.testing import LONG, wait_until


def test_the_formula_fits_the_kind_of_queue() -> None:
    assert endless_mean(0.5, 1, "fixed", 0.01) == md1(50, 100)
    assert endless_mean(0.5, 1, "exponential", 0.01) == mm1(50, 100)
    assert endless_mean(0.5, 2, "exponential", 0.01) == mmc(100, 100, 2)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("service", ["fixed", "exponential"])
def test_a_long_run_comes_out_as_the_formula_says(
    rho: float, servers: int, service: Service
) -> None:
    source, count = random.Random(4), 100_000
    gaps = (source.expovariate(rho * servers / 0.01) for _ in range(count))
    needs = [0.01 if service == "fixed" else source.expovariate(100) for _ in range(count)]
    times = response_times(list(itertools.accumulate(gaps)), needs, servers)
    assert statistics.mean(times) == pytest.approx(
        endless_mean(rho, servers, service, 0.01), rel=0.05
    )


@pytest.mark.parametrize("service", ["fixed", "exponential"])
def test_a_run_measures_what_theory_has_for_its_own_arrivals(service: Service) -> None:
    run = LoadRun(0.6, 2, service, work=0.005, seconds=0.5).run()
    assert len(run.measured) == run.answered == run.requests == 120
    assert all(theory <= m + 1e-6 for m, theory in zip(run.at_the_queue, run.exact, strict=True))
    assert all(at <= m for at, m in zip(run.at_the_queue, run.measured, strict=True))
    assert all(one <= other + 1e-6 for one, other in zip(run.nominal, run.exact, strict=True))
    assert run.load > 0


def test_a_run_that_is_stopped_ends_soon() -> None:
    run = LoadRun(0.5, seconds=60)
    thread = threading.Thread(target=run.run)
    thread.start()
    wait_until(lambda: run.answered)
    run.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert run.was_stopped and run.answered < run.requests


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot interrupt a wait for a thread")
def test_an_interrupt_stops_all_runs() -> None:
    runs = [LoadRun(0.5, seconds=60), LoadRun(0.5, seconds=60)]

    waiting = threading.get_ident()

    def interrupt() -> None:
        wait_until(lambda: all(run.answered for run in runs))
        signal.pthread_kill(waiting, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_together(runs)
    assert all(run.was_stopped for run in runs)


def test_a_run_that_fails_says_so() -> None:
    run = LoadRun(0.5, seconds=0.1)
    run.bus.close()
    with pytest.raises(Exception, match="closed"):
        run_together([run])


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="rho is between 0 and 1"):
        LoadRun(1)
    with pytest.raises(ValueError, match="service is one of"):
        LoadRun(0.5, service="sometimes")  # type: ignore[arg-type]


def test_picture_and_table_say_what_was_measured() -> None:
    run = LoadRun(0.5, work=0.002, seconds=0.2).run()
    alt = load_figure([run], 1, "fixed", 0.002).alt
    assert f"measured {statistics.mean(run.measured) * 1e3:.0f} ms" in alt
    assert "Nothing measured yet" in load_figure([run], 2, "fixed", 0.002).alt
    assert f"{statistics.mean(run.measured) * 1e3:.1f}" in load_table([run]).html


@pytest.mark.parametrize("percent", range(10, 96, 5))
def test_the_panels_runs_show_that_variation_and_one_server_cost_time(percent: int) -> None:
    """Whatever is compared, chance is the same, so that only what was changed differs."""
    panel = LoadCurve()

    def mean(servers: int, service: Service) -> float:
        panel._rho.value, panel._servers.value, panel._service.value = percent, servers, service
        run = panel._begin()
        due = list(itertools.islice(run.trigger.due_times(), run.requests))
        return statistics.mean(response_times(due, run._needs, servers))

    assert mean(1, "exponential") > mean(1, "fixed") > mean(2, "fixed")
    assert mean(1, "exponential") > mean(2, "exponential") > mean(2, "fixed")


def test_the_panel_keeps_all_points_and_four_curves_on_one_axis() -> None:
    runs = [LoadRun(0.5, servers, work=0.002, seconds=0.1).run() for servers in (1, 2)]
    before, after = frame([], 0.002), frame(runs, 0.002)
    for curve in ("1 server, fixed work", "1 server, exponential work", "2 servers, fixed work",
                  "2 servers, exponential work"):  # fmt: skip
        assert f"{curve}: " in before["says"] and f"{curve}: " in after["says"]
        assert curve in [one["name"] for one in after["curves"]]
    for run, point in zip(runs, after["runs"], strict=True):
        measured = statistics.mean(run.measured) * 1e3
        assert f"At {run.load * 100:.0f} % measured {measured:.0f} ms" in after["says"]
        assert (point["load"], point["measured"]) == (run.load * 100, measured)
        assert after["curves"][point["curve"]]["servers"] == run.servers
    assert curves_limits([], 0.010) == curves_limits([0.050], 0.010) == pytest.approx(0.2, rel=0.2)
    assert curves_limits([0.9], 0.010) > 0.9


def test_the_panels_curves_are_theory_at_each_percent() -> None:
    for curve in frame([], 0.010)["curves"]:
        assert [percent for percent, _ in curve["points"]] == list(range(10, 96))
        for percent, ms in curve["points"]:
            mean = endless_mean(percent / 100, curve["servers"], curve["service"], 0.010)
            assert ms == pytest.approx(mean * 1e3)


def test_the_panel_says_what_may_be_typed() -> None:
    assert "per cent, 10 to 95 (for ρ = 0.95 type 95)" in LoadCurve()._status.text


def test_the_panel_has_one_unit_for_utilisation() -> None:
    panel = LoadCurve()
    panel.seconds = 0.2
    panel._rho.value = 70
    panel.run = panel._begin()
    assert panel._view.frame["running"]
    panel._finish(panel.run.run())
    assert not panel._view.frame["running"]
    assert panel._status.text.startswith("Asked for a utilisation of 70 %, measured ")
    assert "<td>70 %</td>" in panel._table.value
    assert "utilisation (%)" in panel._view.frame["says"]


def test_percentile_curves_are_described() -> None:
    alt = percentiles_figure({"one": [0.01] * 99 + [1.0]}).alt
    assert alt == "Response times by percentile. one: mean 20, p50 10, p90 10, p99 10 ms."


def test_the_panel_draws_theory_before_anything_is_measured() -> None:
    panel = LoadCurve()
    assert "Nothing measured yet" in panel._view.frame["says"]
    assert panel.text().startswith("[Load curve: at 50 % busy an answer takes 1.5 × its work")
