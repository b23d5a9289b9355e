"""Every panel of the lessons, and how it is used to have its picture taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Locator

from .server import REPOSITORY

Act = Callable[[Locator], None]


class Use(NamedTuple):
    """A panel of a lesson: its heading, what makes it run, and what it says at the end."""

    lesson: str
    title: str
    begin: Act
    ends: str

    def picture(self, name: str) -> Path:
        """Return the file with the picture that the lesson shows where no kernel runs."""
        return REPOSITORY / "eventkit/lab" / f"lesson{self.lesson[:2]}" / f"{name}.png"


def press(*labels: str) -> Act:
    """Return what presses these buttons, one after another."""

    def act(panel: Locator) -> None:
        for label in labels:
            panel.get_by_role("button", name=label, exact=True).click()

    return act


def choose(name: str, option: str) -> Act:
    """Return what chooses an option."""

    def act(panel: Locator) -> None:
        panel.get_by_role("combobox", name=name).select_option(option)

    return act


def enter(name: str, number: int) -> Act:
    """Return what enters a number into a field."""

    def act(panel: Locator) -> None:
        field = panel.get_by_role("spinbutton", name=re.compile(name))
        field.fill(str(number))
        field.press("Enter")

    return act


def then(*acts: Act) -> Act:
    """Return what does these one after another."""

    def act(panel: Locator) -> None:
        for one in acts:
            one(panel)

    return act


PANELS = {
    "tracer": Use(
        "00_start_here", "Click tracer",
        press(*["Click me and trace it"] * 3), "answered\\.",
    ),
    "explorer": Use(
        "01_trigger_processor_listener", "Parts explorer",
        press("Fire button.click"), "counter",
    ),
    "counter": Use(
        "02_live_counter", "Live counter",
        then(choose("Processor", "Threads(4): handed over"), enter("^Work", 700),
             press("×10", "+1", "+1")),
        "crossed 10",
    ),
    "flood": Use(
        "02_live_counter", "Flood:", press("Flood coalesced"), "10,000 changes",
    ),
    "race": Use(
        "03_blocking_vs_nonblocking", "The race:",
        then(enter("^Events", 20), press("Run the race")), "Done\\.",
    ),
    "ways": Use(
        "04_ways_to_wait", "Time trial:", press("Run the time trial"), "Done",
    ),
    "picker": Use(
        "05_shared_state", "Interleaving picker",
        press(*["A goes", "B goes"] * 3), "1",
    ),
    "load_curve": Use(
        "06_measuring_response", "Load curve:", press("Measure"), "Asked for a utilisation",
    ),
    "tank": Use(
        "07_message_queues", "The tank:",
        then(choose("When full", "drop_newest"), press("Start", "Burst of 50")), "Empty again",
    ),
    "filter_bench": Use(
        "08_fewer_events", "Event filter bench", press("Burst"), "events in",
    ),
    "burst_bench": Use(
        "08_fewer_events", "Burst bench", press("Send the burst"), "went out",
    ),
    "time_slider": Use(
        "09_event_list", "Time slider", press("Play"), r"After event (\d+) of \1:",
    ),
    "partition": Use(
        "10_distributed_bus", "Partition switch",
        then(press("×10", "Freeze", "+1", "+1", "+1", "Mend")), "13",
    ),
    "console": Use(
        "11_secure_events", "Attacker's console", press("Attack"), "1 attack",
    ),
    "dashboard": Use(
        "12_capstone", "Dashboard", press("Rush ×30"), "24 accepted: 0 waiting, 0 at the printers",
    ),
}  # fmt: skip
