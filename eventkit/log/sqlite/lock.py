"""SqliteLock: a lock that expires, and its fencing token."""

from __future__ import annotations

import sqlite3

from .. import Held, Lock, lock_lost
from .sql import get, put
from .store import Store


class SqliteLock(Lock):
    """A row in `locks` while it is held. All locks of a log share one counter of tokens.

    It keeps a reference to its `log`, because a log without references is closed.
    """

    def __init__(self, log: object, store: Store, name: str, ttl: float, wait: float) -> None:
        self.name = name
        self.ttl = ttl
        self._wait = wait
        self._log = log
        self._store = store

    def acquire(self) -> int:
        left = 0.0

        def work(sql: sqlite3.Cursor) -> int | None:
            nonlocal left
            now = self._store.clock()
            row = sql.execute("select until from locks where name = ?", (self.name,)).fetchone()
            if row and row[0] > now:
                left = row[0] - now
                return None
            token: int = get(sql, "last_token") + 1
            put(sql, last_token=token)
            sql.execute(
                "insert or replace into locks values (?, ?, ?)", (self.name, token, now + self.ttl)
            )
            return token

        token = self._store.until(lambda: self._store.do(work), self._wait)
        if token is None:
            raise Held(self.name, left)
        self._token = token
        return token

    def renew(self) -> None:
        token = self.token

        def work(sql: sqlite3.Cursor) -> None:
            now = self._store.clock()
            check_fence(sql, token, now)
            sql.execute("update locks set until = ? where token = ?", (now + self.ttl, token))

        self._store.do(work, durable=False)

    def release(self) -> bool:
        if self._token is None:
            return False
        statement = "delete from locks where token = ? returning until > ?"

        def work(sql: sqlite3.Cursor) -> bool:
            held = sql.execute(statement, (self._token, self._store.clock())).fetchall()
            return held == [(1,)]

        return self._store.do(work, durable=False)


def check_fence(sql: sqlite3.Cursor, token: int | None, now: float) -> None:
    if token is None:
        return
    row = sql.execute("select until from locks where token = ?", (token,)).fetchone()
    if row is None or row[0] <= now:
        raise lock_lost(token, has_ended=row is not None)
