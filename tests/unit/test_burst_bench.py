"""The burst bench: exact and real runs agree, picture and table say what came out."""

import operator
import threading

import pytest

import eventkit as ek
from eventkit.lab import (
    BurstBench,
    FilterRun,
    bench_figure,
    bench_table,
    check_filters,
    counted_table,
    drawn,
    keeps_quota,
    most_within,
    show_flows,
)
from eventkit.lab.lesson08.filter_run import BURST
from eventkit.lab.lesson08.filters import FILTERS, FixedWindow
from eventkit.testing import LONG, wait_until

NUMBERS: dict[str, tuple[int, ...]] = {
    "none": (),
    "coalesce": (100,),
    "debounce": (100,),
    "throttle": (100,),
    "batch": (50, 100),
    "fixed window": (100, 500),
    "token bucket": (100, 20),
}
QUICK: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(NUMBERS, (20,)),
    "none": (),
    "batch": (10, 20),
    "fixed window": (5, 50),
    "token bucket": (100, 5),
}
HANDLED = {
    "none": 1000, "coalesce": 10, "debounce": 2, "throttle": 12,
    "batch": 20, "fixed window": 400, "token bucket": 138,
}  # fmt: skip


@pytest.mark.parametrize("kind", FILTERS)
def test_an_exact_run_comes_out_the_same_always(kind: str) -> None:
    one, other = (FilterRun(kind, *NUMBERS[kind]).exactly() for _ in range(2))
    assert len(one.left) == len(one.times) == len(one.events) == HANDLED[kind]
    assert (one.left, one.times) == (other.left, other.times)
    assert one.told + one.replaced + one.dropped == len(BURST)
    assert min(one.times) > one.work - 1e-9


@pytest.mark.parametrize("kind", FILTERS)
def test_a_real_run_loses_sight_of_no_event(kind: str) -> None:
    due = [number / 1000 for number in range(100)]
    run = FilterRun(kind, *QUICK[kind], due=due, work=0.0001).run()
    assert run.left
    assert len(run.left) == len(run.times) == len(run.events)
    assert run.told + run.replaced + run.dropped == len(due)
    assert run.left == sorted(run.left)
    assert run.trigger.fired == len(due)


def test_the_oldest_click_counts_although_a_newer_one_has_replaced_it() -> None:
    debounce = FilterRun("debounce", *NUMBERS["debounce"]).exactly()
    assert max(debounce.times) == pytest.approx(0.103)
    assert debounce.oldest == pytest.approx([0.599 + 0.103, 0.399 + 0.103])


def test_a_real_run_knows_how_long_the_oldest_click_waited() -> None:
    due = [number / 1000 for number in range(100)]
    debounce = FilterRun("debounce", 200, due=due, work=0).run()
    assert len(debounce.oldest) == len(debounce.times)
    assert sum(debounce.oldest) > sum(debounce.times) + 0.05
    unfiltered = FilterRun("none", due=due, work=0).run()
    assert unfiltered.oldest == unfiltered.times


def test_a_throttle_replaces_clicks_and_a_batch_tells_of_all() -> None:
    throttle = FilterRun("throttle", *NUMBERS["throttle"]).exactly()
    batch = FilterRun("batch", *NUMBERS["batch"]).exactly()
    assert (throttle.told, throttle.replaced, throttle.dropped) == (12, 988, 0)
    assert (batch.told, batch.replaced, batch.dropped) == (1000, 0, 0)
    assert FilterRun("batch", *QUICK["batch"], due=[0.0] * 35, work=0).run().told == 35


def test_without_a_filter_the_worst_wait_is_what_theory_has_or_more() -> None:
    due = [0.0] * 20
    exact = FilterRun("none", due=due, work=0.005).exactly()
    real = FilterRun("none", due=due, work=0.005).run()
    assert max(exact.times) == pytest.approx(0.1)
    assert max(real.times) >= 0.1


def test_a_fixed_window_lets_twice_its_quota_pass_where_two_windows_meet() -> None:
    due = [0.9 + number / 100 for number in range(10)] + [1.0 + n / 100 for n in range(10)]
    window = FilterRun("fixed window", 10, 1000, due=due).exactly()
    bucket = FilterRun("token bucket", 10, 10, due=due).exactly()
    assert most_within(window.left, 0.2) == 20
    assert most_within(bucket.left, 0.2) <= 12


def test_a_fixed_window_counts_its_windows_from_its_beginning() -> None:
    clock = ek.ManualClock(start=0.7)
    flow, got = FixedWindow(1, 1, clock=clock), list[float]()
    stage = flow.start(lambda event: got.append(clock.now))
    for _ in range(30):
        stage.put(ek.Event("t"))
        clock.advance(0.1)
    assert got == pytest.approx([0.7, 1.7, 2.7])
    assert flow.refused == 27


def test_a_quota_is_kept_or_not_over_every_stretch() -> None:
    assert keeps_quota([0, 0, 0.1, 0.2], 10, 2)
    assert not keeps_quota([0, 0, 0.1, 0.2, 0.2], 10, 2)
    assert keeps_quota([0, 0, 0.1, 0.2, 0.2], 10, 2, slack=1)
    assert not keeps_quota([5, 9, 9, 9], 10, 2)


def test_the_claims_about_filters_can_fail() -> None:
    unfiltered, throttle = FilterRun("none").exactly(), FilterRun("throttle", 100).exactly()
    with pytest.raises(AssertionError, match="fewer than 50 were handled"):
        check_filters(unfiltered, unfiltered)
    with pytest.raises(AssertionError, match="without a filter all 1,000"):
        check_filters(throttle, throttle)


def test_a_run_that_is_stopped_ends_soon() -> None:
    run = FilterRun("none", due=[number / 10 for number in range(10_000)])
    thread = threading.Thread(target=run.run)
    thread.start()
    wait_until(lambda: run.trigger.fired)
    run.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert run.was_stopped and run.trigger.fired < 10_000


def test_most_within_looks_at_every_stretch() -> None:
    assert most_within([], 1) == 0
    assert most_within([0, 0.5, 0.9, 1.0, 1.4], 1) == 4
    assert most_within([0, 1, 2], 1) == 1


def test_a_drawing_has_what_comes_out_where_it_comes_out() -> None:
    def clock() -> ek.ManualClock:
        return ek.ManualClock(start=5)

    assert drawn(ek.Debounce(0.2, clock=clock()), "ab.....") == "...b..."
    assert drawn(ek.Throttle(0.2, clock=clock()), "abc....") == "a.b.c.."
    assert drawn(ek.Batch(2, 1, clock=clock()), "ab.....") == ".#....."


def test_flows_are_shown_below_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    show_flows("ab.....", ek.Debounce(0.2, clock=ek.ManualClock()))
    assert capsys.readouterr().out.splitlines() == [
        "what came" + " " * 35 + "ab.....",
        "Debounce(0.2)" + " " * 31 + "...b...   1 came out",
    ]


def test_a_merged_event_tells_of_all_its_clicks() -> None:
    newest = ek.Coalesce(0.1, clock=ek.ManualClock())
    merged = ek.Coalesce(0.1, merge=operator.add, clock=ek.ManualClock())
    rows = repr(counted_table({"newest": newest, "merged": merged})).splitlines()
    assert [row.split() for row in rows[1:]] == [["newest", "10", "10"], ["merged", "10", "1000"]]


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the filters are none, coalesce, .*; got 'sieve'"):
        FilterRun("sieve")
    with pytest.raises(ValueError, match=r"batch takes Size and Time; got \(5,\)"):
        FilterRun("batch", 5)
    with pytest.raises(ValueError, match=r"none takes no numbers; got \(5,\)"):
        FilterRun("none", 5)


def test_picture_and_table_say_what_came_out() -> None:
    runs = [FilterRun(kind, *numbers).exactly() for kind, numbers in NUMBERS.items()]
    alt, table = bench_figure(runs).alt, repr(bench_table(runs))
    assert alt.startswith(
        "1,000 clicks came. none: 1,000 from 300 to 1,699 ms; coalesce 100 ms: 10"
    )
    assert "debounce 100 ms           1,000  2        2               998       0        1" in table
    assert "Nothing has been run yet" in bench_figure([]).alt


def test_the_panel_shows_the_numbers_that_a_filter_takes() -> None:
    panel = BurstBench()
    for kind, one in FILTERS.items():
        panel._kind.value = kind
        shown = [name for name, line in panel._rows.items() if line.layout.display != "none"]
        assert sorted(shown) == sorted(one.numbers)


@pytest.mark.long
def test_the_panel_keeps_the_newest_run_of_each_filter_and_not_too_many() -> None:
    panel = BurstBench()
    for number in [*range(20), 19]:
        panel._finish(FilterRun("coalesce", 100 + number).exactly())
    assert len(panel.runs) == panel.most_rows
    assert [run.numbers for run in panel.runs[-2:]] == [(118,), (119,)]
    assert "coalesce 119 ms" in panel._status.text
    assert panel.text().startswith("[Burst bench: run this cell in JupyterLab")
