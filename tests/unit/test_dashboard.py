"""The dashboard: a system of one's own, sent visitors, held up, forged at, restarted and killed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import eventkit as ek
from eventkit.lab import Dashboard
from eventkit.lab.lesson12.grader.reference import build
from eventkit.testing import LONG, wait_until


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    dashboard = Dashboard(build, seconds=0)
    yield dashboard
    dashboard.bus.assert_clean()
    dashboard.end()


def bus_with_doors() -> ek.EventBus:
    policy = ek.AccessPolicy()
    for door in ("north", "south"):
        policy.allow(door, publish=f"door.{door}")
    return ek.EventBus(policy)


def forgetful(path: str, work: Callable[[int], None], target: int) -> SimpleNamespace:
    """Build a system that keeps nothing on disk."""
    bus = bus_with_doors()
    counted = itertools.count(1)

    def serve(event: ek.Event) -> None:
        work(event.data["visitor"])
        bus.fire("count.changed", {"count": next(counted), **event.data})

    bus.subscribe("door.*", serve, executor=ek.Threads(4))
    return SimpleNamespace(bus=bus, start=lambda: None, close=bus.close)


def inline(path: str, work: Callable[[int], None], target: int) -> SimpleNamespace:
    """Build a system whose doors wait for the printer."""
    bus = bus_with_doors()
    bus.subscribe("door.*", lambda event: work(event.data["visitor"]))
    return SimpleNamespace(bus=bus, start=lambda: None, close=bus.close)


def processes() -> list[psutil.Process]:
    """The processes that hold a system."""
    return [
        one for one in psutil.Process().children(recursive=True)
        if "lesson12.served" in " ".join(one.cmdline())
    ]  # fmt: skip


def do(dashboard: Dashboard, *what: str) -> Dashboard:
    for one in what:
        dashboard.do(one)
    dashboard.bus.drain(LONG)
    return dashboard


def test_who_comes_in_is_counted_once_however_often_reported(dashboard: Dashboard) -> None:
    do(dashboard, "one", "again", "again")
    wait_until(lambda: dashboard.floor.count == 1)
    assert dashboard.floor.doors == {"in": 1}
    assert "was reported again: in" in dashboard.text()


def test_again_repeats_the_last_accepted_visitor_not_a_refused_one(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush", "one", "release")
    wait_until(lambda: dashboard.floor.count == 24)
    do(dashboard, "again")
    do(dashboard, "one")  # the count is published in order: this one would be the 26th
    wait_until(lambda: dashboard.floor.count >= 25)
    assert dashboard.floor.count == 25
    assert dashboard.floor.doors["in"] == 25


def test_again_without_an_accepted_visitor_reports_none(dashboard: Dashboard) -> None:
    assert "No visitor has been accepted yet" in do(dashboard, "again").text()


def test_who_finds_it_full_is_refused_while_the_printers_stick(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush")
    assert dashboard.floor.doors == {"in": 24, "QueueFull": 6}
    assert dashboard.floor.count == 0
    do(dashboard, "release")
    wait_until(lambda: dashboard.floor.count == 24)
    assert dashboard.floor.notices == 1


def test_a_forged_message_is_denied(dashboard: Dashboard) -> None:
    do(dashboard, "forge")
    assert (dashboard.floor.denied, dashboard.floor.count) == (1, 0)
    assert "north door: PermissionDenied" in dashboard.text()


def test_after_a_restart_the_count_goes_on(dashboard: Dashboard) -> None:
    do(dashboard, "one", "restart", "one")
    wait_until(lambda: dashboard.floor.count == 2)


def test_a_jam_is_given_up_and_all_others_are_counted(dashboard: Dashboard) -> None:
    do(dashboard, "jam", "one")
    wait_until(lambda: dashboard.floor.count == 1 and dashboard.floor.failed == [1])
    assert dashboard.floor.counted == [2]


def test_kill_ends_a_real_process_and_what_was_stored_is_served_by_another() -> None:
    dashboard = Dashboard(build, seconds=0)
    do(dashboard, "stick", "rush")
    (before,) = processes()
    do(dashboard, "kill")
    (after,) = processes()
    assert before != after and not before.is_running()
    assert f"Process {before.pid} was killed with kill -9" in dashboard.text()
    wait_until(lambda: dashboard.floor.count == 24)
    assert sorted(dashboard.floor.counted) == [*range(1, 25)]
    assert dashboard.floor.refused == [*range(25, 31)]
    assert (dashboard.floor.notices, dashboard.floor.unfinished) == (1, 0)
    dashboard.bus.assert_clean()
    dashboard.end()
    assert processes() == []


def test_kill_shows_what_a_system_that_stores_nothing_has_lost() -> None:
    dashboard = Dashboard(forgetful, seconds=0)
    do(dashboard, "stick", "rush", "kill", "one")
    wait_until(lambda: dashboard.floor.count == 1)
    assert (dashboard.floor.counted, dashboard.floor.unfinished) == ([31], 30)
    assert "30 waiting" in dashboard.text()
    dashboard.end()


def test_a_build_that_was_defined_in_a_notebook_can_be_killed() -> None:
    notebook: dict[str, Any] = {"__name__": "__main__", "MINE": 3}
    exec("def mine(path, work, target):\n    return theirs(path, work, MINE)", notebook)
    notebook["theirs"] = build
    dashboard = do(Dashboard(notebook["mine"], seconds=0), "stick", "rush", "kill")
    wait_until(lambda: dashboard.floor.notices == 1)
    wait_until(lambda: dashboard.floor.unfinished == 0)
    dashboard.end()


def test_a_system_that_cannot_be_built_says_why_and_the_panel_goes_on() -> None:
    def broken(path: str, work: object, target: int) -> None:
        raise LookupError("no museum today")

    dashboard = do(Dashboard(broken), "one", "kill")
    assert "The system has ended: LookupError: no museum today" in dashboard.text()
    dashboard.bus.assert_clean()
    dashboard.end()


def test_a_door_that_is_blocked_does_not_block_the_panel() -> None:
    dashboard = Dashboard(inline, seconds=0)
    dashboard.patience = 0.2
    do(dashboard, "stick", "rush")
    assert "30 × no answer" in dashboard.text()
    wait_until(lambda: dashboard.floor.at_printers == [1])
    assert dashboard.floor.at_door == [*range(2, 31)]
    do(dashboard, "kill")
    assert "was killed with kill -9" in dashboard.text()
    dashboard.end()


def test_what_cannot_happen_is_refused_and_what_can_is_listed(dashboard: Dashboard) -> None:
    with pytest.raises(ValueError, match="what can happen is one, rush"):
        dashboard.do("dance")


def test_it_can_be_ended_twice_and_while_the_printers_stick(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush")
    dashboard.end()
    dashboard.end()
