"""A JupyterLab of the tests' own: free port, a token, nobody's settings, a copy of the lessons."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import nbformat

from . import watchdog

REPOSITORY = Path(__file__).parents[2]
LESSONS = REPOSITORY / "notebooks"

# No news toast. What a page shows is not saved for the next one. Every cell is in the page, whether
# it is in view or not: locators find it.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
SECONDS_TO_START = 90


class LabServer:
    """Starts on entering the context and ends on leaving it, kernels included, or when this process
    ends in any other way. Notebooks are served from `root`, a copy: whatever a test saves, the
    checkout stays as it is.
    """

    def __init__(self) -> None:
        self.url = ""
        self.token = secrets.token_hex(16)
        self.home = Path(tempfile.mkdtemp(prefix="eventkit-lab-"))
        self.root = self.home / "root"
        self.log = self.home / "server.log"
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LabServer:
        settings = self.home / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(OVERRIDES), encoding="utf-8")
        lessons = self.root / "notebooks"
        lessons.mkdir(parents=True)
        for lesson in LESSONS.glob("*.ipynb"):
            shutil.copy(lesson, lessons)
        try:
            self._start(settings)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def write(self, name: str, *sources: str) -> str:
        """Put a notebook with these code cells into the root; returns its path there."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
        notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = f"{name}.ipynb"
        nbformat.write(notebook, self.root / path)  # type: ignore[no-untyped-call]
        return path

    def address(self, path: str) -> str:
        """Where JupyterLab shows this notebook, in a workspace that nobody has used."""
        return f"{self.url}lab/tree/{path}?reset&token={self.token}"

    def stop(self) -> None:
        """End the server and its kernels, and remove what it wrote."""
        if self._watchdog is not None:
            watchdog.stop(self._watchdog)
            self._watchdog = None
        shutil.rmtree(self.home, ignore_errors=True)

    def _start(self, settings: Path) -> None:
        environment = os.environ | {
            name: str(self.home / name.lower())
            for name in (
                "IPYTHONDIR",
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_DATA_DIR",
                "JUPYTER_RUNTIME_DIR",
                "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR",
            )
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
            "--ServerApp.port=0",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={self.token}",
            f"--LabApp.app_settings_dir={settings}",
            f"--LabApp.labextensions_path={Path(sys.prefix, 'share/jupyter/labextensions')}",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        with self.log.open("wb") as log:
            self._watchdog = watchdog.start(
                self.home, command, cwd=self.root, env=environment, stdout=log, stderr=log
            )
        self.url = self._wait_for_address(Path(environment["JUPYTER_RUNTIME_DIR"]))

    def _wait_for_address(self, runtime: Path) -> str:
        """The server writes the port that it really got into a file named for its process."""
        assert self._watchdog is not None
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self._watchdog.poll() is None:
            for file in runtime.glob("jpserver-*.json"):
                try:
                    return str(json.loads(file.read_text(encoding="utf-8"))["url"])
                except ValueError:  # half written
                    pass
            time.sleep(0.05)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log_so_far()[-4000:]}")

    def _log_so_far(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")
