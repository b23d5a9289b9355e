"""Tail: where a log ends, and what may still be added."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from .. import Packed, Usage, no_room
from .sql import put

_NEWEST = 100
_ADD = """
    insert into events select ?, ?, ?, ?, ?, ?, ?
    where not exists (select 1 from identities where source = ? and id = ?)
"""
# Events in one statement. Each has nine values, of which older SQLite takes 999; and each number
# of them is another statement, of which Python keeps 128 prepared.
_AT_ONCE = 64


class Tail:
    """Where the log ends, and what may still be added.

    Each page that a commit changes is another one to write and sync. So the newest events are not
    in the tables `identities` and `topics` yet: their identities are kept here, and every hundred
    events those are entered together.
    """

    def __init__(self, last: int, size: int, settings: dict[str, Any]) -> None:
        self.removed: int = settings["removed"]
        self.last = last or self.removed
        self._removed_bytes: int = settings["removed_bytes"]
        self._bytes_so_far = size if last else self._removed_bytes
        self._max_events: int | None = settings["max_events"]
        self._max_bytes: int | None = settings["max_bytes"]
        self._indexed: int = settings["indexed"]
        self._newest: dict[tuple[str, str], int] = {}

    @classmethod
    def of(cls, sql: sqlite3.Cursor) -> Tail:
        row = sql.execute(
            "select sequence, bytes_so_far from events order by sequence desc limit 1"
        ).fetchone()
        settings = dict(sql.execute("select name, value from settings").fetchall())
        last, size = row or (0, 0)
        tail = cls(last, size, settings)
        newest = "select source, id, sequence from events where sequence > ?"
        for source, id, sequence in sql.execute(newest, (tail._indexed,)):
            tail._newest[source, id] = sequence
        return tail

    def find(self, sql: sqlite3.Cursor, packed: Packed) -> int | None:
        """The sequence of an event that is there already."""
        identity = packed.source, packed.id
        if identity in self._newest:
            return self._newest[identity]
        row = sql.execute(
            "select sequence from identities where source = ? and id = ?", identity
        ).fetchone()
        return None if row is None else row[0]

    def usage(self) -> Usage:
        return Usage(
            self.last - self.removed,
            self._bytes_so_far - self._removed_bytes,
            self._max_events,
            self._max_bytes,
        )

    def add(self, sql: sqlite3.Cursor, packed: Packed, now: float) -> int:
        """The sequence of the event, which is stored if it is not there. Raises QuotaExceeded."""
        topic, source, id, body = packed
        if self._is_limited or (source, id) in self._newest:
            if (first := self.find(sql, packed)) is not None:
                return first
            self._check_room(1, len(body))
        size = self._bytes_so_far + len(body)
        values = (self.last + 1, topic, source, id, now, size, body, source, id)
        added = sql.execute(_ADD, values)
        if not added.rowcount:
            first = self.find(sql, packed)
            assert first is not None
            return first
        self.last += 1
        self._bytes_so_far = size
        self._newest[source, id] = self.last
        if self.is_full and sql.connection.in_transaction:
            self._enter_newest(sql)
        return self.last

    def add_all(self, sql: sqlite3.Cursor, events: list[Packed], now: float) -> list[int]:
        """As `add`, for many. Raises QuotaExceeded, and stores none, unless those that are not
        there yet have room together.
        """
        self._check_room_for(sql, events)
        sequences: list[int] = []
        for start in range(0, len(events), _AT_ONCE):
            some = events[start : start + _AT_ONCE]
            sequences += self.add_new(sql, some, now) or [self.add(sql, e, now) for e in some]
        return sequences

    def add_new(self, sql: sqlite3.Cursor, events: list[Packed], now: float) -> Sequence[int]:
        """Their sequences, all stored by one statement. None is if there is a quota to look after,
        if they are too many for a statement, or some are there already.
        """
        if self._is_limited or len(events) > _AT_ONCE:
            return ()
        last, size, values = self.last, self._bytes_so_far, []
        new = {}
        for topic, source, id, body in events:
            last += 1
            size += len(body)
            values += [last, topic, source, id, now, size, body]
            new[source, id] = last
        if len(new) < len(events) or not new.keys().isdisjoint(self._newest.keys()):
            return ()
        if not sql.execute(_adding(len(events)), [*values, *chain(*new)]).rowcount:
            return ()
        self.last, self._bytes_so_far = last, size
        self._newest |= new
        if self.is_full and sql.connection.in_transaction:
            self._enter_newest(sql)
        return range(last - len(events) + 1, last + 1)

    @property
    def is_full(self) -> bool:
        """Whether it is time to enter the newest, which takes a transaction."""
        return len(self._newest) >= _NEWEST

    def _enter_newest(self, sql: sqlite3.Cursor) -> None:
        for table, columns in (("identities", "source, id"), ("topics", "topic")):
            sql.execute(
                f"insert into {table} select {columns}, sequence from events where sequence > ?",
                (self._indexed,),
            )
        put(sql, indexed=self.last)
        self._indexed = self.last
        self._newest.clear()

    def _check_room_for(self, sql: sqlite3.Cursor, events: list[Packed]) -> None:
        if self._is_limited:
            new = {
                (one.source, one.id): len(one.body) for one in events if self.find(sql, one) is None
            }
            self._check_room(len(new), sum(new.values()))

    @property
    def _is_limited(self) -> bool:
        return self._max_events is not None or self._max_bytes is not None

    def _check_room(self, events: int, size: int) -> None:
        used = self.usage()
        for what, has, more, most in (
            ("events", used.events, events, used.max_events),
            ("bytes", used.bytes, size, used.max_bytes),
        ):
            if most is not None and has + more > most:
                raise no_room(what, has, more, most)


@cache
def _adding(number: int) -> str:
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * number)
    identities = ", ".join(["(?, ?)"] * number)
    return f"""
        insert into events select * from (values {rows}) where not exists (
            with new(source, id) as (values {identities})
            select 1 from new cross join identities using (source, id)
        )
    """
