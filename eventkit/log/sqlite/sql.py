"""SQL that several modules of this package share."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

from ...topics import matches

ROW = "sequence, cast(body as blob), stored"  # another program may have stored another type
ROWS = f"select {ROW} from events"
fits_pattern = lru_cache(maxsize=10_000)(matches)


def fitting(pattern: str) -> tuple[str, tuple[Any, ...]]:
    """Return a condition for events whose topic matches, and its values."""
    if pattern == ">":
        return "1", ()
    if any(word in ("*", ">") for word in pattern.split(".")):
        return "fits(?, topic)", (pattern,)
    return "topic = ?", (pattern,)


def last_on(sql: sqlite3.Cursor, topic: str) -> int:
    """Return the sequence of the last event on a topic, 0 if there is none."""
    row = sql.execute("select max(sequence) from events where topic = ?", (topic,)).fetchone()
    return row[0] or 0


def get(sql: sqlite3.Cursor, name: str) -> Any:
    return sql.execute("select value from settings where name = ?", (name,)).fetchone()[0]


def put(sql: sqlite3.Cursor, **values: int | None) -> None:
    sql.executemany(
        "update settings set value = ? where name = ?", [(v, name) for name, v in values.items()]
    )
