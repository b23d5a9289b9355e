"""Processes in a notebook, whose kernel is interrupted, restarted and killed while they compute."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect

from .conftest import Pages
from .notebook import Notebook

pytestmark = pytest.mark.long

PATIENCE = 60  # seconds
DEFINE = """
import os, time
FACTOR = 3

def times(number):
    return number * FACTOR

def compute(event):
    end = time.monotonic() + event.data
    while time.monotonic() < end:
        pass
    return times(2), os.getpid()

bus, results = ek.EventBus(), []
workers = ek.Processes(2)
bus.subscribe("work", compute, emits="done", executor=workers)
bus.subscribe("done", lambda event: results.append(event.data))
while len(set(results)) < 2:
    for _ in range(2):
        bus.fire("work", 0.3)
    bus.drain(60)
"""
COMPUTE_FOR_LONG = """
for _ in range(2):
    bus.fire("work", 600)
while len(workers.unfinished()) < 2:
    time.sleep(0.01)
"""


class Kernel:
    """A notebook's kernel, and the processes that compute for it."""

    def __init__(self, notebook: Notebook):
        self.page = notebook.page
        self.notebook = notebook
        found = notebook.ask("sorted({*results, (0, os.getpid())})")
        self.process, *self.workers = [psutil.Process(pid) for _, pid in found]
        assert [answer for answer, _ in found] == [0, 6, 6]

    def command(self, name: str) -> None:
        """Give one of JupyterLab's commands, and do not wait until it has been carried out."""
        self.page.evaluate("(name) => void jupyterapp.commands.execute(name)", name)

    def assert_no_worker_is_left(self) -> None:
        assert psutil.wait_procs(self.workers, timeout=PATIENCE)[1] == []


def start(pages: Pages, *cells: str) -> Kernel:
    return Kernel(pages.cells(DEFINE, COMPUTE_FOR_LONG, *cells))


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
