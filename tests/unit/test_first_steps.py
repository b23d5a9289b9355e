"""First steps: an environment that matches its folder, and a clear reason if a step fails.

The Makefile runs in its own folder. Where installing would take long, stand-ins replace Python and
note the arguments that they receive.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("make"), reason="needs make and a POSIX shell"
)

# A Python that appears recent enough and can make environments, and whose pip installs nothing.
STAND_IN = """#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
  "-m jupyterlab "*) env >> "$NOTES";;
esac
"""
BARE = """#!/bin/sh
case "$*" in *ensurepip*) exit 1;; esac
"""
OFFLINE = STAND_IN.replace(
    "esac",
    """  *" pip install "*) echo "ERROR: $PIP_SAYS" >&2; exit 1;;
esac""",
)


class Folder:
    """A project folder with a Makefile, three lessons, and a Python to start from."""

    def __init__(self, path: Path, python: str = STAND_IN):
        self.path = path
        self.asked = path.parent / "asked"
        (path / "notebooks").mkdir(parents=True)
        for file in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / file, path)
        for lesson in ("00_start_here", "02_live_counter", "12_capstone"):
            (path / "notebooks" / f"{lesson}.ipynb").touch()
        self.tools = path.parent / "tools"
        self.tools.mkdir()
        for tool in (
            "sh",
            "env",
            "sed",
            "cat",
            "cp",
            "mkdir",
            "rm",
            "touch",
            "id",
            "uname",
            "grep",
        ):
            found = shutil.which(tool)
            assert found, tool
            (self.tools / tool).symlink_to(found)
        self.python(python)

    def python(self, script: str) -> None:
        file = self.tools / "python3"
        file.write_text(script, encoding="utf-8")
        file.chmod(0o755)

    def make(self, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
        """Run make here, with only the chosen tools on the PATH."""
        self.asked.write_text("", encoding="utf-8")
        make = shutil.which("make")
        assert make
        given = {"HOME": str(self.path.parent)} | environment
        plain = {"PATH": str(self.tools), "NOTES": str(self.asked)}
        return subprocess.run(
            [make, *arguments],
            cwd=self.path,
            env=plain | {name: value for name, value in given.items() if value is not None},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def was_asked(self, for_what: str) -> list[str]:
        return [
            line for line in self.asked.read_text(encoding="utf-8").splitlines() if for_what in line
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "Ann's $1 cöurse")


def test_the_second_call_installs_nothing(folder: Folder) -> None:
    assert folder.make("lab").returncode == 0
    assert len(folder.was_asked("-m venv")) == len(folder.was_asked("pip install")) == 1
    assert folder.make("lab").returncode == 0
    assert not folder.was_asked("-m venv") + folder.was_asked("pip install")
    assert len(folder.was_asked("-m jupyterlab")) == 1


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_folder_that_was_moved_or_copied_gets_an_environment_of_its_own(
    folder: Folder, how: object
) -> None:
    folder.make("lab")
    there = folder.path.with_name("there")
    assert callable(how)
    how(folder.path, there)
    left_over = there / ".venv" / "left_over"
    left_over.touch()

    folder.path = there
    assert folder.make("lab").returncode == 0
    assert len(folder.was_asked("-m venv")) == len(folder.was_asked("pip install")) == 1
    assert not left_over.exists()
    folder.make("lab")
    assert not folder.was_asked("pip install")


def test_an_environment_whose_python_is_gone_is_rebuilt(folder: Folder) -> None:
    folder.make("lab")
    (folder.path / ".venv" / "bin" / "python").unlink()
    assert folder.make("lab").returncode == 0
    assert len(folder.was_asked("-m venv")) == len(folder.was_asked("pip install")) == 1


def test_an_environment_that_the_user_made_is_kept(folder: Folder) -> None:
    own = folder.path / ".venv" / "bin"
    own.mkdir(parents=True)
    shutil.copy(folder.tools / "python3", own / "python")
    (own / "of_mine").touch()
    assert folder.make("lab").returncode == 0
    assert (own / "of_mine").exists()


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("02", "02_live_counter"),
        ("2", "02_live_counter"),
        ("12", "12_capstone"),
        ("02_live_counter", "02_live_counter"),
        ("notebooks/02_live_counter.ipynb", "02_live_counter"),
    ],
)
def test_a_lesson_may_be_named_in_short_or_as_the_shell_completes_it(
    folder: Folder, asked: str, opened: str
) -> None:
    folder.make("lab", f"LESSON={asked}")
    (started,) = folder.was_asked("-m jupyterlab")
    assert f"default_url=/lab/tree/notebooks/{opened}.ipynb" in started
    assert f"root_dir={folder.path}" in started


@pytest.mark.parametrize("asked", ["99", "", "1", "live counter", "2_counter"])
def test_a_lesson_that_is_not_there_is_answered_with_those_that_are(
    folder: Folder, asked: str
) -> None:
    done = folder.make("lab", f"LESSON={asked}")
    assert done.returncode == 2
    assert f"There is no lesson '{asked}'." in done.stderr
    assert "  00_start_here\n  02_live_counter\n  12_capstone\n" in done.stderr
    assert not folder.was_asked("-m")  # before anything is installed or started


def test_without_a_python_it_says_which_is_needed(folder: Folder) -> None:
    folder.python("#!/bin/sh\nexit 1\n")
    done = folder.make("lab")
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed, and none was found on the PATH." in done.stderr
    assert "make PYTHON=/path/to/python lab" in done.stderr


def test_a_python_without_ensurepip_is_named_and_how_to_mend_it(folder: Folder) -> None:
    folder.python(BARE)
    done = folder.make("lab")
    assert done.returncode == 2
    assert "python3 cannot make environments" in done.stderr
    assert "sudo apt install python3-venv" in done.stderr
    assert not (folder.path / ".venv").exists()


def test_a_complete_python_is_taken_where_the_first_is_bare(folder: Folder) -> None:
    folder.python(BARE)
    complete = folder.tools / "python3.12"
    complete.write_text(STAND_IN, encoding="utf-8")
    complete.chmod(0o755)
    assert folder.make("lab").returncode == 0


@pytest.mark.parametrize(
    ("pip_says", "reason"),
    [
        ("Could not connect: Failed to establish a new connection", "cannot be reached from here"),
        ("Temporary failure in name resolution", "cannot be reached from here"),
        ("client error (Connect): dns error", "cannot be reached from here"),
        ("No space left on device", "the lines above say why"),
    ],
)
def test_where_installing_fails_pip_is_quoted_and_explained(
    folder: Folder, pip_says: str, reason: str
) -> None:
    folder.python(OFFLINE)
    done = folder.make("lab", PIP_SAYS=pip_says)
    assert done.returncode == 2
    assert pip_says in done.stderr
    assert reason in done.stderr
    folder.python(STAND_IN)
    (folder.path / ".venv" / "bin" / "python").write_text(STAND_IN, encoding="utf-8")
    assert folder.make("lab").returncode == 0  # the same command, once the cause is fixed


@pytest.mark.long
def test_what_pip_really_says_without_a_network_is_recognized(folder: Folder) -> None:
    """The index is a port of this machine where no server listens."""
    folder.python(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder.path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(folder.tools / "python3", folder.path / ".venv" / "bin" / "python")
    (folder.path / ".venv" / ".made").write_text(f"{folder.path}\n", encoding="utf-8")
    done = folder.make(
        "lab", PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_NO_CACHE_DIR="1"
    )
    assert done.returncode == 2
    assert "No matching distribution found for hatchling" in done.stderr
    assert "The package index cannot be reached from here." in done.stderr


@pytest.mark.parametrize("home", [None, os.devnull, "/nowhere/at/all"])
def test_without_a_home_that_can_be_written_there_is_one_beside_the_lessons(
    folder: Folder, home: str | None
) -> None:
    done = folder.make("lab", HOME=home)
    assert "Your home folder cannot be written" in done.stderr
    assert f"HOME={folder.path}/.venv/home" in folder.was_asked("HOME=")


def test_with_a_home_it_is_used_and_nothing_is_said(folder: Folder) -> None:
    done = folder.make("lab")
    assert done.stderr == ""
    assert f"HOME={folder.path.parent}" in folder.was_asked("HOME=")


def test_lessons_run_without_the_users_own_ipython_settings(folder: Folder) -> None:
    folder.make("lab", IPYTHONDIR="/settings/of/mine")
    assert folder.was_asked("IPYTHONDIR=") == [f"IPYTHONDIR={folder.path}/.venv/ipython"]
