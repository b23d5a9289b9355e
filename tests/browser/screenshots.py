"""Takes pictures of every panel: `python -m tests.browser.screenshots [--keep] [NAME...]`.

Each is taken before the first click, while it runs and at the end, light and dark, in windows of
1,300 and 900 pixels, into build/screenshots. `--keep` also writes the pictures that lessons show
where no kernel runs, and the README's.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, expect

from .browser import chromium, desk
from .in_use import PANELS, Use
from .notebook import Notebook
from .server import REPOSITORY, LabServer

FOLDER = REPOSITORY / "build" / "screenshots"
LOOKS = [(width, theme) for width in (900, 1300) for theme in ("Dark", "Light")]
COLOURS = 128  # enough for flat colours and smooth letters, in a third of the bytes
README = {name: REPOSITORY / "docs" / f"{name}.png" for name in ("counter", "race")}


def main() -> None:
    asked = argparse.ArgumentParser(description="Take pictures of panels in use.")
    asked.add_argument("names", nargs="*", help=f"some of {', '.join(PANELS)} (default: all)")
    asked.add_argument("--keep", action="store_true", help="write the lessons' and README's, too")
    options = asked.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with LabServer() as server, chromium() as browser:
        notebook = None
        for name in options.names or PANELS:
            use = PANELS[name]
            path = f"notebooks/{use.lesson}.ipynb"
            if notebook is None:
                notebook = Notebook(desk(browser, height=2600), server, path)
            elif notebook.path != path:
                notebook.open(path)
            kept = take_all(notebook, name, use)
            if options.keep:
                keep(name, use, kept)
        if notebook is not None:
            notebook.close()


def take_all(notebook: Notebook, name: str, use: Use) -> Path:
    """Take a panel's pictures and return the last, which is light and wide."""
    notebook.run_all()
    panel = notebook.panel(re.compile(f"^{use.title}")).first
    take(notebook, panel, f"{name}-start")
    use.begin(panel)
    take(notebook, panel, f"{name}-running")
    expect(panel).to_contain_text(re.compile(use.ends), timeout=60_000)
    return take(notebook, panel, f"{name}-end")


def take(notebook: Notebook, panel: Locator, name: str) -> Path:
    """Take the panel as it is now in each look. Return the last picture."""
    for width, theme in LOOKS:
        notebook.page.set_viewport_size({"width": width, "height": 2600})
        notebook.theme(f"JupyterLab {theme}")
        notebook.page.evaluate("() => document.activeElement.blur()")
        notebook.page.mouse.move(0, 0)
        path = FOLDER / f"{name}-{width}-{theme.lower()}.png"
        panel.screenshot(path=path, animations="disabled")
    print(name, flush=True)
    return path


def keep(name: str, use: Use, taken: Path) -> None:
    """Keep a picture beside the panel's code, and its upper part for the README."""
    whole = Image.open(taken).convert("RGB")
    write(whole, use.picture(name))
    if name in README:
        write(whole.crop((0, 0, whole.width, min(whole.height, 680))), README[name])


def write(picture: Image.Image, path: Path) -> None:
    """Write a picture in few colours."""
    picture.quantize(COLOURS).save(path, optimize=True)
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
