"""Processes in a notebook's kernel: its functions are handlers, and no process outlives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from jupyter_client.manager import start_new_kernel

from ..tiers import mostly_long
from .conftest import LONG

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")

ROOT = Path(__file__).parents[2]
DEFINE = """
import os, time
import eventkit as ek

FACTOR = 3

def times(number):
    return number * FACTOR

def handle(event):
    end = time.monotonic() + event.data
    while time.monotonic() < end:
        pass
    return times(2), os.getpid()

bus, results, begun = ek.EventBus(), [], []
workers = ek.Processes(2)
bus.processor("work", emits="done", executor=workers)(handle)
bus.subscribe("done", lambda event: results.append(event.data))

def start(seconds):
    "Have both processes compute, and print their ids and those of their parent."
    while len(pids := {pid for number, pid in results}) < 2:
        for _ in range(2):
            bus.fire("work", 0.3)
        bus.drain(60)
    results.clear()
    for _ in range(2):
        bus.fire("work", seconds)
    while len(workers.unfinished()) < 2:
        time.sleep(0.01)
    print(os.getpid(), *pids, flush=True)
"""


class Kernel:
    """A kernel as JupyterLab starts it, and the processes that it told of."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=environment)
        self.process: psutil.Process
        self.workers: list[psutil.Process] = []

    def run(self, code: str) -> str:
        """Run a cell and return what it prints, or the error's text."""
        texts: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            texts.append(content.get("text") or "\n".join(content.get("traceback", [])))

        self.client.execute_interactive(code, output_hook=hear, timeout=60)
        return "".join(texts)

    def start(self, seconds: float) -> None:
        """Define the handlers in a cell, and have both workers compute in another."""
        self.run(DEFINE)
        pids = self.run(f"start({seconds})")
        self.process, *self.workers = map(psutil.Process, map(int, pids.split()))
        assert len(self.workers) == 2
        assert all(worker.parent() == self.process for worker in self.workers)

    def interrupt_in_a_cell(self, code: str) -> str:
        """Interrupt the kernel while it runs a cell, and return the name of the error."""
        # Not flushed: an interrupt of the kernel's own waiting would be another error. And without
        # `stop_on_error=False` the kernel drops a cell that is sent just after the error.
        code = f"print('here'); {code}"
        waiting = self.client.execute(code, stop_on_error=False)
        while True:
            message = self.client.get_iopub_msg(timeout=LONG)
            if (message["parent_header"].get("msg_id"), message["msg_type"]) == (waiting, "stream"):
                break
        self.manager.interrupt_kernel()
        reply = self.client.get_shell_msg(timeout=LONG)
        return str(reply["content"]["ename"])

    def assert_no_worker_is_left(self) -> None:
        assert not psutil.wait_procs(self.workers, timeout=LONG)[1]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def test_functions_of_a_notebook_are_handlers_and_an_interrupt_leaves_them_alone(
    kernel: Kernel,
) -> None:
    kernel.start(1.5)
    assert kernel.interrupt_in_a_cell("time.sleep(60)") == "KeyboardInterrupt"
    kernel.run("bus.drain(60)")
    assert kernel.run("bus.assert_clean(); print([number for number, pid in results])") == (
        "[6, 6]\n"
    )
    assert kernel.run("FACTOR = 4; bus.fire('work', 0); bus.drain(60); print(results[-1][0])") == (
        "8\n"
    )
    kernel.run("bus.close(5)")
    kernel.assert_no_worker_is_left()


def test_after_an_interrupt_close_ends_the_handlers(kernel: Kernel) -> None:
    kernel.start(600)
    assert kernel.interrupt_in_a_cell("bus.drain(600)") == "KeyboardInterrupt"
    told = kernel.run("bus.close(0.1); print(*[type(one.error).__name__ for one in "
                      "bus.dead_letters])")  # fmt: skip
    assert told.endswith("BusClosed BusClosed\n")
    kernel.assert_no_worker_is_left()


ENDS: dict[str, Callable[[Kernel], None]] = {
    "restarted": lambda kernel: kernel.manager.restart_kernel(now=False),
    "restarted at once": lambda kernel: kernel.manager.restart_kernel(now=True),
    "shut down": lambda kernel: kernel.manager.shutdown_kernel(now=False),
    "killed": lambda kernel: kernel.process.kill(),
}


@pytest.mark.parametrize("end", mostly_long(ENDS, "killed"))
def test_no_worker_outlives_a_kernel_that_is(kernel: Kernel, end: str) -> None:
    kernel.start(600)
    ENDS[end](kernel)
    kernel.assert_no_worker_is_left()
