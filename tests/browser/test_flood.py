"""Lesson 02's flood: what the painter shows is right, as the lesson says."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import Pages


def test_the_painted_flood_of_lesson_02_ends_on_the_right_number(pages: Pages) -> None:
    notebook = pages.lesson("notebooks/02_live_counter.ipynb")
    panel = notebook.panel("Flood: 10,000 updates")
    panel.get_by_role("button", name="Flood painted").click()
    expect(panel.get_by_text("painted: 10000")).to_be_visible()
    expect(panel.get_by_text("naive: 0")).to_be_visible()
