"""The tank, filled and drained in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .run_panel import BLUE, ORANGE, RunPanel

pytestmark = pytest.mark.long


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
    expect(tank.status).to_contain_text("Stopped.", timeout=10_000)
    expect(tank.rows).to_have_count(0)


def test_a_tank_runs_empty_and_a_table_says_what_it_cost(tank: RunPanel) -> None:
    choose(tank, "drop_newest", 2)
    tank.set("Inflow", 60)
    tank.set("Capacity", 10)
    tank.press("Start")

    expect(tank.status).to_contain_text("Empty again after", timeout=20_000)
    expect(tank.canvas("Tank")).to_have_accessible_name(re.compile("120 came: 0 wait, 0 in work"))
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
    expect(tank.status).to_contain_text("Stopped.", timeout=10_000)
    expect(tank.button("Start")).to_be_enabled()
    expect(tank.rows).to_have_count(0)
    tank.notebook.do("lab.assert_clean(tank)")


def test_inflow_can_be_changed_while_it_flows(tank: RunPanel) -> None:
    choose(tank, "block", 60)
    tank.set("Inflow", 1)
    tank.press("Start")
    expect(tank.status).to_contain_text("1 come each second")

    tank.panel.get_by_role("slider", name="Inflow (per s)").fill("200")

    expect(tank.status).to_contain_text("The producer is held up from now on")
    tank.press("Stop")
    expect(tank.status).to_contain_text("Stopped.", timeout=10_000)
    tank.notebook.do("lab.assert_clean(tank)")
