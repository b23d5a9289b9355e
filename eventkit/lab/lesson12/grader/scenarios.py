"""Scenarios: what happens to a submitted system, and what it is seen to do. One process each.

    python -m eventkit.lab.lesson12.grader.scenarios FILE SCENARIO FOLDER PATIENCE

A scenario judges nothing. It reports facts line by line into a file in the folder, where the grader
reads them. So it may be killed at any time, and what the submission prints proves nothing.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import eventkit as ek

from .finding import THE_FILE
from .trial import FREE, WHOLE, Build, Printer, Report, Trial, outcome, reporter

FACTS = "facts"
TESTS = "my_tests.py"
VISITORS = 12
CROWD = 240
WORK = 0.04
TARGET = 5
FAILS = 2
NEW = VISITORS + 1
HELD = 0.3  # seconds for which the printers hold up close()
USE = 0.6
REQUESTS = 90
LETTERS = 200


class Stage(NamedTuple):
    """The input of a scenario: a submission, its folder, where to report, and how long to wait."""

    build: Build
    folder: Path
    report: Report
    patience: float

    def trial(self, printer: Printer | None = None, target: int = 10) -> Trial:
        return Trial(self.build, self.folder, self.report, self.patience, printer, target)


def counting(stage: Stage) -> None:
    """Send visitors to both doors, more than the target."""
    trial = stage.trial(target=10)
    stage.report("came", trial.arrive_all(range(1, 16)))
    trial.wait_counted(15)
    trial.close()
    stage.report("counts", trial.counts)
    stage.report("notices", len(trial.notices))


def again(stage: Stage) -> None:
    """Report each visitor again, while the first report is being handled and afterwards."""
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
    """Let each principal try what it may do and what it may not."""
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
        ("screen", "visitor.>"), ("screen", "audit.>"), ("south", "count.>"),
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
    """Block the printer for one visitor while others come."""
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
    """Block the printer for all visitors: how many reach it at once?"""
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
    """Let the printer fail for two visitors: twice for one, always for the other."""
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
    """Send three times as many visitors as there is room for while the printers are blocked. Then
    let the printers go on, and afterwards build the system again.
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
    """Kill the process as with `kill -9` when half of the visitors have reached the printer."""
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
    """Start again from what the killed process has left."""
    printer = Printer()
    printer.before = lambda visitor: stage.report("served", visitor)
    trial = stage.trial(printer, target=VISITORS)
    trial.wait(lambda: VISITORS in [n for n, _ in trial.counts], lambda: len(trial.counts))
    trial.wait(lambda: trial.notices)  # or a close() that does nothing would be taken for silence
    trial.close()
    stage.report("counts", trial.counts)
    stage.report("notices", len(trial.notices))


def closed(stage: Stage) -> None:
    """Call close() while all printers are blocked and one visitor's ticket always fails."""
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
    """Report two visitors who have tickets and a new one to the next process."""
    printer = Printer()
    trial = stage.trial(printer, TARGET)
    trial.arrive_all([1, VISITORS, NEW])
    trial.wait(lambda: NEW in trial.counted_at, lambda: len(trial.counts))
    trial.close()
    stage.report("served", sorted(printer.began))
    stage.report("counts", trial.counts)
    stage.report("failed_again", trial.failed)
    stage.report("notices_again", len(trial.notices))


def crowd(stage: Stage) -> None:
    """Send hundreds of visitors through both doors at once. Who is refused comes again."""
    trial = stage.trial(target=10**6)
    stage.report("step", "fire at a door")

    def come(first: int) -> None:
        for visitor in range(first, CROWD + 1, 2):
            trial.wait_let_in(visitor)

    with ThreadPoolExecutor(2) as doors:
        list(doors.map(come, (1, 2)))
    trial.wait_counted(CROWD)
    trial.close()
    stage.report("counts", trial.counts)


def response(stage: Stage) -> None:
    """Send visitors at random times, whether or not the system keeps up: open-loop load."""
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
    """Run the learner's own test on the submitted system."""
    _own_test(stage, "integration_test")


def stress_test(stage: Stage) -> None:
    """Run the learner's own test on the submitted system."""
    _own_test(stage, "stress_test")


def fault_test(stage: Stage) -> None:
    """Run the learner's own test on the submitted system."""
    _own_test(stage, "fault_test")


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    scenario.__name__: scenario
    for scenario in (
        counting, again, access, slow, printers, failing, flood, killed, restarted, closed,
        reopened, crowd, response, integration_test, stress_test, fault_test,
    )
}  # fmt: skip


def _own_test(stage: Stage, name: str) -> None:
    """Run the learner's test. Any exception means that it has noticed a fault."""
    file = str(stage.folder / TESTS)
    test = runpy.run_path(file, run_name="submission")[name]
    stage.report("step", name)
    try:
        test(stage.build)
    except Exception as error:
        stage.report("noticed", _told(error, file))


def _told(error: Exception, file: str) -> str:
    """Describe the error and the line of the learner's file that raised it."""
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
    """Load a submission, run a scenario, then exit at once, even if threads still run."""
    report = reporter(Path(folder, FACTS))
    report("step", THE_FILE)
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
