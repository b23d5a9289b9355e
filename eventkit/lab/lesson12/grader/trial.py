"""Trial: a submitted system at work, with a printer that can be held up, fail and count."""

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
    """What a printer raises that shall fail."""


class Printer:
    """The `work` that a system is given. `began` lists the visitors in the order in which it was
    called for them, `most` is how many were at it at once.

    It takes `seconds`, and stays with the visitors in `stuck` until `release`. `jams` says how
    often it fails for a visitor. `before` is called first, for a fault at a chosen moment.
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
        """From now on, stay with these."""
        self.stuck = set(visitors)
        self._released.clear()

    def release(self) -> None:
        """Let go of everybody who is stuck."""
        self._released.set()


class Trial:
    """A system, built and started in a folder, and what it is seen to do.

    `report(name, value)` writes down at once what must survive the end of this process.
    `patience` is how many seconds without any progress are taken for standing still.
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
        """A door reports a visitor: "in", or the name of what was raised."""
        door = door or ("north", "south")[visitor % 2]
        return outcome(lambda: self.bus.as_(door).fire(f"door.{door}", {"visitor": visitor}))

    def arrive_all(self, visitors: Iterable[int]) -> list[str]:
        """What became of each, and of fewer if a door was held up."""
        self.report("step", "fire at a door")
        outcomes: list[str] = []
        thread = threading.Thread(
            target=lambda: outcomes.extend(self.arrive(visitor) for visitor in visitors),
            daemon=True,
        )
        thread.start()
        self.wait(lambda: not thread.is_alive(), lambda: len(outcomes))
        return list(outcomes)

    def wait(self, is_so: Callable[[], object], progress: Callable[[], object] = int) -> bool:
        """Whether it came about, before nothing moved for as long as we have patience."""
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
        """Wait until so many were counted, or no more are."""
        return self.wait(lambda: len(self.counts) >= number, lambda: len(self.counts))

    def close(self) -> None:
        """Close the system, which finishes what it has accepted."""
        self.report("step", "close()")
        self.system.close()


def outcome(action: Callable[[], object]) -> str:
    """What came of it: "in" if nothing was raised, else the error's name."""
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "in"


def _visitor(event: ek.Event) -> Any:
    return event.data.get("visitor") if isinstance(event.data, dict) else None


def reporter(path: Path) -> Report:
    """Writes a line for each fact, so that those before a crash are kept."""

    def report(name: str, value: Any) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value], default=repr) + "\n")

    return report
