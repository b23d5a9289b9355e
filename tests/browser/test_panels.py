"""Tracer, explorer and predictions, clicked in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook

pytestmark = pytest.mark.long

COUNTER = "counter = lab.CounterPanel(); counter"
TRACER = "tracer = lab.ClickTracer(); tracer"
EXPLORER = "explorer = lab.PartsExplorer(); explorer"
PREDICTION = """
prediction = lab.Prediction(
    "What will happen?",
    {"a": ("One waits", "It is in the queue."), "b": ("None waits", "There is one thread only.")},
    right="a",
)
prediction
"""

AGAIN = "prediction.again()"
FLOOD = """
import ipywidgets as widgets
number, flooded = widgets.Label("0"), 0

def paint():
    number.value = str(flooded)

painter = lab.Painter(paint)

def flood(_):
    global flooded
    for flooded in range(1, 10_001):
        painter.changed()

button = widgets.Button(description="Flood")
button.on_click(flood)
lab.Panel("Painted", button, number)
"""


@pytest.fixture
def notebook(pages: Pages) -> Notebook:
    return pages.cells(COUNTER, "counter", TRACER, EXPLORER, PREDICTION, AGAIN, FLOOD)


def test_a_traced_click_gives_stages_that_add_up_to_the_total(notebook: Notebook) -> None:
    panel = notebook.panel("Click tracer")

    for number in (1, 2):
        panel.get_by_role("button", name="Click me and trace it").click()
        expect(panel.get_by_role("table", name=f"Click {number}")).to_be_visible()
        expect(panel.get_by_role("status").first).to_have_text(f"Click {number} answered.")

        cells = panel.locator("tbody tr td:last-child").all_text_contents()
        *stages, total = [float(cell) for cell in cells]
        assert len(stages) >= 4 and min(stages) >= 0
        assert sum(stages) == pytest.approx(total, abs=0.01 * len(stages))
    notebook.do("lab.assert_clean(tracer)")


BUSY = """(code) => {
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }"""


def test_a_click_is_drawn_on_its_way_and_says_afterwards_what_it_waited_for(
    notebook: Notebook,
) -> None:
    panel = notebook.panel("Click tracer")
    lanes = panel.get_by_role("img")
    expect(lanes).to_have_attribute("aria-label", re.compile("No click traced yet"))
    expect(panel.locator(".ek-number")).to_have_text(["–"] * 3)
    empty = lanes.bounding_box()

    panel.get_by_role("button", name="Click me and trace it").click()
    expect(panel.get_by_role("listitem")).to_have_text(
        [re.compile("^Click 1, no cell was running")]
    )
    notebook.page.evaluate(BUSY, "import time; time.sleep(2)")
    panel.get_by_role("button", name="Click me and trace it").click()
    expect(panel.get_by_role("status")).to_have_text("The click is on its way …")
    under_way = lanes.bounding_box()
    expect(panel.get_by_role("listitem")).to_have_count(2)
    after = lanes.bounding_box()

    kept = panel.get_by_role("listitem").last
    expect(kept).to_contain_text("Click 2, a cell kept the loop")
    times = re.findall(r"[\d.]+(?= ms| waiting)", kept.inner_text().replace(",", ""))
    total, waited = map(float, times)
    assert waited > total / 2
    expect(lanes).to_have_attribute("aria-label", re.compile("Click 1, .*Click 2, "))
    assert empty and under_way and after
    assert empty["height"] < under_way["height"] == after["height"]
    assert notebook.ask("[one.number for one in tracer.answered]") == [1, 2]


def test_a_clicks_lanes_can_fill_the_width_by_keyboard(notebook: Notebook) -> None:
    panel = notebook.panel("Click tracer")
    panel.get_by_role("button", name="Click me and trace it").press("Enter")
    expect(panel.get_by_role("listitem")).to_have_count(1)
    lanes, scale = panel.get_by_role("img"), panel.get_by_role("combobox", name="Scale")
    height = lanes.evaluate("(canvas) => canvas.style.height")

    scale.press("ArrowDown")

    expect(scale).to_have_value("each click fills the width")
    expect(lanes).not_to_have_css("height", height)  # without the axis


@pytest.mark.parametrize(
    ("letter", "says", "look"),
    [
        ("a", "a) Yes. It is in the queue.", "ek-good"),
        ("b", "b) Not so. There is one thread only.", "ek-notice$"),
    ],
)
def test_a_prediction_says_why_it_is_right_or_wrong(
    notebook: Notebook, letter: str, says: str, look: str
) -> None:
    panel = notebook.panel("Asked again: What will happen?")

    panel.get_by_role("button", name=re.compile(rf"^{letter}\)")).click()

    expect(panel.get_by_role("status")).to_contain_text(says)
    expect(panel.get_by_role("status")).to_have_class(re.compile(look))


def test_a_prediction_is_noted_without_a_verdict_and_can_be_changed(notebook: Notebook) -> None:
    panel = notebook.panel(re.compile("^What will happen"))

    for letter in ("b", "a"):
        panel.get_by_role("button", name=re.compile(rf"^{letter}\)")).click()
        expect(panel.get_by_role("status")).to_contain_text(f"Noted: {letter}).")
        expect(panel.get_by_role("status")).not_to_have_class(re.compile("ek-good"))
    assert notebook.ask("prediction.chosen")[-2:] == ["b", "a"]


PROCESSOR, SHOW, LOG = "processor: count", "listener: show", "listener: log"


@pytest.mark.parametrize(
    ("part", "mode", "heard", "milliseconds"),
    [
        (
            PROCESSOR,
            "works",
            [
                f"{PROCESSOR} got button.click",
                f"{SHOW} got counter.changed",
                f"{LOG} got counter.changed",
                f"{LOG} got button.click",
            ],
            0,
        ),
        (PROCESSOR, "is off", [f"{LOG} got button.click"], 0),
        (
            SHOW,
            "is slow",
            [
                f"{PROCESSOR} got button.click",
                f"{SHOW} got counter.changed",
                f"{LOG} got counter.changed",
                f"{LOG} got button.click",
            ],
            500,
        ),
        (LOG, "is off", [f"{PROCESSOR} got button.click", f"{SHOW} got counter.changed"], 0),
    ],
)
def test_the_explorer_shows_who_heard_what_and_how_long_it_took(
    notebook: Notebook, part: str, mode: str, heard: list[str], milliseconds: int
) -> None:
    panel = notebook.panel("Parts explorer")
    panel.get_by_role("combobox", name=part).select_option(mode)
    notebook.wait_idle()

    panel.get_by_role("button", name="Fire button.click").click()

    said = panel.get_by_role("status")
    expect(said).to_contain_text("fire('button.click') returned after")
    expect(panel.get_by_role("listitem")).to_have_text(heard)
    took = re.search(r"([\d.]+) ms", said.inner_text())
    assert took and float(took[1]) >= milliseconds


@pytest.mark.parametrize("part", [PROCESSOR, SHOW, LOG])
def test_the_explorer_shows_that_a_part_that_raises_stops_nobody_else(
    notebook: Notebook, part: str
) -> None:
    panel = notebook.panel("Parts explorer")
    panel.get_by_role("combobox", name=part).select_option("raises")
    notebook.wait_idle()

    panel.get_by_role("button", name="Fire button.click").click()

    steps = panel.get_by_role("listitem")
    expect(steps.filter(has_text=f"dead letter: {part} is broken")).not_to_have_count(0)
    expect(steps.filter(has_text=f"{LOG} got button.click")).to_have_count(1)
    notebook.do("lab.assert_clean(explorer)")


DRAWN = "(canvas) => canvas.toDataURL()"


@pytest.mark.parametrize("key", ["Enter", "Space", ""])
def test_a_box_of_the_explorer_breaks_its_part_and_the_path_of_the_next_event_shows_it(
    notebook: Notebook, key: str
) -> None:
    panel = notebook.panel("Parts explorer")
    picture, box = panel.get_by_role("img"), panel.get_by_role("button", name=SHOW)
    expect(picture).to_have_attribute("aria-label", re.compile("No event was fired yet"))
    expect(box).to_have_attribute("aria-pressed", "false")
    unlit = picture.evaluate(DRAWN)

    if key:
        box.press(key)
    else:
        box.click()
    expect(box).to_have_attribute("aria-pressed", "true")
    expect(box).to_contain_text("✗ raises")
    expect(panel.get_by_role("combobox", name=SHOW)).to_have_value("raises")
    panel.get_by_role("button", name="Fire button.click").click()

    said = " ".join(notebook.ask("[hop.says() for hop in explorer.hops]"))
    expect(picture).to_have_attribute("aria-label", f"Trigger, bus and handlers. {said}")
    assert f"{SHOW} fails on event 2." in said
    assert picture.evaluate(DRAWN) != unlit
    expect(panel.get_by_text("Events: 1 button.click, 2 counter.changed, 3 error.")).to_be_visible()
    box.click()
    expect(box).to_have_attribute("aria-pressed", "false")
    notebook.do("lab.assert_clean(explorer)")


def test_boxes_and_picture_of_the_explorer_lie_beside_each_other(notebook: Notebook) -> None:
    panel = notebook.panel("Parts explorer")
    picture = panel.get_by_role("img").bounding_box()
    boxes = [
        panel.get_by_role("button", name=part).bounding_box() for part in (PROCESSOR, SHOW, LOG)
    ]

    assert picture and all(boxes)
    above = picture["y"]
    for box in boxes:
        assert box and box["y"] >= above
        assert picture["x"] + picture["width"] / 2 < box["x"]
        assert box["x"] + box["width"] <= picture["x"] + picture["width"]
        above = box["y"] + box["height"]
    assert above <= picture["y"] + picture["height"]


def test_an_event_that_no_part_wants_is_heard_by_the_log_alone(notebook: Notebook) -> None:
    panel = notebook.panel("Parts explorer")

    panel.get_by_role("button", name="Fire door.opened").click()

    expect(panel.get_by_role("listitem")).to_have_text([f"{LOG} got door.opened"])


def test_a_painter_ends_on_the_last_of_ten_thousand_updates(notebook: Notebook) -> None:
    panel = notebook.panel("Painted")

    panel.get_by_role("button", name="Flood").click()

    expect(panel.locator(".widget-label")).to_have_text("10000")


def test_two_views_of_one_panel_show_the_same(notebook: Notebook) -> None:
    panels = notebook.panel("Live counter")
    expect(panels).to_have_count(2)

    panels.first.get_by_role("button", name="×10", exact=True).click()

    for index in range(2):
        expect(panels.nth(index).locator(".ek-number")).to_have_text("10")
        expect(panels.nth(index).get_by_role("status")).to_contain_text("crossed 10")
