"""The tank, filled and drained in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .run_panel import BLUE, ORANGE, RunPanel

pytestmark = pytest.mark.long

# Keeps what the view has drawn.
DRAWN = """(panel) => { panel.drawn = [];
  panel.addEventListener("ek-drawn", ({ detail }) => panel.drawn.push(detail)) }"""
# Whether a colour is seen in the canvas above the ground, beside the tank.
SPILT = """([canvas, [red, green, blue]]) => {
  const scale = canvas.width / canvas.clientWidth;
  const { data } = canvas.getContext("2d")
    .getImageData(256 * scale, 40 * scale, 30 * scale, 220 * scale);
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green)
      + Math.abs(data[at + 2] - blue);
    if (data[at + 3] > 200 && off < 12) return true;
  }
  return false;
}"""


@pytest.fixture
def tank(pages: Pages) -> RunPanel:
    return RunPanel(pages.cells("tank = lab.TankPanel(); tank"), "The tank")


def choose(tank: RunPanel, policy: str, seconds: float) -> None:
    tank.notebook.do(f"tank.seconds = {seconds}")
    tank.panel.get_by_role("combobox", name="When full").select_option(policy)
    tank.notebook.wait_idle()


def test_an_overloaded_tank_fills_and_spills(tank: RunPanel) -> None:
    choose(tank, "drop_oldest", 60)
    tank.set("Inflow", 60)
    tank.set("Capacity", 10)
    tank.press("Start")

    for colour in (BLUE, ORANGE):
        tank.wait_for_colour(tank.canvas("Tank"), colour)
    expect(tank.canvas("Tank")).to_have_accessible_name(re.compile(r"[1-9]\d* wait"))
    expect(tank.status).to_contain_text("The tank is full. For each event that comes")

    tank.press("Stop")
    expect(tank.status).to_contain_text("Stopped after", timeout=10_000)
    expect(tank.rows).to_have_count(1)
    expect(tank.rows.locator("td").first).to_have_text("drop_oldest (stopped)")
    tank.notebook.do("lab.assert_clean(tank)")


def test_an_empty_tank_shows_what_happens_when_it_is_full(tank: RunPanel) -> None:
    canvas = tank.canvas("Tank")
    expect(canvas).to_have_accessible_name("Tank. Nothing yet.")
    pictures: set[str] = set()
    for policy in ("no bound", "block", "drop_oldest", "drop_newest", "raise"):
        choose(tank, policy, 1)
        tank.notebook.page.wait_for_function(
            "([canvas, seen]) => !seen.includes(canvas.toDataURL())",
            arg=[canvas.element_handle(), list(pictures)],
        )
        pictures.add(canvas.evaluate("(canvas) => canvas.toDataURL()"))
    assert len(pictures) == 5


@pytest.mark.parametrize("policy", ["no bound", "block", "drop_oldest", "drop_newest", "raise"])
def test_every_frame_shows_each_event_once_and_says_the_same(tank: RunPanel, policy: str) -> None:
    choose(tank, policy, 2)
    tank.set("Inflow", 60)
    tank.set("Capacity", 10)
    tank.panel.evaluate(DRAWN)
    tank.press("Start")
    expect(tank.status).to_contain_text("Empty again after", timeout=30_000)

    frames = tank.panel.evaluate("(panel) => panel.drawn")
    frames = [frame for frame in frames if frame["says"] != "Nothing yet."]
    assert len(frames) > 10
    for frame in frames:
        said = [int(number) for number in re.findall(r"(\d+) [a-z]", frame["says"])]
        held = [1] if frame["held"] else []
        shown = [len(frame["waiting"]), *held, len(frame["working"]), frame["answered"][0]]
        assert said[1 : len(shown) + 2] == [*shown, frame["lost"]], frame
        assert said[0] == sum(shown) + frame["lost"]
    came, lost = tank.notebook.ask("(tank.run.came, tank.run.lost)")
    assert (frames[-1]["answered"][0], frames[-1]["lost"]) == (came - lost, lost)
    numbers = tank.notebook.ask(
        "[one.event.data for one in tank.run.timeline if one.outcome == 'dropped']"
    )
    fallen = {number for frame in frames for number, *_ in frame["fallen"]}
    assert fallen <= set(numbers)
    assert bool(fallen) == (policy in ("drop_oldest", "drop_newest", "raise"))
    assert any(frame["held"] for frame in frames) == (policy == "block")


def test_lost_events_fall_unless_the_reader_prefers_no_motion(tank: RunPanel) -> None:
    page = tank.notebook.page
    choose(tank, "drop_newest", 60)
    tank.set("Inflow", 100)
    tank.set("Capacity", 1)
    tank.press("Start")
    tank.wait_for_colour(tank.canvas("Tank"), ORANGE)
    arg = [tank.canvas("Tank").element_handle(), ORANGE]
    try:
        page.emulate_media(reduced_motion="no-preference")
        page.wait_for_function(SPILT, arg=arg)
    finally:
        page.emulate_media(reduced_motion="reduce")
    page.wait_for_function(f"(arg) => !({SPILT})(arg)", arg=arg)
    tank.press("Stop")
    expect(tank.status).to_contain_text("Stopped after", timeout=10_000)


def test_a_tank_runs_empty_and_a_table_says_what_it_cost(tank: RunPanel) -> None:
    choose(tank, "drop_newest", 2)
    tank.set("Inflow", 60)
    tank.set("Capacity", 10)
    tank.press("Start")

    expect(tank.status).to_contain_text("Empty again after", timeout=20_000)
    expect(tank.canvas("Tank")).to_have_accessible_name(re.compile("120 came: 0 wait, 0 running"))
    expect(tank.rows).to_have_count(1)
    cells = tank.rows.locator("td").all_text_contents()
    assert cells[:3] == ["drop_newest", "10", "120"]
    answered, given_up = int(cells[3]), int(cells[4])
    assert answered + given_up == 120
    assert given_up > 40
    tank.notebook.do("lab.assert_clean(tank)")


def test_a_burst_is_absorbed_by_a_tank_without_a_bound(tank: RunPanel) -> None:
    choose(tank, "no bound", 60)
    tank.set("Inflow", 5)
    tank.set("Work", 10)
    expect(tank.button("Burst of 50")).to_be_disabled()
    tank.press("Start")
    tank.press("Burst of 50")

    said = tank.canvas("Tank")
    expect(said).to_have_accessible_name(re.compile(r"[1-9]\d* wait"))
    expect(said).to_have_accessible_name(re.compile(r"([5-9]\d|\d{3}) came: 0 wait.* 0 lost"))

    tank.press("Stop")
    expect(tank.status).to_contain_text("Stopped after", timeout=10_000)
    expect(tank.button("Start")).to_be_enabled()
    expect(tank.rows.locator("td").first).to_have_text("no bound (stopped)")
    tank.notebook.do("lab.assert_clean(tank)")


def test_inflow_can_be_changed_while_it_flows(tank: RunPanel) -> None:
    choose(tank, "block", 60)
    tank.set("Inflow", 1)
    tank.press("Start")
    expect(tank.status).to_contain_text("1 come each second")

    tank.panel.get_by_role("slider", name="Inflow (per s)").fill("200")

    expect(tank.status).to_contain_text("The producer is held up until half of the places")
    tank.press("Stop")
    expect(tank.status).to_contain_text("Stopped after", timeout=10_000)
    tank.notebook.do("lab.assert_clean(tank)")
