"""The README's commands for validating the notebooks work as written in a bare environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADING = "## Validate the notebooks in your own CI"


def lines() -> list[str]:
    """Return the lines of the README's shell block under the heading."""
    block = re.search(r"```sh\n(.*?)```", README.partition(HEADING)[2], flags=re.DOTALL)
    assert block
    return block[1].splitlines()


def run(line: str, path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the README with an environment's programs first on the PATH."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        line,
        shell=True,
        cwd=ROOT,
        env=own | {"PATH": os.pathsep.join([str(path), os.environ["PATH"]])} | more,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_pytest_takes_the_line_without_any_plugin_but_nbval() -> None:
    """Only the lab and nbval may be installed. The options of the tests' other plugins are then
    unknown, which `--strict-config` would make an error.
    """
    (line,) = (line for line in lines() if line.startswith("pytest "))
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "nbval.plugin"}
    done = run(f"{line} --collect-only", Path(sys.executable).parent, **alone)
    assert done.returncode == 0, done.stdout + done.stderr
    for lesson in (ROOT / "notebooks").glob("*.ipynb"):
        assert lesson.name in done.stdout


@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_the_lines_work_in_a_bare_environment(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    programs = tmp_path / ("Scripts" if sys.platform == "win32" else "bin")
    for line in lines():
        done = run(line, programs, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_COMPILE="1")
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-8_000:]
    assert re.search(r"\d+ passed", done.stdout)
    assert "failed" not in done.stdout
