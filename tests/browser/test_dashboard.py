"""The dashboard of a system of one's own, used in the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook
from .test_themes import CONTRASTS, SCREENS

pytestmark = pytest.mark.long


class Board:
    """What a user sees of the dashboard, and can do with it."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.panel = notebook.panel("Dashboard: your system")
        self.status = self.panel.get_by_role("status")

    def click(self, name: str) -> None:
        self.panel.get_by_role("button", name=name, exact=True).click()

    def shows(self, what: str, number: int) -> None:
        row = self.panel.locator("tbody tr").filter(has_text=what)
        expect(row.locator("td").last).to_have_text(str(number))


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
    expect(board.status).to_contain_text("rebuilt")
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
