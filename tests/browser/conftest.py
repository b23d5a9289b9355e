"""One JupyterLab, one Chromium and two pages in each process that runs browser tests: one for the
lesson under test, and a workbench for panels alone.

With pytest-xdist's `--dist loadscope`, all tests of one class or module go to one process.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from ..tiers import IS_LONG
from .browser import chromium, desk
from .notebook import PATIENCE, Notebook
from .server import REPOSITORY, LabServer

LEFT_BEHIND = REPOSITORY / "build" / "browser"
SETUP = "import eventkit as ek\nfrom eventkit import lab\nlab.setup()"

expect.set_options(timeout=PATIENCE)  # what must come may take its time on a busy machine

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def server() -> Iterator[LabServer]:
    with LabServer() as server:
        yield server


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    with chromium() as browser:
        yield desk(browser)


class Pages:
    """The pages of this process. Opening a page and starting a kernel takes seconds, so tests share
    them, and each runs afresh the cells that make its widgets.
    """

    def __init__(self, context: BrowserContext, server: LabServer):
        self._context = context
        self._server = server
        self._lesson: Notebook | None = None
        self._workbench: Notebook | None = None

    def lesson(self, path: str) -> Notebook:
        """A notebook of the server's, run once from top to bottom, in the long tier by keyboard.
        One at a time is open.
        """
        lesson = self._lesson
        if lesson is not None and lesson.path == path:
            return lesson
        if lesson is None:
            lesson = self._lesson = Notebook(self._context, self._server, path)
        else:
            lesson.open(path)
        if IS_LONG:
            lesson.run_by_keyboard()
        else:
            lesson.run_all()
        return lesson

    def cells(self, *sources: str) -> Notebook:
        """A notebook of a set-up cell and these code cells, freshly run, in a new kernel unless the
        cells are those of the call before.
        """
        if self._workbench is None:
            path = self._server.write("workbench", SETUP, *sources)
            self._workbench = Notebook(self._context, self._server, path)
        self._workbench.replace_cells(SETUP, *sources)
        self._workbench.run_all()
        return self._workbench

    def opened(self) -> list[Notebook]:
        return [notebook for notebook in (self._lesson, self._workbench) if notebook]

    def close(self) -> None:
        opened, self._lesson, self._workbench = self.opened(), None, None
        for notebook in opened:
            notebook.close()

    def complaints(self) -> list[str]:
        """What the pages have complained about since this was asked last."""
        said = [one for notebook in self.opened() for one in notebook.complaints]
        for notebook in self.opened():
            notebook.complaints.clear()
        return said


@pytest.fixture(scope="session")
def _pages_of_process(context: BrowserContext, server: LabServer) -> Iterator[Pages]:
    pages = Pages(context, server)
    yield pages
    pages.close()


@pytest.fixture
def pages(request: pytest.FixtureRequest, _pages_of_process: Pages) -> Iterator[Pages]:
    """Opens notebooks. In the end no page must have complained; after a failure there is a
    picture of each in build/browser.
    """
    yield _pages_of_process
    complaints = _pages_of_process.complaints()
    if complaints or request.node.stash.get(_failed, False):
        for number, notebook in enumerate(_pages_of_process.opened()):
            _leave_picture(notebook, f"{request.node.name}-{number}")
        _pages_of_process.close()
    assert complaints == []


def _leave_picture(notebook: Notebook, name: str) -> None:
    LEFT_BEHIND.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"[^A-Za-z0-9]+", "-", name)
    notebook.page.screenshot(path=LEFT_BEHIND / f"{file}.png")
