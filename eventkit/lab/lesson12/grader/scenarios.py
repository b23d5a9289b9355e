"""Scenarios: what happens to a submitted system, and what it was seen to do. One process each.

    python -m eventkit.lab.lesson12.grader.scenarios FILE SCENARIO FOLDER PATIENCE

A scenario judges nothing: it reports facts, line by line, into a file in the folder, and whoever
started it reads them there. So it may be killed at any time, and what it prints is nobody's proof.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import eventkit as ek

from .trial import FREE, WHOLE, Build, Printer, Report, Trial, outcome, reporter

FACTS = "facts"
TESTS = "my_tests.py"
VISITORS = 12
WORK = 0.04
TARGET = 5
FAILS = 2
NEW = VISITORS + 1
HELD = 0.3  # seconds after which close() is no longer held up
USE = 0.6
REQUESTS = 90
LETTERS = 200


class Stage(NamedTuple):
    """What a scenario is given: the submission, a folder, where to report, and patience."""

    build: Build
    folder: Path
    report: Report
    patience: float

    def trial(self, printer: Printer | None = None, target: int = 10) -> Trial:
        return Trial(self.build, self.folder, self.report, self.patience, printer, target)


def counting(stage: Stage) -> None:
    """Visitors come in at both doors, and some are left over beyond the target."""
    trial = stage.trial(target=10)
    stage.report("came", trial.arrive_all(range(1, 16)))
    trial.wait_counted(15)
    trial.close()
    stage.report("counts", trial.counts)
    stage.report("notices", len(trial.notices))


def again(stage: Stage) -> None:
    """Each is reported again, while the first report is being worked on and afterwards."""
    printer = Printer()
    printer.stuck = {1, 2}
    trial = stage.trial(printer)
    trial.arrive_all([1, 2, 3, 1, 2])
    printer.release()
    trial.wait_counted(3)
    trial.arrive_all([3, 2, 1])
    trial.arrive_all([4])
    trial.wait_counted(4)
    trial.close()
    stage.report("served", sorted(printer.began))
    stage.report("counts", trial.counts)


def access(stage: Stage) -> None:
    """Everybody tries what they may do and what they may not."""
    trial = stage.trial()
    bus, visitors = trial.bus, {"door.south": {"visitor": 2}}
    publishing = [
        ("north", "door.north"), ("south", "door.south"),
        ("north", "door.south"), ("south", "door.north"), ("mallory", "door.north"),
        ("screen", "door.north"), ("north", "count.changed"), ("south", "notice.full"),
        ("north", "visitor.admitted"), ("screen", "count.changed"), ("screen", "notice.full"),
    ]  # fmt: skip
    subscribing = [
        ("screen", "count.>"), ("screen", "notice.>"),
        ("screen", "door.>"), ("mallory", "count.>"), ("north", "door.>"), ("north", "notice.full"),
    ]  # fmt: skip
    tried = {
        f"{who} publishes on {topic}": outcome(
            lambda w=who, t=topic: bus.as_(w).fire(t, visitors.get(t, {"visitor": 1}))  # type: ignore[misc]
        )
        for who, topic in publishing
    }
    tried |= {
        f"{who} subscribes to {topic}": outcome(
            lambda w=who, t=topic: bus.as_(w).subscribe(t, _ignore)  # type: ignore[misc]
        )
        for who, topic in subscribing
    }
    trial.wait_counted(2)
    trial.close()
    stage.report("tried", tried)
    stage.report("counts", trial.counts)


def slow(stage: Stage) -> None:
    """The printer is stuck with one visitor, while others come."""
    printer = Printer()
    printer.stuck = {1}
    trial = stage.trial(printer)
    stage.report("came", len(trial.arrive_all(range(1, VISITORS + 1))))
    trial.wait_counted(VISITORS - 1)
    stage.report("meanwhile", len(trial.counts))
    printer.release()
    trial.wait_counted(VISITORS)
    trial.close()
    stage.report("counts", trial.counts)


def printers(stage: Stage) -> None:
    """All stay at the printer: how many are there at once?"""
    printer = Printer()
    printer.stuck = set(range(1, VISITORS + 1))
    trial = stage.trial(printer)
    trial.arrive_all(range(1, VISITORS + 1))
    trial.wait(lambda: printer.most >= FREE)
    deadline = time.monotonic() + 0.5
    while printer.most <= FREE and time.monotonic() < deadline:
        time.sleep(0.01)
    printer.release()
    trial.wait_counted(VISITORS)
    stage.report("most", printer.most)
    trial.close()


def failing(stage: Stage) -> None:
    """The printer fails for two visitors: twice for one, always for the other."""
    printer = Printer()
    printer.jams = {3: 10**6, 5: 2}
    trial = stage.trial(printer)
    trial.arrive_all(range(1, 9))
    trial.wait_counted(7)
    trial.wait(lambda: trial.failed)
    trial.close()
    stage.report("tries", {number: printer.began.count(number) for number in (3, 5)})
    stage.report("failed", trial.failed)
    stage.report("counts", trial.counts)


def flood(stage: Stage) -> None:
    """Three times as many come as there is room for, and nobody is served meanwhile. Then the
    printers go on, and afterwards a second process opens the house again.
    """
    printer = Printer()
    printer.stuck = set(range(1, 3 * WHOLE + 1))
    trial = stage.trial(printer, target=10**6)
    came = trial.arrive_all(range(1, 3 * WHOLE + 1))
    stage.report("came", came)
    printer.release()
    trial.wait_counted(came.count("in"))
    trial.close()
    stage.report("counts", trial.counts)
    later = stage.trial(target=10**6)
    later.arrive_all([1000])
    later.wait(lambda: 1000 in later.counted_at, lambda: len(later.counts))
    later.close()
    stage.report("later", later.counts)


def killed(stage: Stage) -> None:
    """`kill -9`, at the very moment when half of the visitors have come to the printer."""
    printer = Printer()
    printer.stuck = set(range(1, VISITORS + 1))

    def die(visitor: int) -> None:
        stage.report("served", visitor)

    printer.before = die
    trial = stage.trial(printer, target=VISITORS)
    trial.bus.subscribe("count.changed", lambda event: stage.report("count", trial.counts[-1]))
    trial.bus.subscribe("notice.full", lambda event: stage.report("notice", 1))
    stage.report("came", trial.arrive_all(range(1, VISITORS + 1)))
    trial.wait(lambda: printer.most)
    printer.before = lambda visitor: _kill_at(printer, visitor, die)
    printer.release()
    trial.wait_counted(VISITORS)
    stage.report("step", "this process should have been killed while a ticket was printed")


def restarted(stage: Stage) -> None:
    """The next process finds what the killed one has left."""
    printer = Printer()
    printer.before = lambda visitor: stage.report("served", visitor)
    trial = stage.trial(printer, target=VISITORS)
    trial.wait(lambda: VISITORS in [n for n, _ in trial.counts], lambda: len(trial.counts))
    trial.close()
    stage.report("counts", trial.counts)
    stage.report("notices", len(trial.notices))


def closed(stage: Stage) -> None:
    """close() is called while all printers are held, and one visitor's ticket always fails."""
    printer = Printer()
    printer.hold(range(1, VISITORS + 1))
    printer.jams = {FAILS: 10**6}
    trial = stage.trial(printer, TARGET)
    stage.report("came", trial.arrive_all(range(1, VISITORS + 1)))
    threading.Timer(HELD, printer.release).start()
    trial.close()
    stage.report("finished", list(trial.counts))
    stage.report("failed", list(trial.failed))
    stage.report("notices", len(trial.notices))


def reopened(stage: Stage) -> None:
    """The next process is told of two visitors who have tickets, and of a new one."""
    printer = Printer()
    trial = stage.trial(printer, TARGET)
    trial.arrive_all([1, VISITORS, NEW])
    trial.wait(lambda: NEW in trial.counted_at, lambda: len(trial.counts))
    trial.close()
    stage.report("served", sorted(printer.began))
    stage.report("counts", trial.counts)
    stage.report("failed_again", trial.failed)
    stage.report("notices_again", len(trial.notices))


def response(stage: Stage) -> None:
    """Open-loop load: visitors come at random, whatever the system is at."""
    printer = Printer(WORK)
    trial = stage.trial(printer, target=10**6)
    rate = USE * FREE / WORK
    due, own_delay = [], []
    start = free = time.perf_counter_ns()
    for visitor, seconds in zip(range(1, REQUESTS + 1), _due_times(rate), strict=False):
        at = start + int(seconds * 1e9)
        while (left := (at - time.perf_counter_ns()) / 1e9) > 0:
            time.sleep(left)
        began = time.perf_counter_ns()
        own_delay.append((began - max(at, free)) / 1e9)
        trial.arrive(visitor)
        free = time.perf_counter_ns()
        due.append(at)
    trial.wait_counted(REQUESTS)
    trial.close()
    stage.report("due", [(at - start) / 1e9 for at in due])
    stage.report("own_delay", own_delay)
    stage.report("services", [printer.services.get(n) for n in range(1, REQUESTS + 1)])
    stage.report("counted", [
        (trial.counted_at[n] - start) / 1e9 if n in trial.counted_at else None
        for n in range(1, REQUESTS + 1)
    ])  # fmt: skip


def integration_test(stage: Stage) -> None:
    """The learner's, on the system that is submitted."""
    _own_test(stage, "integration_test")


def stress_test(stage: Stage) -> None:
    """The learner's, on the system that is submitted."""
    _own_test(stage, "stress_test")


def fault_test(stage: Stage) -> None:
    """The learner's, on the system that is submitted."""
    _own_test(stage, "fault_test")


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    scenario.__name__: scenario
    for scenario in (
        counting, again, access, slow, printers, failing, flood, killed, restarted, closed,
        reopened, response, integration_test, stress_test, fault_test,
    )
}  # fmt: skip


def _own_test(stage: Stage, name: str) -> None:
    """Whatever it raises, it has noticed something."""
    file = str(stage.folder / TESTS)
    test = runpy.run_path(file, run_name="submission")[name]
    stage.report("step", name)
    try:
        test(stage.build)
    except Exception as error:
        stage.report("noticed", _told(error, file))


def _told(error: Exception, file: str) -> str:
    """The error, and the line of that file which it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((one for one in reversed(frames) if one.filename == file), frames[-1])
    said = f"{type(error).__name__}: {error}".splitlines()[0][:LETTERS].rstrip(": ")
    return f"{said} (line {line.lineno}: {line.line})"


def _ignore(event: ek.Event) -> None:
    pass


def _due_times(rate: float) -> Iterator[float]:
    return ek.OpenLoop(rate, REQUESTS, seed=12).due_times()


def _kill_at(printer: Printer, visitor: int, report: Callable[[int], None]) -> None:
    report(visitor)
    if len(printer.began) > VISITORS // 2:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def run(file: str, name: str, folder: str, patience: str) -> None:
    """Load a submission and put it through a scenario, then end at once, whatever still runs."""
    report = reporter(Path(folder, FACTS))
    report("step", "the file itself")
    status = 1
    try:
        loaded: dict[str, Any] = runpy.run_path(file, run_name="submission")
        SCENARIOS[name](Stage(loaded["build"], Path(folder), report, float(patience)))
        report("end", True)
        status = 0
    except BaseException as error:
        report("error", f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


if __name__ == "__main__":
    run(*sys.argv[1:])
