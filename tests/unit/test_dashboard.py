"""The dashboard: a system of one's own, sent visitors, held up, forged at and restarted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventkit.lab import Dashboard
from eventkit.lab.lesson12.grader.reference import build
from eventkit.testing import LONG, wait_until


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    dashboard = Dashboard(build, seconds=0)
    yield dashboard
    dashboard.bus.assert_clean()
    dashboard.end()


def do(dashboard: Dashboard, *what: str) -> Dashboard:
    for one in what:
        dashboard.do(one)
    dashboard.bus.drain(LONG)
    return dashboard


def test_who_comes_in_is_counted_once_however_often_reported(dashboard: Dashboard) -> None:
    do(dashboard, "one", "again", "again")
    wait_until(lambda: dashboard.count == 1)
    assert dashboard.doors == {"in": 1}
    assert "was reported again: in" in dashboard.text()


def test_again_repeats_the_last_accepted_visitor_not_a_refused_one(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush", "one", "release")
    wait_until(lambda: dashboard.count == 24)
    do(dashboard, "again")
    do(dashboard, "one")  # the count is published in order: this one would be the 26th
    wait_until(lambda: dashboard.count >= 25)
    assert dashboard.count == 25
    assert dashboard.doors["in"] == 25


def test_again_without_an_accepted_visitor_reports_none(dashboard: Dashboard) -> None:
    assert "No visitor has been accepted yet" in do(dashboard, "again").text()


def test_who_finds_it_full_is_refused_while_the_printers_stick(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush")
    assert dashboard.doors == {"in": 24, "QueueFull": 6}
    assert dashboard.count == 0
    do(dashboard, "release")
    wait_until(lambda: dashboard.count == 24)
    assert dashboard.notices == 1


def test_a_forged_message_is_denied(dashboard: Dashboard) -> None:
    do(dashboard, "forge")
    assert (dashboard.denied, dashboard.count) == (1, 0)
    assert "north door: PermissionDenied" in dashboard.text()


def test_after_a_restart_the_count_goes_on(dashboard: Dashboard) -> None:
    do(dashboard, "one", "restart", "one")
    wait_until(lambda: dashboard.count == 2)


def test_what_cannot_happen_is_refused_and_what_can_is_listed(dashboard: Dashboard) -> None:
    with pytest.raises(ValueError, match="what can happen is one, rush"):
        dashboard.do("dance")


def test_it_can_be_ended_twice_and_while_the_printers_stick(dashboard: Dashboard) -> None:
    do(dashboard, "stick", "rush")
    dashboard.end()
    dashboard.end()
