"""Makes the README's pictures from the real lessons: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from .browser import chromium, desk
from .notebook import Notebook
from .server import REPOSITORY, LabServer

PICTURES = REPOSITORY / "docs"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with LabServer() as server, chromium() as browser:
        context = desk(browser, height=1600, scale=1.5)
        notebook = Notebook(context, server, "notebooks/02_live_counter.ipynb")
        keep(counter(notebook), PICTURES / "counter.png")
        notebook.close()
        notebook = Notebook(context, server, "notebooks/03_blocking_vs_nonblocking.ipynb")
        keep(race(notebook), PICTURES / "race.png")
        notebook.close()


def counter(notebook: Notebook) -> Locator:
    """The counter after a few clicks, its notification told."""
    notebook.run_all()
    panel = notebook.panel("Live counter").first
    panel.get_by_role("combobox", name="Processor").select_option("Threads(4): handed over")
    for label in ("×10", "+1", "+1"):
        panel.get_by_role("button", name=label, exact=True).click()
    expect(panel.locator(".ek-number")).to_have_text("12")
    expect(panel.get_by_role("status")).to_contain_text("reached 10")
    return panel


def race(notebook: Notebook) -> Locator:
    """The race after a run, gone back to its middle: its knobs and its stage, without what
    stands below them.
    """
    notebook.run_all()
    panel = notebook.panel(re.compile("^The race:"))
    panel.get_by_role("button", name="Run the race").click()
    expect(panel.get_by_role("status")).to_contain_text("Done.", timeout=60_000)
    panel.get_by_role("slider", name="Time").fill(str(600_000_000))
    for below in panel.locator("> .widget-vbox").last.element_handles():
        below.evaluate("(results) => { results.style.display = 'none' }")
    return panel


def keep(panel: Locator, path: Path) -> None:
    """Away with the focus ring and the mouse, and the picture of this panel alone."""
    panel.page.evaluate("() => document.activeElement.blur()")
    panel.page.mouse.move(0, 0)
    panel.screenshot(path=path, animations="disabled")
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
