"""The hockey stick, measured in the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook

PANEL = "hockey = lab.HockeyStick(); hockey.seconds = 1.0; hockey"
TITLE = re.compile("^Hockey stick")


@pytest.fixture
def notebook(pages: Pages) -> Notebook:
    return pages.cells(PANEL)


def test_a_measured_point_appears_in_the_picture_and_in_the_table(notebook: Notebook) -> None:
    panel = notebook.panel(TITLE)
    image, status = panel.locator("img"), panel.get_by_role("status")
    expect(image).to_have_attribute("alt", re.compile("Nothing measured yet"))
    before = image.get_attribute("src")

    panel.get_by_role("spinbutton", name="Utilisation (%)").fill("70")
    panel.get_by_role("spinbutton", name="Utilisation (%)").press("Enter")
    panel.get_by_role("combobox", name="Service").select_option("exponential")
    panel.get_by_role("combobox", name="Servers").select_option("2")
    notebook.wait_idle()
    panel.get_by_role("button", name="Measure").click()

    expect(status).to_contain_text("Running: 140 requests")
    expect(status).to_contain_text("Asked for a utilisation of 0.70")
    expect(image).to_have_attribute("alt", re.compile("measured [\\d,]+ ms"))
    assert image.get_attribute("src") != before
    cells = panel.locator("tbody tr td").all_text_contents()
    assert [cells[0], *cells[2:5]] == ["0.70", "2", "exponential", "140"]
    measured, exact = float(cells[5]), float(cells[6])
    assert 10 < exact <= measured
    notebook.do("lab.assert_clean(hockey)")


def test_a_run_can_be_stopped_and_draws_nothing(notebook: Notebook) -> None:
    notebook.do("hockey.seconds = 60.0")
    panel = notebook.panel(TITLE)
    panel.get_by_role("button", name="Measure").click()
    expect(panel.get_by_role("status")).to_contain_text("Running")

    panel.get_by_role("button", name="Stop").click()

    expect(panel.get_by_role("status")).to_contain_text("Stopped.", timeout=10_000)
    expect(panel.get_by_role("button", name="Stop")).to_be_disabled()
    expect(panel.get_by_role("button", name="Measure")).to_be_enabled()
    expect(panel.locator("tbody")).to_have_count(0)
    notebook.do("lab.assert_clean(hockey)")


def test_slider_and_field_move_together(notebook: Notebook) -> None:
    panel = notebook.panel(TITLE)
    panel.get_by_role("slider", name="Utilisation (%)").fill("90")
    expect(panel.get_by_role("spinbutton", name="Utilisation (%)")).to_have_value("90")
