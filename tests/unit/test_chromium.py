"""How the browser tests find their browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.browser import chromium

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts stand in for browsers")


def script(path: Path, exit_code: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_browser_that_is_named_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTKIT_BROWSER", "/opt/my/chromium")
    assert chromium.find() == Path("/opt/my/chromium")


def test_a_browser_on_the_path_is_found(tmp_path: Path) -> None:
    browser = script(tmp_path / "google-chrome", 0)
    assert next(chromium.installed({"PATH": str(tmp_path)})) == browser


def test_the_headless_shell_is_preferred_to_a_browser_with_windows(tmp_path: Path) -> None:
    script(tmp_path / "chromium", 0)
    shell = script(tmp_path / "chromium-headless-shell", 0)
    assert next(chromium.installed({"PATH": str(tmp_path)})) == shell


def test_where_debian_has_no_headless_shell_its_chromium_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    apt = script(tmp_path / "apt-get", 0)
    apt.write_text(
        f"#!/bin/sh\necho $* >> {asked}\n! expr \"$*\" : '.*headless' > {os.devnull}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", 1)))  # no download
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))

    chromium.bring()

    wanted = [line.split()[-1] for line in asked.read_text(encoding="utf-8").splitlines()]
    assert wanted == ["-qq", "chromium-headless-shell", "chromium"]


def test_a_browser_where_windows_keeps_it_is_found(tmp_path: Path) -> None:
    browser = script(tmp_path / "Microsoft/Edge/Application/msedge.exe", 0)
    found = list(chromium.installed({"PATH": "", "PROGRAMFILES(X86)": str(tmp_path)}))
    assert browser in found


def test_a_script_that_only_advises_to_install_a_browser_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "chromium-browser", 1)
    chrome = script(tmp_path / "google-chrome", 0)
    monkeypatch.delenv("EVENTKIT_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find() == chrome


def test_without_any_browser_the_tool_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chromium, "find", lambda: None)
    monkeypatch.setattr(chromium, "bring", lambda: None)
    assert chromium.main() == 1
    assert "EVENTKIT_BROWSER=/path/to/chromium make test" in capsys.readouterr().err
