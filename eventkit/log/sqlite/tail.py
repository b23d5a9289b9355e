"""Tail: the end of a log, where events are added, and the quota."""

from __future__ import annotations

import sqlite3

from .. import Packed, Usage, no_room


class Tail:
    """The end of the log and its quota, as one transaction sees them."""

    def __init__(self, sql: sqlite3.Cursor) -> None:
        settings = dict(sql.execute("select name, value from settings").fetchall())
        newest = "select sequence, bytes_so_far from events order by sequence desc limit 1"
        row = sql.execute(newest).fetchone()
        self.removed: int = settings["removed"]
        self.last: int
        self._bytes_so_far: int
        self.last, self._bytes_so_far = row or (self.removed, settings["removed_bytes"])
        self._removed_bytes: int = settings["removed_bytes"]
        self._max_events: int | None = settings["max_events"]
        self._max_bytes: int | None = settings["max_bytes"]
        self._sql = sql

    def find(self, packed: Packed) -> int | None:
        """Return the sequence of an event that is already stored, or None."""
        row = self._sql.execute(
            "select sequence from events where source = ? and id = ?", (packed.source, packed.id)
        ).fetchone()
        return None if row is None else row[0]

    def usage(self) -> Usage:
        """Return what the log holds, and its quota."""
        return Usage(
            self.last - self.removed,
            self._bytes_so_far - self._removed_bytes,
            self._max_events,
            self._max_bytes,
        )

    def add(self, packed: Packed, now: float) -> int:
        """Store an event unless it is there already. Return its sequence. Raises QuotaExceeded."""
        if (first := self.find(packed)) is not None:
            return first
        topic, source, id, body = packed
        self._check_room(1, len(body))
        self.last += 1
        self._bytes_so_far += len(body)
        self._sql.execute(
            "insert into events values (?, ?, ?, ?, ?, ?, ?)",
            (self.last, topic, source, id, now, self._bytes_so_far, body),
        )
        return self.last

    def add_all(self, events: list[Packed], now: float) -> list[int]:
        """Store many events as `add` does. Raises QuotaExceeded, and stores none, unless all that
        are new fit.
        """
        new = {(one.source, one.id): len(one.body) for one in events if self.find(one) is None}
        self._check_room(len(new), sum(new.values()))
        return [self.add(one, now) for one in events]

    def _check_room(self, events: int, size: int) -> None:
        used = self.usage()
        for what, has, more, most in (
            ("events", used.events, events, used.max_events),
            ("bytes", used.bytes, size, used.max_bytes),
        ):
            if most is not None and has + more > most:
                raise no_room(what, has, more, most)
