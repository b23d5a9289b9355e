"""The load curve: its virtual queue, its handle, and what is measured in the page."""

from __future__ import annotations

import heapq
import random
import re
import statistics
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Locator, expect

from eventkit.lab.lesson06.load_panel import CURVES
from eventkit.lab.lesson06.load_run import Service
from eventkit.lab.lesson06.virtual_run import chances

from .conftest import Pages
from .run_panel import BLUE, GREEN, GREY, RunPanel

pytestmark = pytest.mark.long

CELL = "curve = lab.LoadCurve(); curve.seconds = 1.0; curve"
NAME = "Utilisation (%)"

# Sets a utilisation, presses Step some times, and returns what is drawn then.
SHOW = """([panel, percent, steps]) => new Promise((resolve) => {
  const slider = panel.querySelector("input[type=range]");
  const step = [...panel.querySelectorAll("button")].find((one) => one.textContent === "Step ▶");
  slider.value = percent;
  slider.dispatchEvent(new Event("input"));
  for (let number = 0; number < steps; number += 1) step.click();
  panel.addEventListener("ek-drawn", ({ detail }) => {
    const { time, run, shown } = detail, lanes = shown.working.map((at) => run.lanes[at]);
    resolve({ ...shown, time, lanes, mean: run.mean, percent: detail.percent });
  }, { capture: true, once: true });
})"""

# Notes how long each move of the mouse is answered by a drawing.
CLOCK = """(panel) => {
  let moved = 0;
  window.answered = [];
  panel.addEventListener("pointermove", ({ timeStamp }) => { moved = timeStamp; },
    { capture: true });
  panel.addEventListener("ek-drawn", () => answered.push(performance.now() - moved),
    { capture: true });
}"""


@pytest.fixture
def curve(pages: Pages) -> RunPanel:
    return RunPanel(pages.cells(CELL), "Load curve")


def handle(curve: RunPanel) -> Locator:
    return curve.panel.get_by_role("slider", name=NAME)


def choose(curve: RunPanel, servers: int, service: Service) -> None:
    curve.panel.get_by_role("combobox", name="Service").select_option(service)
    curve.panel.get_by_role("combobox", name="Servers").select_option(str(servers))
    curve.notebook.wait_idle()


def show(curve: RunPanel, percent: int, steps: int = 0) -> dict[str, Any]:
    shown: dict[str, Any] = curve.panel.evaluate(
        f"(panel, [percent, steps]) => ({SHOW})([panel, percent, steps])", [percent, steps]
    )
    assert shown["percent"] == percent
    return shown


class Drag:
    """The mouse on the plot, well above the handle's knob, with its button held down."""

    def __init__(self, curve: RunPanel):
        self.page = curve.notebook.page
        box = handle(curve).bounding_box()
        assert box
        self.left, self.width, self.y = box["x"] + 9, box["width"] - 18, box["y"] - 100

    def begin(self, percent: int) -> None:
        self.to(percent)
        self.page.mouse.down()

    def to(self, percent: int) -> None:
        self.page.mouse.move(self.left + (percent - 10) / 85 * self.width, self.y)


def test_a_measured_point_appears_in_the_picture_and_in_the_table(curve: RunPanel) -> None:
    canvas = curve.canvas("Load curve")
    expect(canvas).to_have_accessible_name(re.compile("Nothing measured yet"))
    before = canvas.evaluate("(canvas) => canvas.toDataURL()")

    curve.set("Utilisation", 70)
    choose(curve, 2, "exponential")
    curve.press("Measure")

    expect(curve.status).to_contain_text("Running: 140 requests")
    expect(curve.status).to_contain_text("Asked for a utilisation of 70 %")
    expect(canvas).to_have_accessible_name(re.compile("measured [\\d,]+ ms"))
    assert canvas.evaluate("(canvas) => canvas.toDataURL()") != before
    cells = curve.rows.locator("td").all_text_contents()
    assert [cells[0], *cells[2:5]] == ["70 %", "2", "exponential", "140"]
    measured, exact = float(cells[5]), float(cells[6])
    assert 10 < exact <= measured
    curve.notebook.do("lab.assert_clean(curve)")


def test_measured_points_stay(curve: RunPanel) -> None:
    for percent in (30, 60):
        curve.set("Utilisation", percent)
        curve.press("Measure")
        expect(curve.status).to_contain_text(f"Asked for a utilisation of {percent} %")

    said = curve.canvas("Load curve").get_attribute("aria-label") or ""
    assert len(re.findall(r"At \d+ % measured", said)) == 2
    expect(curve.rows).to_have_count(2)


def test_a_run_can_be_stopped_and_draws_nothing(curve: RunPanel) -> None:
    curve.notebook.do("curve.seconds = 60.0")
    curve.press("Measure")
    expect(curve.status).to_contain_text("Running")

    curve.press("Stop")

    expect(curve.status).to_contain_text("Stopped.", timeout=10_000)
    expect(curve.button("Stop")).to_be_disabled()
    expect(curve.button("Measure")).to_be_enabled()
    expect(curve.rows).to_have_count(0)
    curve.notebook.do("lab.assert_clean(curve)")


def test_slider_and_field_move_together(curve: RunPanel) -> None:
    field = curve.panel.get_by_role("spinbutton", name=NAME)
    handle(curve).fill("90")
    expect(field).to_have_value("90")
    curve.set("Utilisation", 40)
    expect(handle(curve)).to_have_value("40")


def test_the_handle_is_a_slider_for_the_keyboard(curve: RunPanel) -> None:
    slider, press = handle(curve), curve.notebook.page.keyboard.press
    slider.focus()
    for key, value in (("ArrowRight", 51), ("ArrowUp", 52), ("ArrowLeft", 51), ("Home", 10),
                       ("End", 95)):  # fmt: skip
        press(key)
        expect(slider).to_have_value(str(value))
        expect(slider).to_have_attribute(
            "aria-valuetext", re.compile(f"^{value} %: .+ × its work$")
        )
        expect(curve.panel.locator(".ek-result")).to_contain_text(f"At {value} % busy an answer")
    curve.notebook.wait_idle()
    assert curve.notebook.ask("curve._rho.value") == 95


def test_the_plot_can_be_dragged_and_the_figure_is_that_of_the_virtual_run(curve: RunPanel) -> None:
    drag, figure = Drag(curve), curve.panel.locator(".ek-result")
    drag.begin(50)
    for percent in (60, 75, 90):
        drag.to(percent)
        expect(handle(curve)).to_have_value(str(percent))
    drag.page.mouse.up()
    drag.to(20)  # let go: it stays

    mean = curve.notebook.ask("lab.VirtualRun(0.9, 1, 'fixed', 1.0).mean")
    expect(figure).to_have_text(f"At 90 % busy an answer takes {mean:.1f} × its work")
    expect(curve.panel.get_by_role("spinbutton", name=NAME)).to_have_value("90")


@pytest.mark.parametrize(("servers", "service"), CURVES)
def test_dragging_to_the_right_makes_the_queue_longer(
    curve: RunPanel, servers: int, service: Service
) -> None:
    choose(curve, servers, service)
    drag = [show(curve, percent) for percent in (49, 50, 65, 80, 90, 95)][1:]
    waiting = [len(shown["waiting"]) for shown in drag]
    waits = [shown["mean"] - 1 for shown in drag]
    assert waiting == sorted(waiting) and waiting[-1] >= 8
    assert waits == sorted(waits) and waits[-1] > 10 * waits[0]


class Plain(NamedTuple):
    """Who waits, who is running, and who was answered, in that order."""

    waiting: list[int]
    working: list[int]
    done: list[int]


def plain_queue(percent: int, servers: int, service: Service, until: float) -> Plain:
    """Let requests come and go one by one up to a time, as a queue does."""
    events, queue, working, done = list(_arrivals(percent, servers)), deque[int](), set[int](), []
    works = chances()[1]
    while events and events[0][0] <= until:
        now, is_end, request = heapq.heappop(events)
        if is_end:
            working.remove(request)
            done.append(request)
        else:
            queue.append(request)
        while queue and len(working) < servers:
            begun = queue.popleft()
            working.add(begun)
            took = 1.0 if service == "fixed" else works[begun]
            heapq.heappush(events, (now + took, True, begun))
    return Plain(list(queue), sorted(working), done)


def _arrivals(percent: int, servers: int) -> Iterator[tuple[float, bool, int]]:
    for request, due in enumerate(chances()[0][:3_000]):
        yield due / (percent / 100 * servers), False, request


@pytest.mark.parametrize(("servers", "service"), CURVES)
def test_what_is_drawn_is_what_a_queue_does(
    curve: RunPanel, servers: int, service: Service
) -> None:
    choose(curve, servers, service)
    chance, percent = random.Random(f"{servers} {service}"), 50
    for _ in range(25):
        percent = chance.choice([one for one in range(10, 96) if one != percent])
        shown = show(curve, percent, chance.choice([0, 1, 2, chance.randrange(400)]))
        # Just after the moment that is shown: the page's logarithm may differ in the last digit.
        queue = plain_queue(percent, servers, service, shown["time"] + 1e-6)
        assert shown["waiting"] == queue.waiting
        assert sorted(shown["working"]) == queue.working
        assert len(set(shown["lanes"])) == len(queue.working)
        assert shown["answered"] == len(queue.done)
        assert shown["done"] == queue.done[:-41:-1]
    mean = curve.notebook.ask(f"lab.VirtualRun({percent / 100}, {servers}, '{service}', 1.0).mean")
    assert shown["mean"] == pytest.approx(mean)


def test_a_drag_is_answered_within_a_tenth_of_a_second(curve: RunPanel) -> None:
    choose(curve, 2, "exponential")  # the longest to compute
    drag, chance, percent = Drag(curve), random.Random(1), 50
    drag.begin(30)
    expect(handle(curve)).to_have_value("30")
    curve.panel.evaluate(CLOCK)
    for number in range(100):
        percent = chance.choice([one for one in range(10, 96) if one != percent])
        drag.to(percent)
        curve.notebook.page.wait_for_function(f"() => answered.length > {number}")
    took = curve.notebook.page.evaluate("() => answered")
    drag.page.mouse.up()
    assert statistics.median(took) < 100


def test_with_reduced_motion_a_typical_moment_stands_still(curve: RunPanel) -> None:
    expect(curve.button("Play")).to_be_disabled()
    for colour in (GREY, BLUE, GREEN):
        curve.wait_for_colour(curve.canvas("Load curve"), colour)
    before = show(curve, 80)
    curve.notebook.page.wait_for_timeout(300)
    expect(curve.canvas("Load curve")).to_have_accessible_name(
        re.compile(f"after request 704: {len(before['waiting'])} wait, 1 running")
    )
    assert show(curve, 81, steps=1)["time"] > 0
    expect(curve.panel).to_contain_text(re.compile(r"Shown is the queue after request 70[45]:"))


def test_it_moves_can_be_paused_slowed_and_rests_while_it_is_measured(pages: Pages) -> None:
    notebook = pages.cells(CELL)
    notebook.page.emulate_media(reduced_motion="no-preference")
    try:
        notebook.run_cell("LoadCurve")
        curve = RunPanel(notebook, "Load curve")
        curve.panel.scroll_into_view_if_needed()
        fast = moved(curve)
        curve.panel.get_by_role("combobox", name="Speed").select_option("1/100 speed")
        slow = moved(curve)
        assert fast > 2 * slow > 0

        curve.press("Pause")
        assert moved(curve) == 0
        curve.press("Play")
        curve.press("Measure")
        expect(curve.status).to_contain_text("Running")
        assert moved(curve) == 0
        expect(curve.status).to_contain_text("Asked for")
        assert moved(curve) > 0
    finally:
        notebook.page.emulate_media(reduced_motion="reduce")


MOVED = """(panel) => new Promise((resolve) => {
  const times = [], began = performance.now();
  const note = ({ detail }) => times.push(detail.time);
  panel.addEventListener("ek-drawn", note, { capture: true });
  setTimeout(() => {
    panel.removeEventListener("ek-drawn", note, { capture: true });
    resolve(times.length ? (times[times.length - 1] - times[0]) / (performance.now() - began) : 0);
  }, 500);
})"""


def moved(curve: RunPanel) -> float:
    """By how much the virtual clock goes on, per millisecond, in half a second."""
    return float(curve.panel.evaluate(MOVED))
