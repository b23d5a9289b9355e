"""`make demo`: lessons as apps that Voilà serves, clicked in the page."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from eventkit.lab import export

from . import watchdog
from .axe import grave_faults_of_page
from .notebook import PATIENCE
from .server import LESSONS, LabServer
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long

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


SHOWN = [LESSONS / f"{name}.ipynb" for name in (
    "02_live_counter", "03_blocking_vs_nonblocking", "05_shared_state",
)]  # fmt: skip
PATIENT = 60  # seconds for Voilà to start


class Demo:
    """Voilà as `make demo` starts it, open in a page as wide as a beamer. `hosts` were asked."""

    def __init__(self, page: Page, url: str):
        self.page, self.url = page, url
        self.hosts: set[str] = set()
        page.set_default_timeout(2 * PATIENCE)
        page.set_viewport_size({"width": 1280, "height": 800})
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def start(self, theme: str = "light") -> None:
        self.page.goto(f"{self.url}?theme={theme}")


@pytest.fixture(scope="module")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address at which the apps of all three lessons are served."""
    folder = tmp_path_factory.mktemp("demo")
    export.write_demo(SHOWN, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", str(folder), "--template=eventkit", "--no-browser"]
    environment = os.environ | {"JUPYTER_PATH": str(folder / "jupyter")}
    process = watchdog.start(folder, [*command, f"--port={port}"], env=environment)
    try:
        wait_for_port(port)
        yield f"http://localhost:{port}/"
    finally:
        watchdog.stop(process)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PATIENT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("Voilà did not start")


@pytest.fixture
def demo(context: BrowserContext, voila: str) -> Iterator[Demo]:
    page = context.new_page()
    yield Demo(page, voila)
    page.close()


def test_the_start_page_leads_to_an_app_and_back_with_the_keyboard(demo: Demo) -> None:
    demo.start()
    cards = demo.page.get_by_role("listitem").get_by_role("link")
    expect(cards).to_have_count(3)
    expect(cards.first).to_contain_text("How does a click become a number on the screen?")

    demo.page.keyboard.press("Tab")
    expect(cards.first).to_be_focused()
    demo.page.keyboard.press("Enter")
    panel = demo.page.get_by_role("group", name="Live counter")
    panel.get_by_role("button", name="×10", exact=True).click()
    expect(panel.locator(".ek-number")).to_have_text("10")

    demo.page.get_by_role("link", name="All questions").focus()
    demo.page.keyboard.press("Enter")
    expect(cards).to_have_count(3)
    assert {host for host in demo.hosts if host} == {urlsplit(demo.url).netloc}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_start_page_can_be_read_in_both_themes_from_the_last_row(
    demo: Demo, theme: str
) -> None:
    demo.start(theme)
    SCREENS.mkdir(parents=True, exist_ok=True)
    demo.page.screenshot(path=SCREENS / f"Demo-{theme}.png")

    body = demo.page.locator("body")
    assert [found for found in body.evaluate(CONTRASTS) if found[1] < 7] == []
    assert grave_faults_of_page(demo.page) == []
    assert demo.page.evaluate(SMALLEST) >= 20
    assert demo.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    expect(demo.page.locator("html")).to_have_attribute("data-theme", theme)
    demo.page.get_by_role("link", name="colours").click()
    expect(demo.page.locator("html")).not_to_have_attribute("data-theme", theme)


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_an_app_is_in_large_type_no_wider_than_the_screen_and_asks_no_other_host(
    demo: Demo, number: int
) -> None:
    demo.start()
    demo.page.get_by_role("listitem").get_by_role("link").nth(number).click()
    panel = demo.page.get_by_role("group").nth(1)
    expect(panel).to_be_visible()

    assert demo.page.evaluate(SMALLEST) >= 18
    cells = demo.page.locator("#rendered_cells")
    assert cells.evaluate("(cells) => cells.scrollWidth <= cells.clientWidth")
    assert {host for host in demo.hosts if host} == {urlsplit(demo.url).netloc}


# The height of the smallest letters of running text, in pixels of the screen.
SMALLEST = """() => Math.min(...[...document.querySelectorAll("p, li, button, h1, h2, a")]
  .filter((one) => one.textContent.trim() && one.checkVisibility())
  .map((one) => parseFloat(getComputedStyle(one).fontSize) * (one.currentCSSZoom ?? 1)))"""
