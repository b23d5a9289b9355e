"""The flood: how many messages each column sends for the same changes."""

from __future__ import annotations

import asyncio

from eventkit.lab.lesson02.flood import CHANGES, Column, Flood


def press(column: Column) -> None:
    column.children[0].click()


def told(column: Column) -> str:
    return str(column.children[2].value)


async def until_painted(column: Column, changes: int) -> None:
    async with asyncio.timeout(10):
        while f">{changes:,}<" not in column.children[1].value:
            await asyncio.sleep(0.01)


def test_naive_sends_a_message_for_each_change_and_coalesced_few() -> None:
    async def notebook() -> Flood:
        flood = Flood()
        for times in (1, 2):
            press(flood.naive)
            press(flood.coalesced)
            await until_painted(flood.coalesced, times * CHANGES)
        return flood

    flood = asyncio.run(notebook())

    assert flood.naive.sent == 2 * CHANGES
    assert 2 <= flood.coalesced.sent < 100
    assert "20,000 messages sent for 20,000 changes" in told(flood.naive)
    assert f"{flood.coalesced.sent} messages sent for 20,000 changes" in told(flood.coalesced)


def test_before_the_first_click_both_columns_say_the_same() -> None:
    flood = Flood()
    assert told(flood.naive) == told(flood.coalesced)
    assert [type(one) for one in flood.naive.children] == [
        type(one) for one in flood.coalesced.children
    ]
    assert flood.text() == (
        "[Flood: 10,000 updates. Flood naive: 0 messages, Flood coalesced: 0 messages]"
    )
