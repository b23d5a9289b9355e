"""A log on three servers: its leader is killed under load, and then all servers but one.

`EVENTKIT_ROUNDS=5 pytest tests/faults/test_nats_cluster.py` kills five leaders, and requires
that each is replaced within ten seconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

import eventkit as ek

ROUNDS = int(os.environ.get("EVENTKIT_ROUNDS", "2"))
LONG = 60.0
RECOVERY = LONG if ROUNDS < 5 else 10.0  # seconds; a busy machine gets more
WRITERS = 4
STREAM = "eventlog_events"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL"),
    pytest.mark.timeout(120 + 60 * ROUNDS),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[ek.NatsCluster]:
    with ek.NatsCluster(3) as cluster:
        yield cluster


class Writers:
    """Threads that append events and record which were acknowledged, and when."""

    def __init__(self, log: ek.EventLog) -> None:
        self.acknowledged: dict[str, int] = {}
        self._log = log
        self._times = [time.monotonic()]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _write(self, place: int) -> None:
        number = 0
        while not self._stop.is_set():
            id = f"{place}-{number}"
            event = ek.CloudEvent(id=id, source="/writers", type="a", time=_moment, data=number)
            self.acknowledged[id] = self._log.append(event)
            self._times.append(time.monotonic())
            number += 1

    def longest_gap(self, since: float) -> float:
        """Return the longest gap in seconds between acknowledgements that ended after `since`."""
        times = sorted(self._times)
        return max(b - a for a, b in pairwise(times) if b >= since)

    def wait_for_more(self, number: int = 50) -> None:
        goal, deadline = len(self._times) + number, time.monotonic() + LONG
        while len(self._times) < goal:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()


_moment = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_is_expected_and_fenced_holds_for_three_servers(cluster: ek.NatsCluster) -> None:
    with ek.open_log(cluster.url, name="fenced", replicas=3, timeout=LONG) as log:
        event = ek.Event("a")
        first = log.append(event, expect=0)
        assert log.append(event, expect=0) == first
        with pytest.raises(ek.Conflict):
            log.append(ek.Event("a"), expect=0)
        with log.lock("counter", ttl=LONG) as lock:
            log.append(ek.Event("a"), expect=first, fence=lock.token)
        with pytest.raises(ek.LeaseLost):
            log.append(ek.Event("a"), fence=lock.token)
        assert len(list(log.read())) == 2


def test_a_killed_leader_takes_nothing_acknowledged_along_and_doubles_nothing(
    cluster: ek.NatsCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with ek.open_log(cluster.url, replicas=3, timeout=LONG) as log:
        writers = Writers(log)
        for _ in range(ROUNDS):
            writers.wait_for_more()
            killed = time.monotonic()
            leader = cluster.leader_of(STREAM)
            leader.kill()
            writers.wait_for_more()
            gap = writers.longest_gap(killed)
            with capsys.disabled():
                print(f"\n{leader.name} killed; acknowledged again after {gap:.1f} s", end="")
            assert gap < RECOVERY
            leader.start()
            cluster.wait_until_ready()
        writers.stop()

        stored = {entry.event.id: entry.sequence for entry in log.read()}
        assert stored == writers.acknowledged
        assert log.usage().events == len(stored), "something is there twice"


def test_with_one_of_three_left_it_is_said_that_the_outcome_is_unknown(
    cluster: ek.NatsCluster,
) -> None:
    event = ek.Event("b", 1)
    with ek.open_log(cluster.url, replicas=3, timeout=LONG) as log:
        before = log.append(ek.Event("b", 0))
    left = cluster.nodes[0]
    with ek.open_log(left.url, timeout=2) as log:
        for node in cluster.nodes[1:]:
            node.kill()
        with pytest.raises(ek.OutcomeUnknown, match="more than half of its cluster"):
            log.append(event)
    for node in cluster.nodes[1:]:
        node.start()
    cluster.wait_until_ready()
    with ek.open_log(cluster.url, timeout=LONG) as log:
        log.append(event)
        assert [entry.data for entry in log.read(before - 1, "b")] == [0, 1]
