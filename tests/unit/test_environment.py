"""`environment.yml` is what conda would read, and asks for the versions of `pyproject.toml`."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

ROOT = Path(__file__).parents[2]
ENVIRONMENT: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
CONDA = [one for one in ENVIRONMENT["dependencies"] if isinstance(one, str)]
(PIP,) = [one["pip"] for one in ENVIRONMENT["dependencies"] if isinstance(one, dict)]


def versions(requirements: list[str]) -> dict[str, str]:
    """Each requirement's name and the versions it allows: {"msgspec": ">=0.20"}. The project's own
    extras stand for what they bring.
    """
    allowed: dict[str, str] = {}
    for one in requirements:
        match = re.fullmatch(r"([\w.-]+)(?:\[(.*)\])?\s*(.*)", one)
        assert match, one
        if match[1] == PROJECT["name"]:
            for extra in match[2].split(","):
                allowed |= versions(PROJECT["optional-dependencies"][extra])
        else:
            allowed[match[1]] = match[3]
    return allowed


@pytest.mark.parametrize("dependency", CONDA)
def test_conda_understands_the_dependency(dependency: str) -> None:
    spec = MatchSpec(dependency, strict=True)
    assert spec.name is not None
    assert spec.version is not None or dependency == "pip"


def test_conda_would_not_understand_nonsense() -> None:
    with pytest.raises(InvalidMatchSpecError):
        MatchSpec("msgspec >=>=0.20", strict=True)


def test_packages_come_from_conda_forge() -> None:
    assert ENVIRONMENT["channels"] == ["conda-forge"]


def test_conda_is_asked_for_the_versions_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = versions([*PROJECT["dependencies"], *extras["lab"]])
    needed["nbval"] = versions(extras["test"])["nbval"]
    asked = versions(CONDA)
    assert asked.pop("pip") == ""
    asked.pop("python")
    assert asked | brought_by_pip() == needed


@pytest.mark.parametrize(("extra", "package"), [("greenlets", "eventlet"), ("processes", "loky")])
def test_the_lessons_bring_what_the_ways_to_wait_need(extra: str, package: str) -> None:
    extras = PROJECT["optional-dependencies"]
    needed = versions(extras[extra])
    assert package in needed
    assert needed.items() <= versions(extras["lab"]).items()
    assert needed.items() <= brought_by_pip().items() | versions(CONDA).items()


def brought_by_pip() -> dict[str, str]:
    """What the project's own extras in the pip section bring, such as `-e .[nats]`."""
    (extras,) = re.findall(r"^-e \.\[(.*)\]$", PIP[0])
    return versions([f"{PROJECT['name']}[{extras}]"])


def test_python_is_named_exactly_for_binder_and_is_one_that_the_project_allows() -> None:
    named = re.fullmatch(r"=3\.(\d+)", versions(CONDA)["python"])
    allowed = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])
    assert named and allowed
    assert int(named[1]) >= int(allowed[1])


@pytest.mark.long
def test_the_pip_section_installs_the_project_and_no_more(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    python = str(tmp_path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(PIP), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--no-deps", "--requirement", str(requirements)]
    subprocess.run(install, cwd=ROOT, check=True)

    ask = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    found = subprocess.run([python, "-c", ask], capture_output=True, encoding="utf-8", check=True)
    assert found.stdout.split() == ["eventkit-notebooks"]
