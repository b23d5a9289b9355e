"""The time trial, run in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from .conftest import Pages
from .run_panel import BLUE, GREEN, GREY, ORANGE, RunPanel
from .test_themes import CONTRASTS


@pytest.fixture
def five(pages: Pages) -> RunPanel:
    return RunPanel(pages.cells("five = lab.WaysPanel(); five"), "Time trial: the same requests")


def lines(five: RunPanel) -> Locator:
    return five.panel.get_by_role("listitem")


@pytest.mark.long
def test_a_trial_rises_live_and_ends_in_a_table(five: RunPanel) -> None:
    expect(lines(five)).to_have_text([re.compile("not begun")] * 5)
    five.wait_for_colour(five.canvas("Time trial"), GREY)  # all requests wait
    five.set("Connections", 20)
    five.press("Run the time trial")

    expect(five.status).to_contain_text("Blocking comes last: 2.0 s")
    begun = re.compile(r"Blocking: Inline\(\): 1?\d of 20")
    expect(lines(five).first).to_contain_text(begun, timeout=60_000)
    expect(five.status).to_contain_text("Done.", timeout=60_000)

    expect(lines(five)).to_have_text([re.compile("20 of 20 answered after")] * 5)
    expect(five.rows).to_have_count(5)
    expect(five.canvas("Time trial")).to_have_accessible_name(re.compile(r"Selector\(\): 20 of 20"))
    for colour in (ORANGE, BLUE, GREEN):
        five.wait_for_colour(five.canvas("Time trial"), colour)
    blocking, *others = map(float, five.column(3))
    assert blocking >= 1.98
    assert max(others) < blocking
    assert five.column(7) == ["1", "20", "1", "1", "1"]
    said = lines(five).nth(1).inner_text()
    assert f"after {five.column(3)[1]} s, on 20 threads, with {five.column(8)[1]} MB" in said
    expect(five.panel.get_by_text(re.compile(r"^20 requests: .* s by Inline\(\)$"))).to_be_visible()


@pytest.mark.long
def test_stop_ends_a_trial_early_and_the_next_one_works(five: RunPanel) -> None:
    five.set("Connections", 1000)
    five.press("Run the time trial")
    expect(lines(five).nth(1)).to_contain_text("1,000 of 1,000", timeout=60_000)

    five.press("Stop")

    expect(five.status).to_contain_text("Stopped.", timeout=20_000)  # and not after 100 s
    expect(five.rows.first).to_contain_text("Threads(n)")
    expect(five.button("Stop")).to_be_disabled()

    five.set("Connections", 2)
    five.press("Run the time trial")
    expect(five.status).to_contain_text("Done.", timeout=60_000)
    expect(five.rows).to_have_count(5)
    five.notebook.do("lab.assert_clean(five)")


# What the picture's width is while its cell is hidden, as JupyterLab hides cells out of sight.
WHILE_HIDDEN = """(canvas) => new Promise((done) => {
  const cell = canvas.parentElement;
  cell.style.display = "none";
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => {
    const { width } = canvas;
    cell.style.display = "";
    done(width);
  })));
})"""


@pytest.mark.long
def test_a_hidden_cells_picture_keeps_its_width(five: RunPanel) -> None:
    canvas = five.canvas("Time trial")
    five.wait_for_colour(canvas, GREY)
    width = canvas.evaluate("(canvas) => canvas.width")
    assert width > 420
    assert canvas.evaluate(WHILE_HIDDEN) == width


@pytest.mark.long
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(five: RunPanel, theme: str) -> None:
    five.notebook.theme(f"JupyterLab {theme}")
    five.set("Connections", 3)
    five.press("Run the time trial")
    expect(five.status).to_contain_text("Done.", timeout=60_000)
    assert [found for found in five.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
