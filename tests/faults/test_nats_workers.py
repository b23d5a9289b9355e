"""Worker processes count clicks from a log on a server; a worker and the server are killed.

`EVENTKIT_ROUNDS=20 EVENTKIT_EVENTS=100000 pytest tests/faults/test_nats_workers.py` is the long
form.
"""

from __future__ import annotations

import random
import shutil
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import eventkit as ek
from tests.tiers import rounds

from .programs import line_of, program

ROUNDS = rounds("EVENTKIT_ROUNDS", quick=1, long=3)
EVENTS = rounds("EVENTKIT_EVENTS", quick=1_000, long=20_000)
LEASE = 3.0
WORKERS = 3
AT_ONCE = 500

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL"),
    pytest.mark.timeout(ROUNDS * (120 + EVENTS // 50)),
]


def append_clicks(log: ek.EventLog) -> None:
    """Append all clicks. Repeat each batch until it is acknowledged."""
    clicks = [ek.Event("button.click", number) for number in range(EVENTS)]
    for start in range(0, EVENTS, AT_ONCE):
        while True:
            try:
                log.append_all(clicks[start : start + AT_ONCE])
                break
            except ek.OutcomeUnknown:
                pass


def wait_until_stored(log: ek.EventLog, number: int) -> None:
    while log.usage().events < number:
        time.sleep(0.02)


def one_round(folder: str, moments: random.Random) -> list[int]:
    """Run one round with two kills. Return the numbers of the clicks that were counted.

    The server does not sync: what a process has written survives the process.
    """
    first, second = sorted(moments.sample(range(EVENTS // 10, 2 * EVENTS - EVENTS // 10), 2))
    with ExitStack() as stack:
        server = stack.enter_context(ek.NatsServer(settings={"jetstream": {"store_dir": folder}}))
        log = stack.enter_context(ek.open_log(server.url))
        consumer = log.consumer("workers", "button.click")
        workers = [stack.enter_context(program("count", server.url, LEASE)) for _ in range(WORKERS)]
        for worker in workers:
            line_of(worker, "ready")
        clicker = threading.Thread(target=append_clicks, args=(log,))
        clicker.start()
        wait_until_stored(log, first)
        workers[0].kill()
        wait_until_stored(log, second)
        server.kill()
        server.start()
        clicker.join()
        while (progress := consumer.progress()) != (0, 0, 0):
            assert progress.dead == 0
            time.sleep(0.05)
        return [entry.data for entry in log.read(topic="counter.counted")]


def test_with_a_worker_and_the_server_killed_every_click_is_counted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = random.Random()
    for turn in range(1, ROUNDS + 1):
        start = time.monotonic()
        folder = tmp_path / "store"
        assert sorted(one_round(str(folder), moments)) == list(range(EVENTS))
        shutil.rmtree(folder)
        with capsys.disabled():
            seconds = time.monotonic() - start
            print(f"\nround {turn}: {EVENTS:,} clicks counted once in {seconds:.0f} s", end="")
