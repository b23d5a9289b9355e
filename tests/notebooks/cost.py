"""What a class costs: `python tests/notebooks/cost.py notebooks/*.ipynb` runs lessons, one after
another, and prints what the kernel of each took at its height, and the server that starts it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import psutil  # type: ignore[import-untyped]
from nbclient import NotebookClient

ROW = "{:<30} {:>10} {:>10} {:>8} {:>10}"


class Height(NamedTuple):
    """The most that a process and its children took: memory of their own in MB, how many they
    were, their threads; and the seconds of a core until the last look.
    """

    memory: float = 0.0
    processes: float = 0
    threads: float = 0
    seconds: float = 0.0

    def or_more(self, process: psutil.Process) -> Height:
        """This, or what the process takes now, whichever is more."""
        family = [process, *process.children(recursive=True)]
        memory = threads = seconds = 0.0
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                memory += one.memory_full_info().uss / 1e6
                threads += one.num_threads()
                seconds += one.cpu_times().user + one.cpu_times().system
        now = (memory, len(family), threads, seconds)
        return Height(*map(max, zip(self, now, strict=True)))


def watch(process: psutil.Process, done: threading.Event, heights: list[Height]) -> None:
    """Look ten times a second until `done`; the highest is appended to `heights`."""
    height = Height()
    while not done.wait(0.1):
        with contextlib.suppress(psutil.NoSuchProcess):
            height = height.or_more(process)
    heights.append(height)


def of_lesson(path: Path) -> Height:
    """Run a lesson from top to bottom, and what its kernel took meanwhile."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=300)
    heights: list[Height] = []
    done = threading.Event()
    with client.setup_kernel():
        manager: Any = client.km
        process = psutil.Process(manager.provisioner.pid)
        watcher = threading.Thread(target=watch, args=(process, done, heights))
        watcher.start()
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        finally:
            done.set()
            watcher.join()
    return heights[0]


def of_server(seconds: float = 8.0) -> Height:
    """What a JupyterLab takes that nobody has opened yet: on a hub, each learner has one."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0"]
    server = subprocess.Popen(
        [*command, "--allow-root"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    height, end = Height(), time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            height = height.or_more(psutil.Process(server.pid))
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait()
    return height


def main(names: list[str]) -> int:
    """Print a row for each lesson, and one for the server."""
    print(ROW.format("at its height", "memory MB", "processes", "threads", "CPU s"))
    rows = [(Path(name).stem, of_lesson(Path(name))) for name in names]
    for name, height in [*rows, ("the server of a learner", of_server())]:
        print(
            ROW.format(
                name, f"{height.memory:.0f}", f"{height.processes:.0f}", f"{height.threads:.0f}",
                f"{height.seconds:.1f}",
            )
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
