"""The hockey stick, measured in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .run_panel import RunPanel

pytestmark = pytest.mark.long


@pytest.fixture
def hockey(pages: Pages) -> RunPanel:
    cell = "hockey = lab.HockeyStick(); hockey.seconds = 1.0; hockey"
    return RunPanel(pages.cells(cell), "Hockey stick")


def test_a_measured_point_appears_in_the_picture_and_in_the_table(hockey: RunPanel) -> None:
    image = hockey.pictures
    expect(image).to_have_attribute("alt", re.compile("Nothing measured yet"))
    before = image.get_attribute("src")

    hockey.set("Utilisation", 70)
    hockey.panel.get_by_role("combobox", name="Service").select_option("exponential")
    hockey.panel.get_by_role("combobox", name="Servers").select_option("2")
    hockey.notebook.wait_idle()
    hockey.press("Measure")

    expect(hockey.status).to_contain_text("Running: 140 requests")
    expect(hockey.status).to_contain_text("Asked for a utilisation of 70 %")
    expect(image).to_have_attribute("alt", re.compile("measured [\\d,]+ ms"))
    assert image.get_attribute("src") != before
    cells = hockey.rows.locator("td").all_text_contents()
    assert [cells[0], *cells[2:5]] == ["70 %", "2", "exponential", "140"]
    measured, exact = float(cells[5]), float(cells[6])
    assert 10 < exact <= measured
    hockey.notebook.do("lab.assert_clean(hockey)")


def test_a_run_can_be_stopped_and_draws_nothing(hockey: RunPanel) -> None:
    hockey.notebook.do("hockey.seconds = 60.0")
    hockey.press("Measure")
    expect(hockey.status).to_contain_text("Running")

    hockey.press("Stop")

    expect(hockey.status).to_contain_text("Stopped.", timeout=10_000)
    expect(hockey.button("Stop")).to_be_disabled()
    expect(hockey.button("Measure")).to_be_enabled()
    expect(hockey.rows).to_have_count(0)
    hockey.notebook.do("lab.assert_clean(hockey)")


def test_slider_and_field_move_together(hockey: RunPanel) -> None:
    hockey.panel.get_by_role("slider", name="Utilisation (%)").fill("90")
    expect(hockey.panel.get_by_role("spinbutton", name="Utilisation (%)")).to_have_value("90")
