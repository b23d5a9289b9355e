"""SqliteConsumer: claims, leases, acknowledgements and dead letters."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from ...checks import seconds
from .. import (
    Consumer,
    Delivery,
    LogUnusable,
    Progress,
    check_claim,
    check_sequences,
    claim_lost,
    consumer_gone,
    other_pattern,
)
from ..paging import entry_of, entry_or_bytes, report_damaged
from .sql import ROW, fitting
from .store import Store
from .tail import Tail

_MAX_TRIES = "(select max_tries from consumers where name = consumer)"
_IS_DEAD = f"(due is null or (due <= ? and tries >= {_MAX_TRIES}))"


class SqliteConsumer(Consumer):
    """A row in `consumers`, and a row in `deliveries` for each entry that was claimed and is not
    acknowledged. It keeps a reference to its `log`, because a log without references is closed.
    """

    def __init__(self, log: object, store: Store, name: str, topic: str, max_tries: int) -> None:
        self.name = name
        self.topic = topic
        self.max_tries = max_tries
        self._log = log
        self._store = store

    def enrol(self, sql: sqlite3.Cursor, after: int) -> None:
        """Create the consumer, or update it if it exists. Raises ValueError for another topic."""
        row = sql.execute("select topic from consumers where name = ?", (self.name,)).fetchone()
        if row and row[0] != self.topic:
            raise other_pattern(self.name, row[0], self.topic)
        sql.execute(
            "insert into consumers values (?, ?, ?, ?) "
            "on conflict do update set max_tries = excluded.max_tries "
            "where max_tries <> excluded.max_tries",
            (self.name, self.topic, self.max_tries, after),
        )

    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        check_claim(n, lease, wait)
        mark = int.from_bytes(os.urandom(7), "big")

        def attempt() -> list[Delivery]:
            found, damaged = self._store.do(
                lambda sql: self._claim(sql, n, lease, mark), durable=False
            )
            for sequence, problem in damaged.items():
                report_damaged(sequence, problem)
            return found

        return self._store.until(attempt, wait)

    def ack(self, *deliveries: Delivery) -> None:
        self._settle("delete from deliveries", (), deliveries, durable=True)

    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        seconds("delay", delay)
        self._settle(
            f"update deliveries set claim = 0, due = case when tries < {_MAX_TRIES} then ? end",
            (self._store.clock() + delay,),
            deliveries,
        )

    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        seconds("lease", lease, above_zero=True)
        due = self._store.clock() + lease
        self._settle("update deliveries set due = ?", (due,), deliveries)

    def dead_letters(self) -> list[Delivery]:
        rows = self._store.ask(
            lambda sql: sql.execute(
                f"select tries, claim, {ROW} from deliveries join events using (sequence) "
                f"where consumer = ? and {_IS_DEAD} order by sequence",
                (self.name, self._store.clock()),
            ).fetchall()
        )
        return [Delivery(entry_or_bytes(*row), tries, claim) for tries, claim, *row in rows]

    def put_back(self, *sequences: int) -> int:
        return self._change_dead("update deliveries set tries = 0, due = 0, claim = 0", sequences)

    def discard(self, *sequences: int) -> int:
        return self._change_dead("delete from deliveries", sequences)

    def progress(self) -> Progress:
        fits, values = fitting(self.topic)

        def count(sql: sqlite3.Cursor) -> Progress:
            (waiting,) = sql.execute(
                f"select count(*) from events where sequence > ? and {fits}",
                (self._position(sql), *values),
            ).fetchone()
            everything, dead = sql.execute(
                f"select count(*), coalesce(sum({_IS_DEAD}), 0) from deliveries where consumer = ?",
                (self._store.clock(), self.name),
            ).fetchone()
            return Progress(waiting, everything - dead, dead)

        return self._store.ask(count)

    def remove(self) -> None:
        def work(sql: sqlite3.Cursor) -> None:
            sql.execute("delete from deliveries where consumer = ?", (self.name,))
            sql.execute("delete from consumers where name = ?", (self.name,))

        self._store.do(work)

    def _claim(
        self, sql: sqlite3.Cursor, n: int, lease: float, mark: int
    ) -> tuple[list[Delivery], dict[int, LogUnusable]]:
        """Claim until there is a readable entry. Damaged entries become dead letters."""
        found: list[Delivery] = []
        damaged: dict[int, LogUnusable] = {}
        while not found:
            now = self._store.clock()
            rows = self._claim_again(sql, n, now, now + lease, mark)
            rows += self._claim_new(sql, n - len(rows), now + lease, mark)
            if not rows:
                break
            for tries, *row in rows:
                try:
                    found.append(Delivery(entry_of(*row), tries, mark))
                except LogUnusable as problem:
                    damaged[row[0]] = problem
        sql.executemany(
            "update deliveries set due = null where consumer = ? and sequence = ?",
            [(self.name, sequence) for sequence in damaged],
        )
        return found, damaged

    def _claim_again(
        self, sql: sqlite3.Cursor, n: int, now: float, until: float, mark: int
    ) -> list[tuple[Any, ...]]:
        """Claim entries whose lease or delay has ended. After the last try they are dead."""
        is_due = "select 1 from deliveries where consumer = ? and due <= ? limit 1"
        if not sql.execute(is_due, (self.name, now)).fetchone():
            return []
        sql.execute(
            "update deliveries set due = null "
            f"where consumer = ? and due <= ? and tries >= {_MAX_TRIES}",
            (self.name, now),
        )
        rows = sql.execute(
            f"select tries + 1, {ROW} from deliveries join events using (sequence) "
            "where consumer = ? and due <= ? order by due, sequence limit ?",
            (self.name, now, n),
        ).fetchall()
        sql.executemany(
            "update deliveries set tries = tries + 1, due = ?, claim = ? "
            "where consumer = ? and sequence = ?",
            [(until, mark, self.name, sequence) for _, sequence, *_ in rows],
        )
        return rows

    def _claim_new(
        self, sql: sqlite3.Cursor, n: int, until: float, mark: int
    ) -> list[tuple[Any, ...]]:
        position = self._position(sql)
        if n == 0:
            return []
        fits, values = fitting(self.topic)
        rows = sql.execute(
            f"select 1, {ROW} from events where sequence > ? and {fits} order by sequence limit ?",
            (position, *values, n),
        ).fetchall()
        # after the last entry found, or after all entries if no more match
        end = rows[-1][1] if len(rows) == n else Tail(sql).last
        if end > position:
            sql.execute("update consumers set position = ? where name = ?", (end, self.name))
        sql.executemany(
            "insert into deliveries values (?, ?, 1, ?, ?)",
            [(self.name, sequence, until, mark) for _, sequence, *_ in rows],
        )
        return rows

    def _position(self, sql: sqlite3.Cursor) -> int:
        """Return the last sequence ever claimed. Raises LogError if the consumer was removed."""
        row = sql.execute("select position from consumers where name = ?", (self.name,)).fetchone()
        if row is None:
            raise consumer_gone(self.name)
        position: int = row[0]
        return position

    def _settle(
        self, change: str, values: tuple[Any, ...], deliveries: tuple[Delivery, ...], *,
        durable: bool = False,
    ) -> None:  # fmt: skip
        statement = f"{change} where consumer = ? and sequence = ? and claim = ?"

        def work(sql: sqlite3.Cursor) -> list[int]:
            return [
                one.sequence
                for one in deliveries
                if not sql.execute(
                    statement, (*values, self.name, one.sequence, one.claim)
                ).rowcount
            ]

        if lost := self._store.do(work, durable=durable):
            raise claim_lost(self.name, lost)

    def _change_dead(self, change: str, sequences: tuple[int, ...]) -> int:
        check_sequences(sequences)

        def work(sql: sqlite3.Cursor) -> int:
            values = (self.name, self._store.clock())
            statement = f"{change} where consumer = ? and {_IS_DEAD}"
            if not sequences:
                return sql.execute(statement, values).rowcount
            statement += " and sequence = ?"
            return sum(sql.execute(statement, (*values, one)).rowcount for one in sequences)

        return self._store.do(work)
