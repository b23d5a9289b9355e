"""Store: the file of a log, its connections, and the callers that wait for changes."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TypeVar

from .. import LogClosed, LogUnusable
from ..paging import News, Row
from .file import (
    as_ours,
    check_same,
    close_file,
    connect,
    copy_file,
    identities,
    keep_open,
    lock_beside,
    open_file,
)
from .sql import ROWS, fits_pattern, fitting
from .writer import Work, Writer

T = TypeVar("T")
Clock = Callable[[], float]

_PAGE_BYTES = 1_000_000


class Store:
    """The file and its connections: one writer, and readers as needed."""

    def __init__(self, path: str, *, create: bool, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self._lock = lock_beside(path, create=create)
        self._idle: list[sqlite3.Connection] = []  # readers that are not in use
        self._refusal = ""  # why work is refused
        self._is_parents = False
        self._news = News()
        self._writer = Writer(
            self._connect, self._lock, self._check_files, self._news.ring, self._ended
        )
        _stores.add(self)

    def do(self, work: Work[T], *, durable: bool = True) -> T:
        """Run work that writes; see `Writer.do`."""
        self.check_open()
        return self._writer.do(work, durable=durable)

    def ask(self, question: Work[T]) -> T:
        """Run a query on one consistent state of the log."""
        with self._reader() as reader, as_ours(), closing(reader.cursor()) as sql:
            sql.execute("begin")
            try:
                return question(sql)
            finally:
                sql.execute("rollback")

    def page(self, after: int, topic: str, limit: int) -> list[Row]:
        """Return the next rows after `after`: at most `limit`, and at most a page."""
        fits, values = fitting(topic)
        statement = f"{ROWS} where sequence > ? and {fits} order by sequence limit ?"
        page, size = [], 0
        with self._reader() as sql, as_ours(), closing(sql.cursor()) as rows:
            for row in rows.execute(statement, (after, *values, limit)):
                page.append(row)
                size += len(row[1])
                if size > _PAGE_BYTES:
                    break
        return page

    def backup(self, target: str) -> None:
        """Copy everything that is stored at this moment to a new file."""
        with self._reader() as sql:
            copy_file(sql, target)

    def until(self, attempt: Callable[[], T], seconds: float | None) -> T:
        """Call `attempt` as `News.until` does."""
        return self._news.until(attempt, seconds)

    def check_open(self) -> None:
        if self._refusal:
            raise LogClosed(self._refusal)

    def close(self) -> None:
        if self._is_parents:
            return
        if not self._refusal:
            self._refusal = f"the log {self.path!r} is closed: open it again with open_log()."
        self._writer.close()

    def forget(self) -> None:
        """Refuse further use in a forked child. The database stays open: closing it would release
        the parent's locks.
        """
        self._is_parents = True
        self._refusal = f"the log {self.path!r} was opened before this process was forked."
        self._lock.close()
        THE_PARENTS[self._files[0]] = (self._writer.connection, self._idle)

    def _connect(self) -> sqlite3.Connection:
        connection = open_file(self.path, self._lock)
        self._files = identities(self.path)
        connection.create_function("fits", 2, fits_pattern, deterministic=True)
        return connection

    def _ended(self, connection: sqlite3.Connection) -> None:
        self._news.ring()
        self._close_idle()
        try:
            check_same(self.path, self._files)
        except LogUnusable:
            keep_open(connection)
            self._lock.close()
        else:
            close_file(connection, self._lock)

    def _check_files(self) -> None:
        check_same(self.path, self._files)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        self.check_open()
        try:
            sql = self._idle.pop()
        except IndexError:
            sql = self._connect_reader()
        try:
            yield sql
        except BaseException:  # perhaps in the middle of a transaction
            sql.close()
            raise
        self._idle.append(sql)
        if self._refusal:  # closed meanwhile
            self._close_idle()

    def _connect_reader(self) -> sqlite3.Connection:
        with as_ours():
            check_same(self.path, self._files)
            sql = connect(self.path, read_only=True)
            sql.create_function("fits", 2, fits_pattern, deterministic=True)
            return sql

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


_stores: weakref.WeakSet[Store] = weakref.WeakSet()
THE_PARENTS: dict[tuple[int, int], object] = {}  # files, and connections that must stay open here


def identity_of(path: str) -> tuple[int, int]:
    """Return what identifies a file, independent of its name."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _forget_all() -> None:
    for store in list(_stores):
        store.forget()
    _stores.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
