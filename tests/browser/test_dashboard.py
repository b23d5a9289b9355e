"""The dashboard of a system of one's own, used in the page."""

from __future__ import annotations

import re

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long


# Collects where dots are drawn: the first dots of the crowd stay, so the others are counted.
WATCH = """(canvas) => {
  const ink = canvas.getContext("2d"), arc = CanvasRenderingContext2D.prototype.arc;
  canvas.places = new Set();
  ink.arc = (x, y, ...rest) => { canvas.places.add(`${x},${y}`); arc.call(ink, x, y, ...rest) } }"""


class Board:
    """What a user sees of the dashboard, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Dashboard: your system")
        self.status = self.panel.get_by_role("status")

    def click(self, name: str) -> None:
        self.panel.get_by_role("button", name=name, exact=True).click()

    def shows(self, what: str, number: int) -> None:
        row = self.panel.get_by_role("row").filter(
            has=self.panel.page.get_by_role("cell", name=what, exact=True)
        )
        expect(row.get_by_role("cell").nth(1)).to_have_text(str(number))


@pytest.fixture
def board(pages: Pages) -> Board:
    pages_cell = (
        "from eventkit.lab.lesson12.grader.reference import build\n"
        "board = lab.Dashboard(build, seconds=0); board"
    )
    return Board(pages.cells(pages_cell))


def test_a_rush_fills_the_house_and_who_came_in_is_counted(board: Board) -> None:
    board.click("Printers stick")
    expect(board.status).to_contain_text("The printers stick")
    board.click("Rush ×30")
    board.shows("came in", 24)
    board.shows("refused: QueueFull", 6)
    board.shows("count on the screen", 0)
    board.click("Printers go on")
    board.shows("count on the screen", 24)
    board.shows("notice that 10 is reached", 1)
    board.notebook.do("board.end(); lab.assert_clean(board)")


def test_it_can_be_driven_with_the_keyboard_alone(board: Board) -> None:
    press = board.notebook.page.keyboard.press
    board.panel.get_by_role("button", name="One visitor").focus()
    press("Enter")
    board.shows("count on the screen", 1)
    for _ in range(5):
        press("Tab")
    press("Space")
    expect(board.status).to_contain_text("PermissionDenied")
    board.shows("denied", 1)
    press("Tab")
    press("Enter")
    board.shows("given up", 1)
    press("Tab")
    press("Enter")
    expect(board.status).to_contain_text("built again on the same log")
    press("Tab")
    press("Enter")
    expect(board.status).to_contain_text("was killed with kill -9")
    board.notebook.do("board.end(); lab.assert_clean(board)")


def test_kill_ends_the_process_and_another_serves_what_was_stored(board: Board) -> None:
    picture = board.panel.get_by_role("img")
    expect(picture).to_have_accessible_name(re.compile("not started yet. 0 accepted"))
    board.click("Printers stick")
    board.click("Rush ×30")
    board.shows("at the printers", 4)
    expect(picture).to_have_accessible_name(
        re.compile(r"process \d+. 24 accepted: 20 waiting, 4 at")
    )
    before = board.notebook.ask("board.pid")

    board.click("Kill")

    expect(board.panel.locator(".ek-number")).to_have_text("24")
    board.shows("counted", 24)
    expect(board.status).to_contain_text(f"Process {before} was killed with kill -9.")
    after = board.notebook.ask("board.pid")
    assert after != before and not psutil.pid_exists(before)
    expect(picture).to_have_accessible_name(re.compile(f"process {after}. 24 accepted: 0 waiting"))
    board.notebook.do("board.end(); lab.assert_clean(board)")
    assert not psutil.pid_exists(after)


def test_dots_jump_to_their_places_if_motion_is_unwelcome_and_glide_if_not(board: Board) -> None:
    drawn: dict[str, int] = {}
    for motion in ("reduce", "no-preference"):
        board.notebook.page.emulate_media(reduced_motion=motion)
        board.panel.locator("canvas").evaluate(WATCH)
        board.click("One visitor")
        board.shows("counted", len(drawn) + 1)
        board.notebook.page.wait_for_timeout(1_000)
        drawn[motion] = board.panel.locator("canvas").evaluate("(canvas) => canvas.places.size")
    board.notebook.page.emulate_media(reduced_motion="reduce")
    assert drawn["reduce"] <= 6 < drawn["no-preference"]
    board.notebook.do("board.end(); lab.assert_clean(board)")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read_in_both_themes(board: Board, theme: str) -> None:
    board.notebook.theme(f"JupyterLab {theme}")
    board.click("Forge")
    board.shows("denied", 1)

    SCREENS.mkdir(parents=True, exist_ok=True)
    board.panel.screenshot(path=SCREENS / f"Dashboard-{theme}.png")

    assert [found for found in board.panel.evaluate(CONTRASTS) if found[1] < 4.5] == []
    board.notebook.do("board.end(); lab.assert_clean(board)")
