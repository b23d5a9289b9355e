"""A Chromium to drive: quiet, headless, and with an empty profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from .chromium import find

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine, started; closed at the end."""
    path = find()
    if path is None:
        raise RuntimeError(
            "no Chromium, Chrome or Edge was found; run `python tests/browser/chromium.py`"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def desk(browser: Browser, height: int = 1000, scale: float = 1) -> BrowserContext:
    """A window as wide as a laptop's."""
    return browser.new_context(
        viewport={"width": 1280, "height": height},
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
