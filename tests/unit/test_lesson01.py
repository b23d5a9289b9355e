"""Lesson 01: its tables say what the record says, and its listing is judged by Python itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

import eventkit as ek
from eventkit.lab.lesson01 import listing
from eventkit.lab.lesson01.listing import eventlet_offers, python_says
from eventkit.lab.lesson01.quiet_log import log_to_string
from eventkit.lab.lesson01.tables import journeys_table, times_table


@pytest.fixture
def timeline(bus: ek.EventBus) -> ek.Timeline:
    """What a bus recorded of one event with a processor, and of its result."""

    @bus.processor("a", emits="b")
    def work(event: ek.Event) -> int:
        return 1

    @bus.listener("b")
    def show(event: ek.Event) -> None:
        pass

    with bus.record() as timeline:
        bus.fire("a")
    return timeline


def test_the_table_of_journeys_numbers_events_from_0_and_names_the_cause(
    timeline: ek.Timeline,
) -> None:
    lines = [line.split() for line in repr(journeys_table(timeline)).splitlines()]

    assert lines[1:] == [
        ["0", "a", "work", "MainThread", "ok"],
        ["1", "b", "0", "show", "MainThread", "ok"],
    ]


def test_the_table_of_times_ends_with_the_time_of_fire(timeline: ek.Timeline) -> None:
    shown = repr(times_table(timeline, took=0.3007)).splitlines()

    assert [line.split()[0] for line in shown[1:-1]] == ["work", "show"]
    assert shown[-1].split() == ["fire", "returned", "after", "300.7"]


@pytest.mark.parametrize("installed", [True, False])
def test_eventlet_has_no_bus_but_spawns(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(listing, "find_spec", lambda name: None)
    assert eventlet_offers("bus") == "not there"
    assert "spawn" in eventlet_offers("spawn")


def test_what_python_says_is_the_value_or_the_error() -> None:
    assert python_says(lambda: 6 * 7) == 42
    assert python_says(lambda: int("x")) == (
        "ValueError: invalid literal for int() with base 10: 'x'"
    )


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("eventkit")
    handlers, propagate = list(logger.handlers), logger.propagate
    yield logger
    logger.handlers[:], logger.propagate = handlers, propagate


def test_a_diverted_log_goes_to_the_string_and_nowhere_else(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_to_string()
    logger.error("out of paper")

    assert log.getvalue() == "out of paper\n"
    assert caplog.records == []
