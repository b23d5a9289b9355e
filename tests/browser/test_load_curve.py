"""The load curve, measured in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .run_panel import RunPanel

pytestmark = pytest.mark.long


@pytest.fixture
def curve(pages: Pages) -> RunPanel:
    cell = "curve = lab.LoadCurve(); curve.seconds = 1.0; curve"
    return RunPanel(pages.cells(cell), "Load curve")


def test_a_measured_point_appears_in_the_picture_and_in_the_table(curve: RunPanel) -> None:
    image = curve.pictures
    expect(image).to_have_attribute("alt", re.compile("Nothing measured yet"))
    before = image.get_attribute("src")

    curve.set("Utilisation", 70)
    curve.panel.get_by_role("combobox", name="Service").select_option("exponential")
    curve.panel.get_by_role("combobox", name="Servers").select_option("2")
    curve.notebook.wait_idle()
    curve.press("Measure")

    expect(curve.status).to_contain_text("Running: 140 requests")
    expect(curve.status).to_contain_text("Asked for a utilisation of 70 %")
    expect(image).to_have_attribute("alt", re.compile("measured [\\d,]+ ms"))
    assert image.get_attribute("src") != before
    cells = curve.rows.locator("td").all_text_contents()
    assert [cells[0], *cells[2:5]] == ["70 %", "2", "exponential", "140"]
    measured, exact = float(cells[5]), float(cells[6])
    assert 10 < exact <= measured
    curve.notebook.do("lab.assert_clean(curve)")


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
    curve.panel.get_by_role("slider", name="Utilisation (%)").fill("90")
    expect(curve.panel.get_by_role("spinbutton", name="Utilisation (%)")).to_have_value("90")
