"""The distribution: its version, what is in the wheel, and the lessons that come with it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import eventkit as ek

ROOT = Path(__file__).parents[2]
LONG = 60.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built in a few seconds. pip gets the build backend from the package index."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    done = subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True, encoding="utf-8", timeout=LONG,
    )  # fmt: skip
    if re.search("No matching distribution found for hatch", done.stdout + done.stderr):
        pytest.skip("the package index, which has the build backend, cannot be reached")
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.long
def test_the_wheel_has_every_file_of_the_package_and_the_notebooks(wheel: zipfile.ZipFile) -> None:
    package = [path for path in (ROOT / "eventkit").rglob("*") if path.is_file()]
    expected = {
        path.relative_to(ROOT).as_posix() for path in package if "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in expected} >= {".py", ".pyi", ".js", ".css", ".typed"}
    expected |= {f"eventkit/notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")}

    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == expected


@pytest.mark.long
def test_the_metadata_names_the_licence_and_the_versions_of_python(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(path))
    classifiers = metadata.get_all("Classifier", [])

    assert metadata["Name"] == "eventkit-notebooks"
    assert metadata["Version"] == ek.__version__
    assert metadata["License-Expression"] == "MIT"
    assert path.replace("METADATA", "licenses/LICENSE") in wheel.namelist()
    for minor in range(11, 15):
        assert f"Programming Language :: Python :: 3.{minor}" in classifiers
    described = str(metadata.get_payload())
    assert "# eventkit: real-time event-driven programs" in described
    assert re.findall(r"\]\((?!https?:)", described) == []  # no link leads into the repository


@pytest.mark.long
def test_the_lessons_are_written_from_the_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    subprocess.run(
        [sys.executable, "-m", "eventkit", "lessons", str(tmp_path / "lessons")],
        cwd=tmp_path / "installed", check=True, timeout=LONG,
    )  # fmt: skip
    for lesson in ROOT.glob("notebooks/*.ipynb"):
        assert (tmp_path / "lessons" / lesson.name).read_bytes() == lesson.read_bytes()


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert ek.__version__ == version("eventkit-notebooks")


def test_the_hooks_of_pre_commit_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    commands = re.findall(r"@\$\(PY\) -m (.*?)(?: \.)?\n", recipe)

    assert [shlex.split(hook["entry"])[2:] for hook in hooks] == [one.split() for one in commands]
    assert len(commands) == 3
