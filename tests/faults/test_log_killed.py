"""Processes that use a log are killed at random moments: nothing acknowledged is lost or doubled.

ROUNDS in the environment says how often (`EVENTKIT_KILLS=200 pytest tests/faults`).
"""

from __future__ import annotations

import random
import signal
import sqlite3
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import eventkit as ek
from tests.tiers import rounds

from .programs import line_of, program

ROUNDS = rounds("EVENTKIT_KILLS", quick=3, long=30)
THREADS = 8
LONG = 60.0
LEASE = 1.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and SIGSTOP")


def killed_while_appending(path: Path, source: str, moment: float) -> dict[str, int]:
    """Kill the appender so long after its first acknowledgement; what it was acknowledged."""
    with program("append", path, source, THREADS) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        lines = [first, *process.stdout.read().splitlines()]
    split = [line.split() for line in lines]
    return {f"{place}-{number}": int(sequence) for place, number, sequence in split}


def check_round(entries: list[ek.Entry], acknowledged: dict[str, int], after: int) -> None:
    stored = {entry.event.id: entry.sequence for entry in entries}
    assert len(stored) == len(entries), "something is there twice"
    assert acknowledged.items() <= stored.items(), "something acknowledged is missing"
    assert len(entries) - len(acknowledged) <= THREADS, "more than was being appended"
    assert [entry.sequence for entry in entries] == list(range(after + 1, after + 1 + len(entries)))
    for place in range(THREADS):
        mine = [entry.data for entry in entries if entry.event.id.startswith(f"{place}-")]
        assert mine == list(range(len(mine))), "a thread's events are whole and in order"


@pytest.mark.thorough
@pytest.mark.timeout(30 + 5 * ROUNDS)
def test_a_process_killed_while_eight_threads_append_loses_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, moments, after, total = tmp_path / "log.db", random.Random(), 0, 0
    for turn in range(ROUNDS):
        source = f"/round/{turn}"
        acknowledged = killed_while_appending(path, source, moments.uniform(0, 0.15))
        with ek.open_log(path) as log:
            entries = list(log.read(after))
            assert {entry.event.source for entry in entries} == {source}
            check_round(entries, acknowledged, after)
            after = log.last_sequence
            total += len(acknowledged)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    with capsys.disabled():
        print(f"\nkilled {ROUNDS} times; {total:,} acknowledged, {after:,} stored")


@pytest.mark.long
def test_what_a_killed_worker_had_claimed_is_delivered_again_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.db"
    with ek.open_log(path) as log:
        log.consumer("workers")
        sequences = log.append_all(ek.Event("a", number) for number in range(300))
    with program("hold", path, LEASE) as victim:
        held = [int(line_of(victim, "claimed")[1]) for _ in range(20)]
        line_of(victim, "holding")
        with ExitStack() as started:
            workers = [started.enter_context(program("work", path, LEASE)) for _ in range(3)]
            victim.send_signal(signal.SIGKILL)
            texts = [worker.communicate(timeout=LONG)[0] for worker in workers]

    lines = "".join(texts).splitlines()
    done = [line.split() for line in lines if line.startswith("done")]
    assert sorted(int(sequence) for _, sequence, _ in done) == sequences
    assert {int(sequence) for _, sequence, tries in done if tries == "2"} >= set(held)
    with ek.open_log(path) as log:
        assert log.consumer("workers").progress() == (0, 0, 0)


@pytest.mark.long
def test_a_message_that_kills_its_workers_becomes_a_dead_letter(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with ek.open_log(path) as log:
        deadly = log.append(ek.Event("a", "deadly"))
    for tries in ("1", "2"):
        with program("die", path, LEASE) as worker:
            assert line_of(worker, "claimed")[1:] == [str(deadly), tries]
            assert worker.wait(LONG) == -signal.SIGKILL
    with program("die", path, LEASE) as worker:
        line_of(worker, "nothing")

    with ek.open_log(path) as log:
        (dead,) = log.consumer("workers", max_tries=2).dead_letters()
        assert dead.data == "deadly"


def test_a_lock_holder_that_was_paused_cannot_write_with_its_old_token(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with ek.open_log(path) as log, program("lock", path, LEASE) as paused:
        old = int(line_of(paused, "holding")[1])
        paused.send_signal(signal.SIGSTOP)
        with log.lock("counter", ttl=LONG, wait=LONG) as newer:
            assert newer.token > old
            log.append(ek.Event("a", "in time"), fence=newer.token)
            paused.send_signal(signal.SIGCONT)
            assert paused.communicate("go\n", timeout=LONG)[0].split() == ["refused"]
        assert [entry.data for entry in log.read()] == ["in time"]
