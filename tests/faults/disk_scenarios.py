"""Run with the faulty disk before the C library: what a log does when writing or syncing fails.

`python -m tests.faults.disk_scenarios NAME FOLDER`, started by test_log_disk.py. Prints a figure
or two when all is as it must be, and ends with a traceback when not.
"""

from __future__ import annotations

import ctypes
import errno
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import eventkit as ek

WRITE, SYNC = 0, 1
EVENTS = 4

disk = ctypes.CDLL(None)  # where the preloaded functions are


def use(log: ek.EventLog, events: list[ek.CloudEvent]) -> dict[str, int]:
    """Append all of them, a claim in between; what was acknowledged. A refusal is an error."""
    acknowledged = {}
    consumer = None
    for place, event in enumerate(events):
        with suppress(ek.LogError):
            acknowledged[event.id] = log.append(event)
        with suppress(ek.LogError):
            if place == EVENTS // 2:
                consumer = log.consumer("mail")
            if consumer is not None:
                consumer.ack(*consumer.claim(1))
    return acknowledged


def events_of(place: int) -> list[ek.CloudEvent]:
    return [
        ek.CloudEvent(id=f"{place}-{number}", source="/disk", type="a", data="x" * 500)
        for number in range(EVENTS)
    ]


def one_life(path: Path, place: int) -> tuple[dict[str, int], int]:
    """Open, use and close; what was acknowledged, and how many times somebody was refused."""
    acknowledged: dict[str, int] = {}
    try:
        with ek.open_log(path) as log:
            acknowledged = use(log, events_of(place))
            list(log.read())  # which needs nothing of what fails
    except ek.LogError:
        return acknowledged, EVENTS
    return acknowledged, EVENTS - len(acknowledged)


def check(path: Path, acknowledged: dict[str, int], place: int) -> None:
    """The disk is well again: nothing acknowledged is missing, and what is doubtful can be said
    again.
    """
    with ek.open_log(path) as log:
        stored = {entry.event.id: entry.sequence for entry in log.read()}
        assert acknowledged.items() <= stored.items(), "something acknowledged is missing"
        log.append_all(events_of(place))
        ids = [entry.event.id for entry in log.read()]
        assert len(ids) == len(set(ids)) >= EVENTS
        assert [entry.sequence for entry in log.read()] == list(range(1, len(ids) + 1))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


def each_fails(folder: Path) -> None:
    """Every write and every sync of a log's life fails once, a fresh log each time."""
    disk.faulty_watch(str(folder).encode())
    fired = refused = 0
    for kind, error in ((WRITE, errno.ENOSPC), (WRITE, errno.EIO), (SYNC, errno.EIO)):
        number = 0
        while True:
            number += 1
            path = folder / f"{kind}-{error}-{number}.db"
            disk.faulty_arm(kind, number, error)
            acknowledged, refusals = one_life(path, number)
            if not disk.faulty_fired():
                break
            disk.faulty_arm(kind, 0, 0)
            fired += 1
            refused += bool(refusals)
            check(path, acknowledged, number)
        assert number > EVENTS, "it has gone through more than it takes to open a log"
    print(fired, refused)


def append_fails(folder: Path) -> None:
    """Every write and sync that an append needs fails once: it raises, and the log goes on."""
    disk.faulty_watch(str(folder).encode())
    fired = 0
    with ek.open_log(folder / "log.db") as log:
        log.append(ek.Event("a"))
        for kind, error in ((WRITE, errno.ENOSPC), (WRITE, errno.EIO), (SYNC, errno.EIO)):
            number = 0
            while True:
                number += 1
                before = list(log.read())
                event = ek.Event("a", (kind, number))
                disk.faulty_arm(kind, number, error)
                outcome = outcome_of(lambda: log.append(event))  # noqa: B023
                if not disk.faulty_fired():
                    assert outcome is None
                    break
                assert isinstance(outcome, ek.OutcomeUnknown), outcome
                fired += 1
                assert list(log.read()) == before
                assert log.append(event) == before[-1].sequence + 1
            assert number > 1
    print(fired)


def full_for_a_while(folder: Path) -> None:
    """Eight threads append while each write fails: all are told, and all is well afterwards."""
    disk.faulty_watch(str(folder).encode())
    with ek.open_log(folder / "log.db") as log:
        outcomes: list[object] = []
        events = [ek.Event("a", number) for number in range(8)]

        def work(event: ek.Event) -> None:
            for _ in range(40):
                disk.faulty_arm(WRITE, 1, errno.ENOSPC)
                outcomes.append(outcome_of(lambda: log.append(event)))

        threads = [threading.Thread(target=work, args=(event,)) for event in events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        disk.faulty_arm(WRITE, 0, 0)
        log.append_all(events)
        assert sorted(entry.data for entry in log.read()) == list(range(8))
    refused = sum(isinstance(one, ek.OutcomeUnknown) for one in outcomes)
    assert all(one is None or isinstance(one, ek.OutcomeUnknown) for one in outcomes), outcomes
    print(refused)


def synced(folder: Path) -> None:
    """What was acknowledged is synced: an append, an acknowledgement, a lock; by one, by many."""
    disk.faulty_watch(str(folder).encode())
    with ek.open_log(folder / "log.db") as log:
        consumer = log.consumer("mail")
        for _ in range(50):
            must_sync(lambda: log.append(ek.Event("a")))
            (delivery,) = consumer.claim()
            must_sync(lambda: consumer.ack(delivery))  # noqa: B023
        must_sync(log.lock("counter").acquire)
        must_sync(lambda: log.append_all(ek.Event("a") for _ in range(500)))
        before = disk.faulty_done(SYNC)
        threads = [
            threading.Thread(target=lambda: [log.append(ek.Event("a")) for _ in range(20)])
            for _ in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert disk.faulty_unsynced() == 0
        print(32 * 20, disk.faulty_done(SYNC) - before)


def must_sync(do: Callable[[], object]) -> None:
    before = disk.faulty_done(SYNC)
    do()
    assert disk.faulty_done(SYNC) > before
    assert disk.faulty_unsynced() == 0


def outcome_of(do: Callable[[], object]) -> Exception | None:
    try:
        do()
    except Exception as problem:
        return problem
    return None


if __name__ == "__main__":
    name, place = sys.argv[1:]
    scenarios = {one.__name__: one for one in (each_fails, append_fails, full_for_a_while, synced)}
    scenarios[name](Path(place))
    shutil.rmtree(place)
