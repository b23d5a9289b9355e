"""The click tracer: its steps add up, its cases are told apart, its bars are its steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from time import sleep
from typing import Any

import pytest
from hypothesis import given, strategies as st

from eventkit.lab import ClickTracer
from eventkit.lab.lesson00 import running_cells as running
from eventkit.lab.lesson00.trace import (
    AWAITED,
    FREE,
    KEPT,
    LANES,
    Answered,
    Step,
    bars,
    case_of,
    figures,
    picture,
    whole,
)

TIMES = st.floats(0, 10_000)
KERNEL = st.lists(TIMES, min_size=4, max_size=4)


@pytest.fixture
def tracer() -> Iterator[ClickTracer]:
    tracer = ClickTracer()
    yield tracer
    tracer.bus.close(timeout=5)


def click(tracer: ClickTracer, arrived: float = 40.0, painted: float = 60.0) -> Answered:
    """Do what the browser does for a click, and return what the tracer made of it."""
    tracer._received(None, {"kind": "click", "pressed": 0.0}, [])
    tracer.bus.drain(timeout=5)
    sent = {"kind": "painted", "number": len(tracer.traces), "arrived": arrived, "painted": painted}
    tracer._received(None, sent, [])
    return tracer.answered[-1]


@given(kernel=KERNEL, wire=TIMES, more=TIMES, painting=TIMES)
def test_the_steps_of_a_click_add_up_to_the_browsers_time(
    kernel: list[float], wire: float, more: float, painting: float
) -> None:
    arrived = sum(kernel) + more
    steps = whole([Step("", "", one) for one in kernel], wire, arrived, arrived + painting)

    *parts, total = [step.milliseconds for step in steps]
    assert min(parts) >= 0
    assert total == arrived + painting == pytest.approx(sum(parts))
    assert parts[0] == parts[-2] <= wire / 2


@given(kernel=KERNEL, wire=TIMES, more=TIMES, painting=TIMES)
def test_the_bars_are_the_steps_one_after_the_other(
    kernel: list[float], wire: float, more: float, painting: float
) -> None:
    arrived = sum(kernel) + more
    steps = whole([Step("", "", one) for one in kernel], wire, arrived, arrived + painting)
    drawn = bars([step.milliseconds for step in steps[:-1]])

    assert [length for _, _, length, _ in drawn] == pytest.approx(
        [step.milliseconds for step in steps[:-1]], abs=0.001
    )
    for (_, start, length, _), (_, following, _, _) in pairwise(drawn):
        assert following == pytest.approx(start + length, abs=0.01)
    lanes = [LANES[lane] for lane, *_ in drawn]
    assert lanes == [
        *("wire", "event loop", "event loop", "thread", "thread", "thread", "wire", "browser")
    ]


@pytest.mark.parametrize(
    ("runs", "ended", "waited", "case"),
    [
        (True, 5.0, 900.0, AWAITED),
        (False, 5.0, 900.0, KEPT),
        (False, 901.0, 900.0, FREE),
        (False, float("inf"), 0.0, FREE),
    ],
)
def test_a_cell_that_ended_while_the_click_waited_kept_the_loop(
    runs: bool, ended: float, waited: float, case: str
) -> None:
    assert case_of(runs, ended, waited) == case


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> running.RunningCells:
    cells = running.RunningCells()
    monkeypatch.setattr("eventkit.lab.lesson00.click_tracer.running_cells", lambda: cells)
    return cells


def test_the_three_cases_of_real_clicks_are_told_apart(cells: running.RunningCells) -> None:
    tracer = ClickTracer()
    free = click(tracer)
    cells.begin()
    awaited = click(tracer)
    cells.end()
    kept = click(tracer, arrived=5_000.0, painted=5_020.0)
    sleep(0.05)
    after = click(tracer, arrived=1.0, painted=2.0)

    cases = [one.case for one in (free, awaited, kept, after)]
    assert cases == [FREE, AWAITED, KEPT, FREE]
    assert kept.steps[1].milliseconds > 4_900
    tracer.bus.close(timeout=5)


def test_cells_are_heard_of_through_ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    class Shell:
        class events:  # noqa: N801
            register = heard.__setitem__

    monkeypatch.setattr(running, "get_ipython", lambda: Shell)
    running.running_cells.cache_clear()
    cells = running.running_cells()
    running.running_cells.cache_clear()

    heard["pre_run_cell"](None)
    assert cells.running and not cells.ended
    heard["post_run_cell"](None)
    assert not cells.running and cells.ended


def test_what_is_drawn_equals_the_traces(tracer: ClickTracer) -> None:
    for number in range(1, 8):
        click(tracer, painted=50.0 + number)

    drawn = tracer._lanes.frame["clicks"]
    assert [one["number"] for one in drawn] == [3, 4, 5, 6, 7]
    for one, trace in zip(drawn, tracer.traces[-5:], strict=True):
        assert one["total"] == trace[-1].milliseconds
        lengths = [length for _, _, length, _ in one["bars"]]
        assert lengths == pytest.approx([step.milliseconds for step in trace[:-1]], abs=0.001)
        assert f"Click {one['number']}, " in one["says"]
    assert tracer.text().splitlines()[1:] == [one.says() for one in tracer.answered]


def test_the_wire_is_the_fastest_round_trip_so_far(tracer: ClickTracer) -> None:
    slow = click(tracer, arrived=1_000.0, painted=1_000.0)
    fast = click(tracer, arrived=1_000.0, painted=61_000.0)  # painting took longer than the answer

    assert slow.steps[0].milliseconds > 0
    assert fast.steps[0].milliseconds == 0
    assert fast.steps[1].milliseconds > 900


def test_before_the_first_click_there_is_an_outline_with_every_lane() -> None:
    empty = picture([])
    assert empty["clicks"] == []
    assert {LANES[lane] for lane, *_ in empty["outline"]} == set(LANES)
    assert {colour for *_, colour in empty["outline"]} == {*empty["colours"].values()}
    assert [length for _, _, length, _ in empty["outline"]] == [1.0] * 8


def test_a_click_from_python_is_traced_and_not_drawn(tracer: ClickTracer) -> None:
    tracer.click()
    tracer.bus.drain(timeout=5)

    assert [step.where for step in tracer.traces[-1]] == [
        "MainThread",
        "none",
        *["processor-1"] * 2,
    ]
    assert tracer.answered == [] and tracer._lanes.frame["clicks"] == []


def test_the_large_figures_show_the_newest_click_of_each_case() -> None:
    steps = [[Step("", "", 0.0)] * 8 + [Step("", "", total)] for total in (30.0, 31.4, 4_870.2)]
    clicks = [
        Answered(n, case, one)
        for n, (case, one) in enumerate(zip((FREE, FREE, KEPT), steps, strict=True), 1)
    ]
    shown = figures(clicks)
    assert ">31 ms<" in shown and ">4,870 ms<" in shown and ">–<" in shown
    assert ">30 ms<" not in shown
