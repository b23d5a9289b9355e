"""docs/concepts.md: every public name of eventkit has its place in the map."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import eventkit as ek

PUBLIC = {name for name in dir(ek) if not inspect.ismodule(getattr(ek, name))}
PAGE = (Path(ek.__file__).parents[1] / "docs" / "concepts.md").read_text(encoding="utf-8")
MAP, _, NOT_MAPPED = PAGE.partition("## Not mapped")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in MAP.splitlines()
    if line.startswith("| ")
]
SYSTEMS = ["Axon", "Spring", "eventlet", "asyncio", "ReactiveX", "Node", "NATS", "Kafka"]


def names(text: str) -> set[str]:
    """The names that stand between backticks."""
    return {
        name for code in re.findall(r"`([^`]+)`", text) for name in re.findall(r"[A-Za-z_]+", code)
    }


OURS = {name for row in ROWS for name in names(row[0])}


def test_every_public_name_is_in_a_first_column_or_said_to_be_left_out() -> None:
    missing = PUBLIC - OURS - names(NOT_MAPPED)
    assert not missing, "give them a row in docs/concepts.md, or name them under 'Not mapped'"


def test_the_first_columns_name_nothing_that_eventkit_does_not_have() -> None:
    assert {name for name in OURS if name[0].isupper()} <= PUBLIC
    assert names(NOT_MAPPED) <= PUBLIC


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_says_something_of_all_eight_systems(row: list[str]) -> None:
    assert len(row) == 1 + len(SYSTEMS)
    assert all(row)


def test_each_table_has_the_systems_in_the_same_order() -> None:
    heads = [row for row in ROWS if row[0] == "eventkit"]
    assert heads
    assert all(row[1:] == SYSTEMS for row in heads)
