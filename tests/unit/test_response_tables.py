"""The tables of lesson 06: what they say of given times, formulas and traces."""

from pathlib import Path

import pytest

import eventkit as ek
from eventkit.lab import LoadRun
from eventkit.lab.course.session import Table
from eventkit.lab.lesson06 import tables


def rows(table: Table) -> list[list[str]]:
    """The cells of a table, without its headings."""
    return [line.split("  ") for line in " ".join(repr(table).splitlines(True)[1:]).splitlines()]


def cells(table: Table) -> list[str]:
    return [cell.strip() for row in rows(table) for cell in row if cell.strip()]


def test_percentiles_and_the_mean_are_in_milliseconds() -> None:
    table = tables.percentiles({"one": [0.010] * 99 + [1.010], "other": [0.5]})
    assert cells(table) == ["one", "20", "10", "10", "10", "1,010", "other", *["500"] * 5]


def test_fan_out_has_the_formula_beside_the_simulation() -> None:
    assert cells(tables.fan_out({1: 0.01, 100: 0.634}, {1: 0.012, 100: 0.63})) == [
        *("1", "1.0%", "1.2%"), *("100", "63.4%", "63.0%"),
    ]  # fmt: skip


def test_utilisations_have_three_kinds_of_queue() -> None:
    table = tables.utilisations([0.5, 0.9], 0.010)
    assert cells(table) == ["0.50", "15.0", "20.0", "13.3", "0.90", "55.0", "100.0", "52.6"]
    assert "the work is 10 ms" in table.html


def test_theory_errors_are_those_of_the_run() -> None:
    run = LoadRun(0.5, work=0.002, seconds=0.2).run()
    table = tables.theory_errors([run])
    for rank in (50, 95):
        at_queue, exact = (ek.percentile(times, rank) for times in (run.at_the_queue, run.exact))
        assert run.off(run.exact, rank) == pytest.approx(at_queue / exact - 1)
        assert f"{run.off(run.exact, rank):+.2%}" in cells(table)
        assert f"{run.off(run.nominal, rank):+.2%}" in cells(table)
    assert len(run.errors) == run.requests and min(run.errors) >= -1e-6
    assert "A sleep of 2 ms took " in table.html


def test_a_trace_lists_its_lanes_bars_and_arrows(tmp_path: Path) -> None:
    def pay(event: ek.Event) -> str:
        return "paid"

    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("order", pay, emits="paid", executor=ek.Threads(1, name="till"))
        bus.fire("order")
        bus.drain(timeout=30)
    timeline.to_chrome_trace(tmp_path / "trace.json")

    found = {row[0].strip(): row for row in rows(tables.trace(tmp_path / "trace.json"))}
    assert "till-1" in "".join(found["M"])
    assert "pay" in "".join(found["X"]) and "dur" in "".join(found["X"])
