"""The live view in the page: what it shows at any time, how it is driven, and what it costs."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .conftest import Pages
from .drawing import calls_at
from .notebook import Notebook
from .run_panel import GREEN, HAS_COLOUR
from .server import REPOSITORY
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

# A processor on three threads with too small a queue, its listener, and one that fails once.
RECORD = """
import logging
import time
logging.getLogger("eventkit").setLevel("CRITICAL")

def count(event):
    time.sleep(0.02)
    return event.data

def log(event):
    assert event.data != 7

bus = ek.EventBus()
workers = ek.Threads(3, capacity=4, overflow="drop_oldest")
bus.subscribe("click", count, emits="changed", executor=workers)
bus.subscribe("changed", lambda event: None)
bus.subscribe("click", log)
with bus.record() as timeline:
    ek.OpenLoop(rate=400, count=30).run(bus, "click")
    for number in range(8):
        bus.fire("click", number)
    bus.drain(20)
bus.dead_letters.clear()
small = lab.replay(timeline, "Small")
small
"""
LARGE = """
with ek.EventBus() as bus, bus.record() as timeline:
    bus.subscribe("click", lambda event: 1, emits="changed", executor=ek.Threads(4))
    bus.subscribe("changed", lambda event: None)
    for _ in range(5_000):
        bus.fire("click")
    bus.drain(60)
large = lab.replay(timeline, "Large")
large
"""
# A processor whose result goes to a listener before a second listener hears of the click.
NESTED = """
shop = ek.EventBus()

@shop.processor("click", emits="changed")
def count(event):
    return 1

@shop.listener("changed")
def display(event):
    pass

shop.subscribe("click", lambda event: None)
with shop.record() as timeline:
    shop.fire("click")
    shop.fire("click")
nested = lab.replay(timeline, "Nested")
nested
"""
# One worker, which the first event keeps busy until later ones have pushed out those before.
DROPPED = """
with ek.EventBus() as bus, bus.record() as timeline:
    gate = ek.testing.Gate()
    one = ek.Threads(1, capacity=1, overflow="drop_oldest")
    bus.subscribe("click", gate, executor=one)
    bus.fire("click")
    gate.wait_entered()
    for _ in range(4):
        bus.fire("click")
    gate.open()
    bus.drain(20)
dropped = lab.replay(timeline, "Dropped")
dropped
"""
# Goes to each time in turn, and tells what the page then says: in words, in rows and by itself.
LOOK_AT = """([panel, times]) => {
  const slider = panel.querySelector("input"), details = panel.querySelector("details");
  details.open = true;
  const drawn = () => new Promise((resolve) =>
    panel.addEventListener("ek-drawn", (event) => resolve(event.detail.places[0].join("")),
      { capture: true, once: true }));
  return times.reduce(async (found, time) => {
    const before = await found, next = drawn();
    slider.value = time;
    slider.dispatchEvent(new Event("input"));
    const places = await next;
    const rows = [...panel.querySelectorAll("tr")].slice(1)
      .map((row) => [...row.cells].map((cell) => cell.textContent));
    return [...before, [panel.querySelector("p").textContent, rows, places]];
  }, Promise.resolve([]));
}"""

# Plays until enough frames are drawn or the end is reached: each frame's time in the record, its
# milliseconds of drawing, those until it is pixels (reading one back forces that), and when it was
# drawn; and what 10,000 squares take to fill here.
PLAY = """([panel, frames]) => new Promise((resolve) => {
  const play = panel.querySelector("button"), found = [];
  const ink = document.createElement("canvas").getContext("2d");
  const sheet = panel.querySelector("canvas").getContext("2d");
  const read = () => {
    const began = performance.now();
    sheet.getImageData(0, 0, 1, 1);
    return performance.now() - began;
  };
  const bare = () => {
    const began = performance.now();
    for (let at = 0; at < 10_000; at += 1) ink.fillRect(at % 100, at / 100, 1, 1);
    return performance.now() - began;
  };
  const drawn = ({ detail }) => {
    found.push({ time: detail.time, took: detail.took, pixels: detail.took + read(),
      at: performance.now(), bare: bare() });
    if (found.length < frames && play.textContent === "Pause") return;
    panel.removeEventListener("ek-drawn", drawn, true);
    if (play.textContent === "Pause") play.click();
    resolve(found);
  };
  panel.addEventListener("ek-drawn", drawn, true);
  play.click();
})"""


class View:
    """What a user sees of a replay, and can do with it."""

    def __init__(self, notebook: Notebook, title: str):
        self.notebook = notebook
        self.panel = notebook.panel(title)
        self.slider = self.panel.get_by_role("slider", name="Time")
        self.speed = self.panel.get_by_role("combobox", name="Speed")
        self.words = self.panel.locator("p").first
        self.span = int(notebook.ask(f"{title.lower()}.stage.where[0].span"))

    def button(self, label: str) -> Locator:
        return self.panel.get_by_role("button", name=label, exact=True)

    def time(self) -> int:
        return int(self.slider.input_value())

    def play(self, frames: int) -> list[dict[str, float]]:
        found: list[dict[str, float]] = self.panel.evaluate(
            f"(panel, frames) => ({PLAY})([panel, frames])", frames
        )
        return found


@pytest.fixture
def small(pages: Pages) -> View:
    return View(pages.cells(RECORD), "Small")


@pytest.mark.parametrize(
    ("title", "cell"),
    [pytest.param("Small", RECORD, id="Small"), pytest.param("Large", LARGE, id="Large")],
)
def test_at_any_time_the_page_shows_what_the_record_implies(
    pages: Pages, title: str, cell: str
) -> None:
    notebook = pages.cells(cell)
    view = View(notebook, title)
    chance = random.Random(1)
    times = [0, view.span, *(chance.randrange(view.span) for _ in range(25))]
    shown: list[Any] = view.panel.evaluate(f"(panel, times) => ({LOOK_AT})([panel, times])", times)

    notebook.do(f"where = {title.lower()}.stage.where[0]")
    implied = notebook.ask(
        "[(where.says(t), where.rows(t), ''.join(str(int(place)) for place in where.at(t)))"
        f" for t in {times}]"
    )
    assert [tuple(one) for one in shown] == implied


def test_steps_go_from_stamp_to_stamp(small: View) -> None:
    small.slider.fill("0")
    moments = sorted(
        small.notebook.ask(
            "{at for one in small.stage.where[0].stamps for at in one[:6] if at is not None}"
        )
    )
    for moment in moments[1:4]:
        small.button("Step ▶").click()
        assert small.time() == moment
    small.button("◀ Step").click()
    assert small.time() == moments[2]


def test_it_can_be_driven_with_the_keyboard_alone(small: View) -> None:
    press = small.notebook.page.keyboard.press
    small.slider.focus()
    press("Home")
    assert small.time() == 0
    press("ArrowRight")
    there = small.time()
    assert there > 0
    press("ArrowRight")
    press("ArrowLeft")
    assert small.time() == there
    press("End")
    assert small.time() == small.span
    expect(small.words).to_contain_text("0 at the trigger, 0 in the queue, 0 running")
    press("PageDown")
    assert small.time() == pytest.approx(small.span * 0.9, abs=2)

    before = small.speed.input_value()
    press("-")
    assert float(small.speed.input_value()) < float(before)
    press("+")
    assert small.speed.input_value() == before

    press("Home")
    press("Space")
    expect(small.button("Pause")).to_be_visible()
    press("Space")
    expect(small.button("Play")).to_be_visible()
    assert small.notebook.errors() == []


def test_it_plays_to_the_end_and_again_from_the_start(small: View) -> None:
    small.slider.fill(str(small.span))
    small.speed.select_option("1")
    small.button("Play").click()
    expect(small.button("Play")).to_be_visible()
    expect(small.slider).to_have_value(str(small.span))
    canvas = small.panel.get_by_role("img").element_handle()
    small.notebook.page.wait_for_function(HAS_COLOUR, arg=[canvas, GREEN])


def test_where_motion_is_not_wanted_pictures_follow_in_steps(small: View) -> None:
    page = small.notebook.page
    small.speed.select_option("0.001")
    small.slider.fill("0")
    calm = changes(small.play(80))
    page.emulate_media(reduced_motion="no-preference")
    small.slider.fill("0")
    moving = changes(small.play(80))
    page.emulate_media(reduced_motion="reduce")

    assert all(later - sooner > 450 for sooner, later in pairwise(calm))
    assert len(moving) > 2 * len(calm)


def changes(frames: list[dict[str, float]]) -> list[float]:
    """When the picture showed another time than before, in milliseconds."""
    pairs = pairwise(frames)
    return [later["at"] for sooner, later in pairs if sooner["time"] != later["time"]]


def test_five_thousand_events_are_drawn_in_little_more_than_the_squares_take(pages: Pages) -> None:
    notebook = pages.cells(LARGE)
    view = View(notebook, "Large")
    notebook.page.emulate_media(reduced_motion="no-preference")
    view.slider.fill(str(view.span // 2))
    view.speed.select_option("0.001")
    frames = view.play(60)
    notebook.page.emulate_media(reduced_motion="reduce")

    assert len(frames) == 60
    took, bare = (statistics.median(frame[name] for frame in frames) for name in ("took", "bare"))
    assert took < 20 * max(bare, 0.5)


def test_five_thousand_events_are_pixels_within_8_ms_in_95_of_100_frames(pages: Pages) -> None:
    """In the best of three runs: another program may hold up any of them."""
    notebook = pages.cells(LARGE)
    view = View(notebook, "Large")
    notebook.page.emulate_media(reduced_motion="no-preference")
    view.speed.select_option("0.001")
    runs = []
    for _ in range(3):
        view.slider.fill(str(view.span * 9 // 10))  # nearly all are in view
        frames = view.play(100)
        runs.append(sorted(frame["pixels"] for frame in frames)[len(frames) * 95 // 100])
    notebook.page.emulate_media(reduced_motion="reduce")

    print("95th percentile of each run, in milliseconds:", runs)
    assert min(runs) < 8


def drawn(view: View, times: list[int]) -> list[list[tuple[str, float, float]]]:
    found = calls_at(view.panel, times, "fillText", "(ink, text, x, y) => [String(text), x, y]")
    return [[(text, x, y) for text, x, y in texts] for texts in found]


def test_each_running_call_is_a_bar_with_its_handlers_name(pages: Pages) -> None:
    view = View(pages.cells(NESTED), "Nested")
    running = """[[where.subscribers[where._who[at][1] - 1]
        for at in sorted(range(len(places)), key=where.levels.__getitem__) if places[at] == 4]
        for places in map(where.at, times)]"""
    view.notebook.do("where = nested.stage.where[0]")
    view.notebook.do("times = sorted({at for one in where.stamps for at in one[:6] if at})")
    times = view.notebook.ask("times")
    implied = view.notebook.ask(running)
    names = {"count", "display", "lambda on click"}
    shown = [
        [text for text, _, _ in sorted(texts, key=lambda one: one[2]) if text in names]
        for texts in drawn(view, times)
    ]

    assert shown == implied
    assert ["count", "display"] in shown and ["lambda on click"] in shown


def test_where_nothing_queues_there_is_no_queue(pages: Pages) -> None:
    view = View(pages.cells(NESTED), "Nested")
    (texts,) = drawn(view, [view.span])
    titles = [text for text, _, y in texts if y == 18]
    assert titles == ["trigger 0", "bus 0", "workers", "handled by"]
    assert "queue" not in view.words.inner_text()


def test_dropped_events_lie_below_the_queue_with_their_numbers(pages: Pages) -> None:
    view = View(pages.cells(DROPPED), "Dropped")
    (texts,) = drawn(view, [view.span])
    left, right, floor = (
        next((x, y) for text, x, y in texts if text.startswith(name))
        for name in ("queue", "workers", "dropped")
    )
    assert "dropped 3" in [text for text, _, _ in texts]
    below = [text for text, x, y in texts if left[0] < x < right[0] and y > floor[1] + 5]
    assert sorted(below) == ["2", "3", "4"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(small: View, theme: str) -> None:
    small.notebook.theme(f"JupyterLab {theme}")
    small.slider.fill(str(small.span * 2 // 5))
    expect(small.words).to_contain_text("in the queue")

    SCREENS.mkdir(parents=True, exist_ok=True)
    small.panel.screenshot(path=SCREENS / f"Replay-{theme}.png")

    assert [found for found in small.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []


def test_the_benchmark_of_the_live_view_measures_it() -> None:
    """In a process of its own, since it starts a browser too."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "live"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, encoding="utf-8")
    lines = done.stdout.splitlines()
    rows = [one for one in lines if one.startswith("|") and "eventkit: Replay" in one]
    assert len(rows) == 6 and "missing" not in done.stdout, done.stdout + done.stderr
