"""Processes in a notebook, whose kernel is interrupted, restarted and killed while they compute."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect

from ..unit.test_processes_in_a_kernel import DEFINE
from .conftest import Pages
from .notebook import Notebook

pytestmark = pytest.mark.long

PATIENCE = 60  # seconds


class Kernel:
    """A notebook's kernel, and the processes that compute for it."""

    def __init__(self, notebook: Notebook):
        self.page = notebook.page
        self.notebook = notebook
        pids = notebook.page.locator(".jp-OutputArea-output").last.inner_text()
        self.process, *self.workers = map(psutil.Process, map(int, pids.split()))
        assert all(worker.parent() == self.process for worker in self.workers)

    def command(self, name: str) -> None:
        """Give one of JupyterLab's commands, and do not wait until it has been carried out."""
        self.page.evaluate("(name) => void jupyterapp.commands.execute(name)", name)

    def assert_no_worker_is_left(self) -> None:
        assert psutil.wait_procs(self.workers, timeout=PATIENCE)[1] == []


def start(pages: Pages, *cells: str) -> Kernel:
    """Have both workers compute for ten minutes. The cell prints their ids."""
    return Kernel(pages.cells(DEFINE, "start(600)", *cells))


def test_an_interrupt_ends_the_wait_and_close_ends_the_processes(pages: Pages) -> None:
    waits = "if waits:\n    print('It waits.', flush=True)\n    bus.drain()"
    kernel = start(pages, f"waits = 'waits' in globals()\n{waits}")
    output = kernel.page.locator(".jp-OutputArea-output")
    kernel.command("notebook:run-cell")
    expect(output.filter(has_text="It waits.")).to_be_visible()
    kernel.command("notebook:interrupt-kernel")
    expect(output.filter(has_text="KeyboardInterrupt")).to_be_visible()
    kernel.notebook.wait_idle()  # until then the kernel drops what it is sent
    assert all(worker.is_running() for worker in kernel.workers)

    kernel.notebook.do("bus.close(0.1)")
    assert kernel.notebook.ask("len(bus.dead_letters)") == 2
    kernel.assert_no_worker_is_left()


def test_a_restart_of_the_kernel_ends_the_processes(pages: Pages) -> None:
    kernel = start(pages, "# to be restarted")
    kernel.command("notebook:restart-kernel")
    kernel.page.locator(".jp-Dialog .jp-mod-accept").click()
    kernel.assert_no_worker_is_left()
    kernel.notebook.wait_restarted()


def test_a_kernel_that_is_killed_takes_the_processes_along(pages: Pages) -> None:
    kernel = start(pages, "# to be killed")
    kernel.process.kill()
    kernel.assert_no_worker_is_left()
    kernel.page.locator(".jp-Dialog .jp-mod-accept").click()
    kernel.notebook.wait_restarted()
