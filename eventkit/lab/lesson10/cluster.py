"""Clusters of three that lose their leader while events are appended."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import eventkit as ek

from ..course.session import Table

if TYPE_CHECKING:
    from ...nats import NatsCluster

APPENDS = 40
WAYS = ("killed", "frozen")


class Ended(NamedTuple):
    """How many appends were acknowledged and what is stored; how long one took when the leader was
    lost, and usually, in seconds; and what an append came to with one of three nodes left.
    """

    acknowledged: int
    stored: int
    gap: float
    usual: float
    alone: str


def lose_leaders() -> dict[str, Ended]:
    """Run two clusters side by side. One loses its leader to kill -9, the other's is frozen."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(WAYS, pool.map(_lose_the_leader, WAYS), strict=True))


def leaders_table(ended: dict[str, Ended]) -> Table:
    """Return a table of what each cluster had stored in the end."""
    return Table(
        ["the leader is", "acknowledged", "in the log", "with one of three left"],
        [[how, one.acknowledged, one.stored, one.alone] for how, one in ended.items()],
    )


def gaps_table(ended: dict[str, Ended]) -> Table:
    """Return a table of the time without a leader, and of the time that an append takes usually."""
    return Table(
        ["the leader is", "without a leader (s)", "an append, usually (ms)"],
        [[how, f"{one.gap:.1f}", f"{one.usual * 1e3:.1f}"] for how, one in ended.items()],
    )


def _lose_the_leader(how: str) -> Ended:
    """Append to a cluster of three, lose its leader half-way, and in the end another node."""
    from ...nats import NatsCluster

    with NatsCluster(3) as cluster, _sure(lambda: _copied(cluster)) as log:
        times = [_timed_append(log) for _ in range(APPENDS // 2)]
        leader = cluster.leader_of("eventlog_lesson")
        leader.kill() if how == "killed" else leader.freeze()
        times += [_timed_append(log) for _ in range(APPENDS // 2)]
        stored = len(_sure(lambda: list(log.read())))

        next(node for node in cluster if node is not leader).kill()
        return Ended(len(times), stored, max(times), statistics.median(times), _append_alone(log))


def _copied(cluster: NatsCluster) -> ek.EventLog:
    """Return a log of which every node has a copy. A node silent for a second counts as gone."""
    return ek.open_log(
        cluster.url, name="lesson", replicas=3, timeout=2.0, ping_interval=1, connect_timeout=1
    )


def _timed_append(log: ek.EventLog) -> float:
    """Append an event, as often as it takes. Return the seconds that it took."""
    click = ek.Event("button.click")
    began = time.perf_counter()
    _sure(lambda: log.append(click))
    return time.perf_counter() - began


def _append_alone(log: ek.EventLog) -> str:
    try:
        log.append(ek.Event("button.click"))
    except ek.LogError:
        return "an error"
    return "stored"


def _sure(do: Callable[[], Any]) -> Any:
    """Do it until it is known to be done, as `sure` in the lesson does."""
    while True:
        try:
            return do()
        except (ek.OutcomeUnknown, ek.LogUnusable):
            pass
