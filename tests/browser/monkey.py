"""A monkey at a lesson: random actions on its panels, in any order.

`EVENTKIT_MONKEY=1000` sets the number of actions, `EVENTKIT_SEED=7` the seed.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress

from playwright.sync_api import ElementHandle, Error, TimeoutError

from ..tiers import rounds
from .notebook import Notebook

ACTIONS = rounds("EVENTKIT_MONKEY", quick=10, long=25)
SEED = int(os.environ.get("EVENTKIT_SEED", "1"))
SHORT = 2_000  # milliseconds that a control may be hidden, disabled or replaced by another
TOO_LONG = "Flood naive"  # each click costs ten thousand messages, which is what it shows
NONSENSE = ["", "0", "-5", "1e9", "3.7", "abc", "7"]
KEYS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]


class Monkey:
    """Picks a control and does something with it. `done` lists what it did."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.random = random.Random(SEED)
        self.done: list[str] = []

    def act(self) -> None:
        with suppress(TimeoutError, Error):  # it went away, as a Stop button does by itself
            control = self.random.choice(self.notebook.usable()).element_handle(timeout=SHORT)
            if control.inner_text() != TOO_LONG:
                self.use(control)

    def use(self, control: ElementHandle) -> None:
        tag = control.evaluate("(it) => it.type || it.getAttribute('role') || it.tagName")
        name = control.inner_text() or control.get_attribute("aria-label") or tag
        if tag == "select-one":
            options = control.evaluate("(it) => [...it.options].map((one) => one.value)")
            what = self.random.choice(options)
            control.select_option(what, timeout=SHORT)
        elif tag in ("number", "text"):
            what = self.random.choice(NONSENSE)
            control.focus()
            self.notebook.page.keyboard.press("Control+a")
            self.notebook.page.keyboard.type(what)
            self.notebook.page.keyboard.press("Enter")
        elif tag in ("range", "slider"):
            what = self.random.choice(KEYS)
            control.press(what, timeout=SHORT)
        elif self.random.random() < 0.3:
            what = self.random.choice(["Enter", "Space"])
            control.press(what, timeout=SHORT)
        else:
            what = "click"
            control.click(timeout=SHORT)
        self.done.append(f"{name}: {what}")
