"""Trial: a submitted system at work, with a printer that can be held up, can fail, and counts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import eventkit as ek

from .... import testing

FREE = 4
ROOM = 20
WHOLE = FREE + ROOM

Build = Callable[..., Any]
Report = Callable[[str, Any], None]


class PaperJam(RuntimeError):
    """Raised by a printer that must fail."""


class Printer:
    """The `work` that a system is given. It takes `seconds`.

    `began` lists the visitors in the order of its calls. `most` is the largest number of calls at
    once. A call for a visitor in `stuck` lasts until `release`. `jams` maps a visitor to the number
    of failures. `before` is called first, for a fault at a chosen moment.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.began: list[int] = []
        self.services: dict[int, float] = {}
        self.most = 0
        self.at_work = 0
        self.stuck: set[int] = set()
        self.jams: dict[int, int] = {}
        self.before: Callable[[int], object] = bool
        self._released = threading.Event()
        self._counting = threading.Lock()

    def __call__(self, visitor: int) -> None:
        with self._counting:
            self.began.append(visitor)
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        try:
            self._print(visitor)
        finally:
            with self._counting:
                self.at_work -= 1

    def _print(self, visitor: int) -> None:
        self.before(visitor)
        began = time.perf_counter()
        if visitor in self.stuck:
            self._released.wait()
        if self.seconds:
            time.sleep(self.seconds)
        self.services[visitor] = time.perf_counter() - began
        if self.jams.get(visitor, 0) > 0:
            self.jams[visitor] -= 1
            raise PaperJam(f"no ticket for visitor {visitor}")

    def hold(self, visitors: Iterable[int]) -> None:
        """Block calls for these visitors, from now on until `release`."""
        self.stuck = set(visitors)
        self._released.clear()

    def release(self) -> None:
        """Let all blocked calls go on."""
        self._released.set()


class Trial:
    """A system, built and started in a folder, and what it is seen to do.

    `report(name, value)` writes a fact at once, so that it survives the end of this process. A wait
    ends after `patience` seconds without progress.
    """

    def __init__(
        self,
        build: Build,
        folder: Path,
        report: Report,
        patience: float,
        printer: Printer | None = None,
        target: int = 10,
    ) -> None:
        self.printer = printer or Printer()
        self.patience = patience
        self.report = report
        self.counts: list[tuple[Any, Any]] = []
        self.counted_at: dict[Any, int] = {}
        self.notices: list[Any] = []
        self.failed: list[Any] = []
        report("step", "build")
        self.system = build(str(folder / "museum.db"), self.printer, target)
        self.bus: ek.EventBus = self.system.bus
        self.bus.subscribe("count.changed", self._counted)
        self.bus.subscribe("notice.full", lambda event: self.notices.append(event.data))
        self.bus.subscribe("visitor.failed", lambda event: self.failed.append(_visitor(event)))
        report("step", "start()")
        self.system.start()

    def _counted(self, event: ek.Event) -> None:
        now = time.perf_counter_ns()
        count = event.data.get("count") if isinstance(event.data, dict) else event.data
        self.counts.append((count, _visitor(event)))
        self.counted_at[_visitor(event)] = now

    def arrive(self, visitor: int, door: str | None = None) -> str:
        """Report a visitor at a door. Return "in", or the name of the exception."""
        door = door or ("north", "south")[visitor % 2]
        return outcome(lambda: self.bus.as_(door).fire(f"door.{door}", {"visitor": visitor}))

    def arrive_all(self, visitors: Iterable[int]) -> list[str]:
        """Return the outcome for each visitor, or for fewer if a door was blocked."""
        self.report("step", "fire at a door")
        outcomes: list[str] = []
        thread = threading.Thread(
            target=lambda: outcomes.extend(self.arrive(visitor) for visitor in visitors),
            daemon=True,
        )
        thread.start()
        self.wait(lambda: not thread.is_alive(), lambda: len(outcomes))
        return list(outcomes)

    def wait_let_in(self, visitor: int) -> None:
        """Report a visitor again until the system has room, for `patience` seconds."""
        deadline = time.monotonic() + self.patience
        while self.arrive(visitor) == "QueueFull" and time.monotonic() < deadline:
            time.sleep(0.001)

    def wait(self, is_so: Callable[[], object], progress: Callable[[], object] = int) -> bool:
        """Return True once `is_so`; False after `patience` seconds without progress."""
        seen, since = progress(), time.monotonic()
        while not is_so():
            now = progress()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > self.patience:
                return False
            try:
                testing.wait_until(is_so, 0.05)
            except AssertionError:
                continue
        return True

    def wait_counted(self, number: int) -> bool:
        """Wait until `number` visitors are counted, or counting has stopped."""
        return self.wait(lambda: len(self.counts) >= number, lambda: len(self.counts))

    def close(self) -> None:
        """Close the system, which finishes what it has accepted."""
        self.report("step", "close()")
        self.system.close()


def outcome(action: Callable[[], object]) -> str:
    """Run the action. Return "in", or the name of the exception that it raised."""
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "in"


def _visitor(event: ek.Event) -> Any:
    return event.data.get("visitor") if isinstance(event.data, dict) else None


def reporter(path: Path) -> Report:
    """Return a function that appends each fact to a file, so that facts survive a crash."""

    def report(name: str, value: Any) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value], default=repr) + "\n")

    return report
