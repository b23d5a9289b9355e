"""Finds the browser that browser tests drive, or brings one: `python tests/browser/chromium.py`.

Any Chromium will do (Chromium, Chrome, Edge). In this order: the one that EVENTKIT_BROWSER names,
one that is installed, one that Playwright downloaded, Playwright's download, Debian's package.
The headless shell comes first: the same engine without windows, which takes a seventh less time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ON_PATH = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "chrome",
    "msedge",
]
ON_MACOS = [
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
]
ON_WINDOWS = [
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
]
ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def installed(environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Every place on this system where a Chromium stands, likeliest first."""
    for name in ON_PATH:
        if found := shutil.which(name, path=environ.get("PATH")):
            yield Path(found)
    homes = [Path("/Applications"), Path.home() / "Applications"]
    roots = [environ.get(key) for key in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
    places = [home / name for home in homes for name in ON_MACOS]
    places += [Path(root, name) for root in roots if root for name in ON_WINDOWS]
    yield from filter(Path.exists, places)


def starts(browser: Path) -> bool:
    """Whether it is a browser: Ubuntu's `chromium-browser` may be a script that only advises."""
    if sys.platform == "win32":  # there, asking for the version opens a window
        return True
    try:
        run = subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def downloaded() -> Path | None:
    """The Chromium that Playwright downloaded, if it did."""
    ask = [sys.executable, "-X", "utf8", "-c", ASK_PLAYWRIGHT]
    run = subprocess.run(ask, capture_output=True, encoding="utf-8", check=False)
    path = Path(run.stdout.strip())
    return path if path.is_file() else None


def find() -> Path | None:
    """A Chromium that is on this machine, or None."""
    if named := os.environ.get("EVENTKIT_BROWSER"):
        return Path(named)
    return next(filter(starts, installed()), None) or downloaded()


def bring() -> None:
    """Try to put a Chromium on this machine: Playwright's own, or else Debian's."""
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(playwright, check=False).returncode == 0 and find():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        install = ["apt-get", "install", "-qq", "--no-install-recommends", "fonts-liberation"]
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for package in ("chromium-headless-shell", "chromium"):  # older Debians have no shell
            if subprocess.run([*install, package], env=quiet, check=False).returncode == 0:
                break


def main() -> int:
    """Find a browser, else bring one; 1 when there is none in the end."""
    browser = find()
    if browser is None:
        print("No Chromium, Chrome or Edge on this machine: bringing one.", flush=True)
        bring()
        browser = find()
    if browser is None:
        print(
            "No browser could be found or installed. Install Chromium, Chrome or Edge, or say "
            "where one is: EVENTKIT_BROWSER=/path/to/chromium make test",
            file=sys.stderr,
        )
        return 1
    print(f"==> browser: {browser}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
