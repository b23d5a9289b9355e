"""Every panel of the lessons, and how it is used to have its picture taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Locator

from eventkit.lab.lesson02.counter import CounterPanel
from eventkit.lab.lesson03.race import RacePanel
from eventkit.lab.lesson05.schedule_picker import SchedulePicker
from eventkit.lab.panels.panel import Panel

Act = Callable[[Locator], None]


class Use(NamedTuple):
    """A panel in its lesson: what makes it run, and what it says at the end."""

    lesson: str
    panel: type[Panel]
    title: re.Pattern[str]
    begin: Act
    ends: re.Pattern[str]


def use(lesson: str, panel: type[Panel], title: str, begin: Act, ends: str) -> Use:
    return Use(lesson, panel, re.compile(f"^{title}"), begin, re.compile(ends))


def press(*labels: str) -> Act:
    """Return what presses these buttons, one after another."""

    def act(panel: Locator) -> None:
        for label in labels:
            panel.get_by_role("button", name=label, exact=True).click()

    return act


def choose(name: str, option: str) -> Act:
    return lambda panel: panel.get_by_role("combobox", name=name).select_option(option) and None


def then(*acts: Act) -> Act:
    """Return what does these one after another."""

    def act(panel: Locator) -> None:
        for one in acts:
            one(panel)

    return act


PANELS = {
    "counter": use(
        "02_live_counter", CounterPanel, "Live counter",
        then(choose("Processor", "Threads(4): handed over"), press("×10", "+1", "+1")), "reached 10",
    ),
    "race": use(
        "03_blocking_vs_nonblocking", RacePanel, "The race:", press("Run the race"), "Done\\.",
    ),
}  # fmt: skip
