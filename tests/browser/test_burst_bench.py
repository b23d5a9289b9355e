"""The burst bench: a burst is sent through a filter in the page, and can be cut short."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .run_panel import RunPanel
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long


@pytest.fixture
def bench(pages: Pages) -> RunPanel:
    return RunPanel(pages.cells("bench = lab.BurstBench(); bench"), "Burst bench")


def choose(bench: RunPanel, kind: str) -> None:
    bench.panel.get_by_role("combobox", name="Filter").select_option(kind)
    bench.notebook.wait_idle()


def send(bench: RunPanel, says: str) -> None:
    bench.press("Send the burst")
    expect(bench.status).to_contain_text(says)


def test_what_came_out_appears_in_the_picture_and_in_the_table(bench: RunPanel) -> None:
    image = bench.pictures
    expect(image).to_have_attribute("alt", re.compile("Nothing has been run yet"))
    before = image.get_attribute("src")

    bench.set("Time", 200)
    send(bench, "Running: 1,000 clicks through debounce 200 ms.")

    expect(bench.status).to_contain_text("debounce 200 ms: 1,000 clicks came")
    expect(image).to_have_attribute("alt", re.compile(r"debounce 200 ms: \d"))
    assert image.get_attribute("src") != before
    expect(bench.rows).to_have_count(1)
    cells = bench.rows.locator("td").all_text_contents()
    filter_, came, handled, told, replaced, dropped = cells[:6]
    assert (filter_, came, dropped) == ("debounce 200 ms", "1,000", "0")
    assert 1 <= int(handled) < 20
    assert told == handled
    assert int(told) + int(replaced) == 1000
    expect(bench.button("Stop")).to_be_disabled()
    bench.notebook.do("lab.assert_clean(bench)")


def test_filters_come_below_each_other_on_one_time_axis(bench: RunPanel) -> None:
    for kind, label in [("throttle", "throttle 100 ms"), ("batch", "batch 50, 100 ms")]:
        choose(bench, kind)
        send(bench, f"{label}: 1,000 clicks came")
    expect(bench.rows).to_have_count(2)
    assert bench.column(1) == ["throttle 100 ms", "batch 50, 100 ms"]
    expect(bench.pictures).to_have_attribute("alt", re.compile("throttle 100 ms: .*; batch 50"))
    bench.notebook.do("lab.assert_clean(bench)")


def test_a_filter_asks_for_the_numbers_that_it_takes(bench: RunPanel) -> None:
    fields = bench.panel.get_by_role("spinbutton")
    expect(fields).to_have_count(1)
    choose(bench, "token bucket")
    expect(bench.panel.get_by_role("spinbutton", name="Rate (a second)")).to_be_visible()
    expect(bench.panel.get_by_role("spinbutton", name="Burst (events)")).to_be_visible()
    expect(fields).to_have_count(2)
    choose(bench, "none")
    expect(fields).to_have_count(0)


def test_slider_and_field_move_together(bench: RunPanel) -> None:
    bench.panel.get_by_role("slider", name="Time (ms)").fill("300")
    expect(bench.panel.get_by_role("spinbutton", name="Time (ms)")).to_have_value("300")


def test_a_burst_can_be_stopped_and_draws_nothing(bench: RunPanel) -> None:
    choose(bench, "none")
    send(bench, "Running: 1,000 clicks through none.")

    bench.press("Stop")

    expect(bench.status).to_contain_text("Stopped.", timeout=10_000)
    expect(bench.button("Stop")).to_be_disabled()
    expect(bench.button("Send the burst")).to_be_enabled()
    expect(bench.rows).to_have_count(0)
    bench.notebook.do("lab.assert_clean(bench)")


def test_it_can_be_used_with_the_keyboard_alone(bench: RunPanel) -> None:
    press = bench.notebook.page.keyboard.press
    bench.panel.get_by_role("combobox", name="Filter").focus()
    press("ArrowDown")
    expect(bench.panel.get_by_role("combobox", name="Filter")).to_have_value("throttle")
    press("Tab")
    press("ArrowUp")
    press("Enter")
    expect(bench.panel.get_by_role("slider", name="Time (ms)")).to_have_value("101")
    press("Tab")
    press("Tab")
    press("Enter")
    expect(bench.status).to_contain_text("throttle 101 ms: 1,000 clicks came")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_all_text_stands_out_in_both_themes(bench: RunPanel, theme: str) -> None:
    bench.notebook.theme(f"JupyterLab {theme}")
    for number, kind in enumerate(("coalesce", "debounce", "token bucket"), start=1):
        choose(bench, kind)
        bench.press("Send the burst")
        expect(bench.rows).to_have_count(number)
    SCREENS.mkdir(parents=True, exist_ok=True)
    bench.panel.screenshot(path=SCREENS / f"Burst-bench-{theme}.png")
    assert [found for found in bench.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
    bench.notebook.theme("JupyterLab Light")
