"""The process that holds a learner's system: it does what it is sent, and tells what happens.

It is sent one list as JSON in each line: what to do, and with what. It tells in the same form how
each report at a door ended, each ticket, and each event that the dashboard shows.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .grader.trial import Printer, outcome

Tell = Callable[..., None]
BUILD, LOG = "build.pickle", "museum.db"
EVENTS = ("count.changed", "visitor.failed", "notice.full", "audit.denied")
ALWAYS = 10**6


class TellingPrinter(Printer):
    """A printer that tells which visitor reaches it, and whether the ticket was printed."""

    def __init__(self, seconds: float, tell: Tell):
        super().__init__(seconds)
        self._tell = tell

    def __call__(self, visitor: int) -> None:
        self._tell("began", visitor)
        try:
            super().__call__(visitor)
        except BaseException:
            self._tell("jammed", visitor)
            raise
        self._tell("printed", visitor)


class Doors:
    """Reports visitors in a thread of its own, so that a blocked door holds up nothing else."""

    def __init__(self, system: Any, tell: Tell):
        self._system, self._tell = system, tell
        self._waiting: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self.come = self._waiting.put
        threading.Thread(target=self._report, name="doors", daemon=True).start()

    def _report(self) -> None:
        while True:
            who, door, visitor = self._waiting.get()
            bus = self._system.bus.as_(who)
            came = outcome(lambda b=bus, d=door, v=visitor: b.fire(f"door.{d}", {"visitor": v}))  # type: ignore[misc]
            self._tell("door", who, door, visitor, came)


def serve(folder: str, seconds: str, target: str, heard: Callable[[], str]) -> None:
    """Build the system in the folder and run it until it is told to close."""
    tell = _teller()
    printer = TellingPrinter(float(seconds), tell)
    build = pickle.loads(Path(folder, BUILD).read_bytes())
    system = build(str(Path(folder, LOG)), printer, int(target))
    for topic in EVENTS:
        system.bus.subscribe(topic, lambda event: tell(event.topic, event.data))
    system.start()
    doors = Doors(system, tell)
    tell("ready")
    while True:
        match json.loads(heard()):
            case ["come", who, door, visitor]:
                doors.come((who, door, visitor))
            case ["jam", visitor]:
                printer.jams[visitor] = ALWAYS
            case ["stick"]:
                printer.hold(range(ALWAYS))
            case ["release"]:
                printer.release()
            case ["close"]:
                system.close()
                tell("closed")


def _teller() -> Tell:
    """Return a function that tells the owner, to whom nothing else that is printed will go."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    telling = threading.Lock()

    def tell(*what: Any) -> None:
        with telling:
            print(json.dumps(what, default=repr), file=out, flush=True)

    return tell
