"""One JupyterLab and one Chromium for all browser tests; a page and a kernel for each."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, expect

from .browser import chromium, desk
from .notebook import PATIENCE, Notebook
from .server import REPOSITORY, LabServer

LEFT_BEHIND = REPOSITORY / "build" / "browser"
SETUP = "import eventkit as ek\nfrom eventkit import lab\nlab.setup()"

expect.set_options(timeout=PATIENCE)  # what must come may take its time on a busy machine

_failed = pytest.StashKey[bool]()
_numbers = count(1)


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
    """The pages that a module's tests have opened. `cells` runs the same cells again in the page
    that has them: new widgets every time, without the seconds that a new page and kernel take.
    """

    def __init__(self, context: BrowserContext, server: LabServer):
        self._context = context
        self._server = server
        self._of_cells: dict[tuple[str, ...], Notebook] = {}
        self.opened: list[Notebook] = []

    def lesson(self, path: str) -> Notebook:
        """A notebook of the server's, run from top to bottom by keyboard. One at a time is open."""
        if [notebook.path for notebook in self.opened] != [path]:
            self.close()
            self._open(path).run_by_keyboard()
        return self.opened[0]

    def cells(self, *sources: str) -> Notebook:
        """A notebook of a set-up cell and these code cells, freshly run."""
        if sources not in self._of_cells:
            path = self._server.write(f"cells-{next(_numbers)}", SETUP, *sources)
            self._of_cells[sources] = self._open(path)
        notebook = self._of_cells[sources]
        notebook.run_all()
        return notebook

    def _open(self, path: str) -> Notebook:
        self.opened.append(Notebook(self._context, self._server, path))
        return self.opened[-1]

    def close(self) -> None:
        for notebook in self.opened:
            notebook.close()
        self.opened.clear()
        self._of_cells.clear()

    def complaints(self) -> list[str]:
        """What the pages have complained about since this was asked last."""
        said = [one for notebook in self.opened for one in notebook.complaints]
        for notebook in self.opened:
            notebook.complaints.clear()
        return said


@pytest.fixture(scope="module")
def _pages_of_module(context: BrowserContext, server: LabServer) -> Iterator[Pages]:
    pages = Pages(context, server)
    yield pages
    pages.close()


@pytest.fixture
def pages(request: pytest.FixtureRequest, _pages_of_module: Pages) -> Iterator[Pages]:
    """Opens notebooks. In the end no page must have complained; after a failure there is a
    picture of each in build/browser.
    """
    yield _pages_of_module
    complaints = _pages_of_module.complaints()
    if complaints or request.node.stash.get(_failed, False):
        for number, notebook in enumerate(_pages_of_module.opened):
            _leave_picture(notebook, f"{request.node.name}-{number}")
        _pages_of_module.close()
    assert complaints == []


def _leave_picture(notebook: Notebook, name: str) -> None:
    LEFT_BEHIND.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"[^A-Za-z0-9]+", "-", name)
    notebook.page.screenshot(path=LEFT_BEHIND / f"{file}.png")
