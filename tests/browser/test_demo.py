"""`make demo`: lessons as apps that Voilà serves, clicked in the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from eventkit.lab import export

from .notebook import PATIENCE
from .server import LESSONS, LabServer

Open = Callable[[str], Page]


@pytest.fixture
def open_app(context: BrowserContext, server: LabServer) -> Iterator[Open]:
    """Opens a lesson's app. The tests' JupyterLab has Voilà in it, as any that has it installed."""
    page = context.new_page()
    page.set_default_timeout(2 * PATIENCE)  # the page comes when its cells have run

    def open_app(lesson: str) -> Page:
        made = export.write(export.app, [LESSONS / f"{lesson}.ipynb"], server.root / "demo")
        page.goto(f"{server.url}voila/render/demo/{made[0].name}?token={server.token}")
        return page

    yield open_app
    page.close()


def test_the_counter_counts_and_notifies_as_an_app(open_app: Open) -> None:
    page = open_app("02_live_counter")
    panel = page.get_by_role("group", name="Live counter")

    panel.get_by_role("button", name="×10", exact=True).click()

    expect(panel.locator(".ek-number")).to_have_text("10")
    expect(panel.get_by_role("status")).to_contain_text("crossed 10")


@pytest.mark.long
def test_the_race_is_run_as_an_app_between_the_question_and_its_answer(open_app: Open) -> None:
    page = open_app("03_blocking_vs_nonblocking")
    question = page.get_by_role("group", name=re.compile("^Ten clicks come"))
    again = page.get_by_role("group", name=re.compile("^Asked again: Ten clicks come"))
    race = page.get_by_role("group", name=re.compile("^The race"))

    question.get_by_role("button", name=re.compile(r"^b\)")).click()
    race.get_by_role("button", name="Run the race").click()

    expect(question.get_by_role("status")).to_contain_text("Noted: b).")
    expect(race.get_by_role("status")).to_contain_text("Done.")
    again.get_by_role("button", name=re.compile(r"^a\)")).click()
    expect(again.get_by_role("status")).to_contain_text("a) Yes.")
    expect(again.get_by_role("status")).to_contain_text("At first you chose b).")
    expect(page.get_by_role("heading")).to_contain_text(
        ["Blocking against non-blocking", "Try", "Remember"]
    )
    assert "import eventkit" not in page.locator("body").inner_text()
