"""SqliteLog: the EventLog contract, in SQL."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterable

from ...event import CloudEvent, Event
from ...topics import check_topic
from .. import (
    Conflict,
    Consumer,
    Lock,
    Packed,
    QuotaExceeded,
    Usage,
    check_append,
    check_consumer,
    check_lock,
    check_quota,
    check_trim,
    pack,
)
from ..paging import PagedLog
from .consumer import SqliteConsumer
from .lock import SqliteLock, check_fence
from .sql import fitting, last_on, put
from .store import Store
from .tail import Tail

_TRIM_AT_ONCE = 10_000  # entries
_LARGEST = 256 * 1024 * 1024  # bytes of an event; SQLite's own limit is 1,000 million


class SqliteLog(PagedLog):
    """The EventLog contract, in SQL."""

    store: Store

    def __init__(self, store: Store) -> None:
        self.store = store
        weakref.finalize(self, store.close)  # if the caller does not

    def __repr__(self) -> str:
        return f"<log in {self.store.path!r}>"

    def append(
        self, event: Event | CloudEvent, *, expect: int | None = None, fence: int | None = None
    ) -> int:
        check_append(expect, fence)
        packed = _pack(event)

        def work(sql: sqlite3.Cursor) -> int:
            tail, now = Tail(sql), self.store.clock()
            if (first := tail.find(packed)) is not None:
                return first
            _check_expected(sql, packed.topic, expect)
            check_fence(sql, fence, now)
            return tail.add(packed, now)

        return self.store.do(work)

    def append_all(self, events: Iterable[Event | CloudEvent]) -> list[int]:
        packed = [_pack(event) for event in events]
        return self.store.do(lambda sql: Tail(sql).add_all(packed, self.store.clock()))

    @property
    def last_sequence(self) -> int:
        return self.store.ask(_last_sequence)

    def last_sequence_of(self, topic: str) -> int:
        check_topic(topic)
        return self.store.ask(lambda sql: last_on(sql, topic))

    def consumer(
        self, name: str, topic: str = ">", *, max_tries: int = 5, after: int = 0
    ) -> Consumer:
        check_consumer(name, topic, max_tries, after)
        asked = SqliteConsumer(self, self.store, name, topic, max_tries)
        self.store.do(lambda sql: asked.enrol(sql, after))
        return asked

    def consumers(self) -> list[Consumer]:
        query = "select name, topic, max_tries from consumers order by name"
        rows = self.store.ask(lambda sql: sql.execute(query).fetchall())
        return [SqliteConsumer(self, self.store, *row) for row in rows]

    def lock(self, name: str, ttl: float = 10.0, *, wait: float = 0.0) -> Lock:
        check_lock(name, ttl, wait)
        self.store.check_open()
        return SqliteLock(self, self.store, name, ttl, wait)

    def set_quota(self, events: int | None = None, bytes: int | None = None) -> None:
        check_quota(events, bytes)
        self.store.do(lambda sql: put(sql, max_events=events, max_bytes=bytes))

    def usage(self) -> Usage:
        return self.store.ask(lambda sql: Tail(sql).usage())

    def trim(
        self, *, keep: int | None = None, older_than: float | None = None, unread: bool = False
    ) -> int:
        check_trim(keep, older_than)
        removed = 0
        while some := self.store.do(
            lambda sql: self._trim_some(sql, keep, older_than, unread=unread)
        ):
            removed += some  # in parts, so that no writer waits for long
        return removed

    def _trim_some(
        self, sql: sqlite3.Cursor, keep: int | None, older_than: float | None, *, unread: bool
    ) -> int:
        tail = Tail(sql)
        end = min(tail.last, tail.removed + _TRIM_AT_ONCE)
        if keep is not None:
            end = min(end, tail.last - keep)
        if older_than is not None:
            end = min(end, _last_before(sql, self.store.clock() - older_than, end))
        if not unread:
            for row in sql.execute("select name, topic, position from consumers").fetchall():
                end = min(end, _first_unacknowledged(sql, *row, end=end) - 1)
        if end <= tail.removed:
            return 0
        (size,) = sql.execute(
            "select bytes_so_far from events where sequence = ?", (end,)
        ).fetchone()
        for table in ("events", "deliveries"):
            sql.execute(f"delete from {table} where sequence <= ?", (end,))
        put(sql, removed=end, removed_bytes=size)
        return end - tail.removed

    def backup(self, path: str | os.PathLike[str]) -> None:
        self.store.backup(os.path.abspath(os.fspath(path)))

    def close(self) -> None:
        self.store.close()


def _pack(event: Event | CloudEvent) -> Packed:
    packed = pack(event)
    if len(packed.body) > _LARGEST:
        raise QuotaExceeded(
            f"an event of {len(packed.body):,} bytes is too large: at most {_LARGEST:,}. Store "
            "such data elsewhere, and its location in the event."
        )
    return packed


def _last_sequence(sql: sqlite3.Cursor) -> int:
    return Tail(sql).last


def _last_before(sql: sqlite3.Cursor, moment: float, end: int) -> int:
    """Return the last sequence, at most `end`, before the first entry stored since that moment."""
    row = sql.execute(
        "select sequence from events where sequence <= ? and stored >= ? order by sequence limit 1",
        (end, moment),
    ).fetchone()
    return row[0] - 1 if row else end


def _first_unacknowledged(
    sql: sqlite3.Cursor, name: str, topic: str, position: int, *, end: int
) -> int:
    """Return the first sequence that a consumer still needs, or `end + 1` if there is none."""
    fits, values = fitting(topic)
    row = sql.execute(
        f"select sequence from events where sequence > ? and sequence <= ? and {fits} "
        "order by sequence limit 1",
        (position, end, *values),
    ).fetchone()
    (claimed,) = sql.execute(
        "select min(sequence) from deliveries where consumer = ?", (name,)
    ).fetchone()
    return min(row[0] if row else end + 1, end + 1 if claimed is None else claimed)


def _check_expected(sql: sqlite3.Cursor, topic: str, expect: int | None) -> None:
    if expect is not None and (found := last_on(sql, topic)) != expect:
        raise Conflict(topic, expect, found)
