"""Lesson 00: clicks at given moments, the table of their waits, and the order of the stages."""

from __future__ import annotations

import asyncio
import time

import pytest

from eventkit.lab.lesson00.exercise import diagnose, journey
from eventkit.lab.lesson00.timed_clicks import TimedClicks, waits_table


def test_a_click_waits_while_a_cell_blocks_the_loop() -> None:
    async def cell() -> tuple[int, TimedClicks]:
        clicks = TimedClicks(work=0.0)
        clicks.begin([0.0, 0.15])
        time.sleep(0.1)
        before = len(clicks.started)
        await clicks.all_started()
        return before, clicks

    before, clicks = asyncio.run(cell())
    assert before == 0
    first, second = clicks.waits()
    assert first >= 0.1 and second >= 0
    assert clicks.started == sorted(clicks.started)
    assert clicks.now() >= clicks.started[-1]


def test_a_new_beginning_forgets_the_clicks_before() -> None:
    async def cell() -> TimedClicks:
        clicks = TimedClicks(work=0.0)
        for _ in range(2):
            clicks.begin([0.0])
            await clicks.all_started()
        return clicks

    assert len(asyncio.run(cell()).started) == 1


def test_the_callback_keeps_the_thread_for_its_work() -> None:
    clicks = TimedClicks(work=0.02)
    clicks.begin([])
    clicks.button.click()
    assert clicks.now() - clicks.started[0] >= 0.02


def test_the_table_shows_waits_in_milliseconds_beside_the_moments() -> None:
    sleeping, awaiting, measured = [0.9, 0], [0.0014, 0], [0.91, 0.001]

    shown = repr(waits_table([0.1, 1.3], [sleeping], [awaiting])).splitlines()
    assert shown[0].split("  ")[1:] == [
        "the cell sleeps: waits (ms)",
        "the cell awaits: waits (ms)",
    ]
    assert [line.split() for line in shown[1:]] == [["0.1", "900", "1"], ["1.3", "0", "0"]]

    shown = repr(waits_table([0.1, 1.3], [sleeping, measured], [awaiting, measured])).splitlines()
    assert shown[0].count("predicted (ms)") == shown[0].count("measured (ms)") == 2
    assert shown[1].split() == ["0.1", "900", "910", "1", "910"]
    with pytest.raises(ValueError, match="shorter"):
        waits_table([0.1, 1.3], [sleeping], [[0.9]])


def test_small_letters_are_letters() -> None:
    assert diagnose(journey().lower()) is None
    assert "cannot see your finger" in (diagnose("bgeiahcfd") or "")
