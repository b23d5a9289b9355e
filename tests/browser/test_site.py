"""The site: built as `make site` does, and read from disk in a browser that has no network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .axe import grave_faults_of_page
from .server import REPOSITORY

pytestmark = pytest.mark.long

RACE = "notebooks/03_blocking_vs_nonblocking.html"

# The links of a page that lead to nothing: to a missing file, or to a place that the file lacks.
LINKS = """() => [...document.querySelectorAll("a[href]")].map((link) => link.href)
  .filter((to) => to.startsWith("file:"))"""


class Site:
    """Pages of a built site, and what they complained about or asked the network for."""

    def __init__(self, folder: Path, page: Page):
        self.folder = folder
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self._complain(said.type == "error", said.text))
        page.on("pageerror", lambda error: self._complain(True, str(error)))
        page.on("request", lambda one: self._complain(not one.url.startswith("file:"), one.url))

    def open(self, path: str) -> Page:
        self.page.goto((self.folder / path).as_uri())
        return self.page

    def _complain(self, does: bool, text: str) -> None:
        if does and not text.startswith(("data:", "blob:")):
            self.complaints.append(text)


def build(folder: Path, *lessons: str) -> Path:
    command = [sys.executable, str(REPOSITORY / "docs/site/build.py"), str(folder), *lessons]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "html"


@pytest.fixture(scope="module")
def one_lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"), "03_blocking_vs_nonblocking")


@pytest.fixture(scope="module")
def all_lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


def test_a_recorded_race_is_played_to_its_end_and_stepped_by_keyboard(
    one_lesson: Path, page: Page
) -> None:
    site = Site(one_lesson, page)
    race = site.open(RACE).get_by_role("group", name="The race, recorded")
    slider = race.get_by_role("slider", name="Time")
    expect(race.get_by_text("1 of 10 came")).to_have_count(2)

    slider.focus()
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) > 0
    page.keyboard.press("Home")
    race.get_by_role("combobox", name="Speed").select_option("10")
    page.keyboard.press("Tab")
    race.get_by_role("button", name="Play").click()

    for queue in ("", "0 in the queue, "):  # inline, nothing queues
        end = f"10 of 10 came; 0 at the trigger, {queue}0 running, 10 handled."
        expect(race.get_by_text(end)).to_have_count(1)
    assert site.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_can_be_read_by_all(one_lesson: Path, page: Page, theme: str) -> None:
    site = Site(one_lesson, page)
    site.open(RACE)
    page.evaluate("(theme) => { document.body.dataset.theme = theme }", theme)

    assert site.complaints == []  # before axe, which asks for the style sheets once more
    assert grave_faults_of_page(page) == []


def test_the_picker_loses_a_visitor_without_a_kernel(all_lessons: Path, page: Page) -> None:
    site = Site(all_lessons, page)
    picker = site.open("notebooks/05_shared_state.html").get_by_role("group", name="Interleaving")
    for task in "ABBBAA":
        picker.get_by_role("button", name=f"{task} goes").press("Enter")

    status = picker.get_by_role("status")
    expect(status).to_contain_text("The end: what must hold does not: count = 1.")
    picker.get_by_role("combobox", name="Program").select_option(
        label="Threads: the same in a lock"
    )
    expect(status).to_have_text("Nothing has run yet. Who goes first?")
    picker.get_by_role("button", name="Show me a bad one").click()
    expect(status).to_contain_text("There is none.")
    assert site.complaints == []


@pytest.mark.timeout(180)
def test_every_page_opens_without_a_network_and_every_link_leads_somewhere(
    all_lessons: Path, page: Page
) -> None:
    site = Site(all_lessons, page)
    wanted: dict[str, set[str]] = {}
    places: dict[str, list[str]] = {}
    for file in sorted(all_lessons.rglob("*.html")):
        site.open(str(file.relative_to(all_lessons)))
        wanted[file.as_uri()] = set(page.evaluate(LINKS))
        places[file.as_uri()] = page.evaluate(
            "() => [...document.querySelectorAll('[id]')].map((one) => one.id)"
        )

    assert site.complaints == []
    assert len(places) > 20
    dead = {
        f"{page}: {link}"
        for page, links in wanted.items()
        for link in links
        for there, _, anchor in [link.partition("#")]
        if there not in places or (anchor and anchor not in places[there])
    }
    assert sorted(dead) == []
