"""A log in one SQLite file: the embedded default. Several processes may open it at once.

What changes the log goes through the one connection of `group_commit.Writer`; `sqlite_file` says
why. Reading has connections of its own, borrows one for a page of entries at a time and never
keeps a page while the caller works on it, so that memory is flat and the file can be tidied up.

Sequences have no gaps and entries are removed from the front only: that is how the number of
entries and their bytes are known without counting.

Whoever waits (`follow`, `claim`, a lock) is woken at once by what this process does, and looks
every 50 ms for what others did.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, TypeVar

from ..event import CloudEvent, Event
from ..log import (
    Conflict,
    Consumer,
    Delivery,
    Entry,
    EventLog,
    Held,
    LeaseLost,
    Lock,
    LogClosed,
    Packed,
    Progress,
    QuotaExceeded,
    Usage,
    check_name,
    check_reading,
    pack,
    unpack,
)
from ..topics import matches
from .group_commit import Work, Writer
from .sqlite_file import as_ours, close_file, connect, open_file

T = TypeVar("T")
Clock = Callable[[], float]

_POLL = 0.05  # seconds between two looks for what another process did
_PAGE = 1_000  # entries, or fewer:
_PAGE_BYTES = 1_000_000
_TRIM_AT_ONCE = 10_000
_NEWEST = 100
_LARGEST = 256 * 1024 * 1024  # bytes of an event; SQLite itself ends at 1,000 million


def open(path: str, *, create: bool = True, clock: Clock = time.time) -> EventLog:
    """The log in the file at `path`; see `open_log`."""
    path = os.path.abspath(path)
    if os.path.exists(path) and _identity(path) in _the_parents:
        raise LogClosed(
            f"{path!r} was open when this process was forked, and SQLite would take the parent's "
            "locks for its own. Start the process by spawning, or open the log only after forking."
        )
    return SqliteLog(_Store(path, create=create, clock=clock))


class SqliteLog(EventLog):
    """The EventLog contract, in SQL."""

    def __init__(self, store: _Store) -> None:
        self.store = store
        weakref.finalize(self, store.close)  # should nobody else

    def __repr__(self) -> str:
        return f"<log in {self.store.path!r}>"

    def append(
        self, event: Event | CloudEvent, *, expect: int | None = None, fence: int | None = None
    ) -> int:
        packed = _pack(event)
        store = self.store

        def work(sql: sqlite3.Cursor) -> int:
            if expect is not None or fence is not None:
                if (first := store.tail.find(sql, packed)) is not None:
                    return first
                _check_expected(sql, packed.topic, expect)
                _check_fence(sql, fence, store.clock())
            return store.tail.add(sql, packed, store.clock())

        return store.do(work)

    def append_all(self, events: Iterable[Event | CloudEvent]) -> list[int]:
        packed = [_pack(event) for event in events]
        store = self.store

        def work(sql: sqlite3.Cursor) -> list[int]:
            store.tail.check_room_for_all(sql, packed)
            return [store.tail.add(sql, one, store.clock()) for one in packed]

        return store.do(work)

    def read(self, after: int = 0, topic: str = ">", limit: int | None = None) -> Iterator[Entry]:
        check_reading(after, topic, limit)
        self.store.check_open()
        return self._read(after, topic, limit)

    def _read(self, after: int, topic: str, limit: int | None) -> Iterator[Entry]:
        left = limit
        while left is None or left > 0:
            page = self.store.page(after, topic, _PAGE if left is None else min(left, _PAGE))
            for row in page:
                yield _entry(*row)
            if not page:
                return
            after = page[-1][0]
            left = None if left is None else left - len(page)

    def follow(
        self, after: int = 0, topic: str = ">", *, timeout: float | None = None
    ) -> Iterator[Entry]:
        check_reading(after, topic)
        self.store.check_open()
        return self._follow(after, topic, timeout)

    def _follow(self, after: int, topic: str, timeout: float | None) -> Iterator[Entry]:
        page: list[tuple[int, bytes, float]] = []
        with suppress(LogClosed):
            while page := self.store.until(partial(self.store.page, after, topic, _PAGE), timeout):
                for row in page:
                    yield _entry(*row)
                after = page[-1][0]

    @property
    def last_sequence(self) -> int:
        return self.store.ask(_last_sequence)

    def last_sequence_of(self, topic: str) -> int:
        return self.store.ask(lambda sql: _last_on(sql, topic))

    def consumer(
        self, name: str, topic: str = ">", *, max_tries: int = 5, after: int = 0
    ) -> Consumer:
        check_name(name, "consumer")
        check_reading(after, topic)
        if type(max_tries) is not int or max_tries < 1:
            raise ValueError(f"max_tries is a number of tries, 1 or more; got {max_tries!r}.")
        asked = SqliteConsumer(self, name, topic, max_tries)
        self.store.do(lambda sql: asked.enrol(sql, after))
        return asked

    def consumers(self) -> list[Consumer]:
        query = "select name, topic, max_tries from consumers order by name"
        rows = self.store.ask(lambda sql: sql.execute(query).fetchall())
        return [SqliteConsumer(self, *row) for row in rows]

    def lock(self, name: str, ttl: float = 10.0, *, wait: float = 0.0) -> Lock:
        check_name(name, "lock")
        _check_seconds("ttl", ttl, above=0)
        _check_seconds("wait", wait)
        return SqliteLock(self, name, ttl, wait)

    def set_quota(self, events: int | None = None, bytes: int | None = None) -> None:
        for name, value in (("events", events), ("bytes", bytes)):
            if value is not None and (type(value) is not int or value < 0):
                raise ValueError(f"{name} is a number, or None for no limit; got {value!r}.")

        def work(sql: sqlite3.Cursor) -> None:
            _set(sql, max_events=events, max_bytes=bytes)
            self.store.tail = _Tail.of(sql)

        self.store.do(work)

    def usage(self) -> Usage:
        return self.store.ask(lambda sql: _Tail.of(sql).usage())

    def trim(
        self, *, keep: int | None = None, older_than: float | None = None, unread: bool = False
    ) -> int:
        if keep is None and older_than is None:
            raise ValueError("say what may go: all but the newest keep=, or what is older_than=.")
        if keep is not None and (type(keep) is not int or keep < 0):
            raise ValueError(f"keep is a number of entries; got {keep!r}.")
        if older_than is not None:
            _check_seconds("older_than", older_than)
        removed = 0
        while some := self.store.do(
            lambda sql: self._trim_some(sql, keep, older_than, unread=unread)
        ):
            removed += some  # part by part, so that nobody waits for long
        return removed

    def _trim_some(
        self, sql: sqlite3.Cursor, keep: int | None, older_than: float | None, *, unread: bool
    ) -> int:
        tail = _Tail.of(sql)
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
        gone = "from events where sequence <= ?"
        sql.execute(
            f"delete from identities where (source, id) in (select source, id {gone})", (end,)
        )
        sql.execute(
            f"delete from topics where (topic, sequence) in (select topic, sequence {gone})", (end,)
        )
        sql.execute(f"delete {gone}", (end,))
        sql.execute("delete from deliveries where sequence <= ?", (end,))
        _set(sql, removed=end, removed_bytes=size)
        self.store.tail = _Tail.of(sql)
        return end - tail.removed

    def close(self) -> None:
        self.store.close()


class SqliteConsumer(Consumer):
    """A row in `consumers`, and a row in `deliveries` for each entry claimed but not done."""

    def __init__(self, log: SqliteLog, name: str, topic: str, max_tries: int) -> None:
        self.name = name
        self.topic = topic
        self.max_tries = max_tries
        self._log = log  # which would be closed if nobody had it
        self._store = log.store

    def __repr__(self) -> str:
        return f"<consumer {self.name!r} of {self.topic!r}>"

    def enrol(self, sql: sqlite3.Cursor, after: int) -> None:
        """Be there from now on, as the consumer that there was or a new one."""
        row = sql.execute("select topic from consumers where name = ?", (self.name,)).fetchone()
        if row and row[0] != self.topic:
            raise ValueError(
                f"the consumer {self.name!r} takes {row[0]!r}, not {self.topic!r}: ask for it "
                "with that pattern, or give this one another name."
            )
        sql.execute(
            "insert into consumers values (?1, ?2, ?3, ?4) "
            "on conflict do update set max_tries = ?3 where max_tries <> ?3",
            (self.name, self.topic, self.max_tries, after),
        )

    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        if type(n) is not int or n < 1:
            raise ValueError(f"n is how many to claim at most, 1 or more; got {n!r}.")
        _check_seconds("lease", lease, above=0)
        _check_seconds("wait", wait)
        mark = int.from_bytes(os.urandom(7), "big")

        def work(sql: sqlite3.Cursor) -> list[tuple[Any, ...]]:
            now = self._store.clock()
            self._bury(sql, now)
            again = self._claim_again(sql, n, now, now + lease, mark)
            return again + self._claim_new(sql, n - len(again), now + lease, mark)

        rows = self._store.until(lambda: self._store.do(work, durable=False), wait)
        return [Delivery(_entry(*row), tries, mark) for tries, *row in rows]

    def ack(self, *deliveries: Delivery) -> None:
        self._settle("delete from deliveries", (), deliveries, durable=True)

    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        _check_seconds("delay", delay)
        self._settle(
            "update deliveries set claim = 0, due = case when tries < ? then ? end",
            (self.max_tries, self._store.clock() + delay),
            deliveries,
        )

    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        _check_seconds("lease", lease, above=0)
        due = self._store.clock() + lease
        self._settle("update deliveries set due = ?", (due,), deliveries)

    def dead_letters(self) -> list[Delivery]:
        rows = self._store.ask(
            lambda sql: sql.execute(
                "select tries, claim, sequence, body, stored from deliveries join events using "
                f"(sequence) where consumer = ? and {_IS_DEAD} order by sequence",
                (self.name, self._store.clock(), self.max_tries),
            ).fetchall()
        )
        return [Delivery(_entry(*row), tries, claim) for tries, claim, *row in rows]

    def put_back(self, *sequences: int) -> int:
        return self._change_dead("update deliveries set tries = 0, due = 0, claim = 0", sequences)

    def discard(self, *sequences: int) -> int:
        return self._change_dead("delete from deliveries", sequences)

    def progress(self) -> Progress:
        fits, values = _fitting(self.topic)

        def count(sql: sqlite3.Cursor) -> Progress:
            (waiting,) = sql.execute(
                f"select count(*) from events where sequence > coalesce((select position from "
                f"consumers where name = ?), 0) and {fits}",
                (self.name, *values),
            ).fetchone()
            everything, dead = sql.execute(
                f"select count(*), coalesce(sum({_IS_DEAD}), 0) from deliveries where consumer = ?",
                (self._store.clock(), self.max_tries, self.name),
            ).fetchone()
            return Progress(waiting, everything - dead, dead)

        return self._store.ask(count)

    def remove(self) -> None:
        def work(sql: sqlite3.Cursor) -> None:
            sql.execute("delete from deliveries where consumer = ?", (self.name,))
            sql.execute("delete from consumers where name = ?", (self.name,))

        self._store.do(work)

    def _bury(self, sql: sqlite3.Cursor, now: float) -> None:
        """What has run out of its last lease is a dead letter."""
        sql.execute(
            "update deliveries set due = null where consumer = ? and due <= ? and tries >= ?",
            (self.name, now, self.max_tries),
        )

    def _claim_again(
        self, sql: sqlite3.Cursor, n: int, now: float, until: float, mark: int
    ) -> list[tuple[Any, ...]]:
        rows = sql.execute(
            "select tries + 1, sequence, body, stored from deliveries join events using (sequence) "
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
        row = sql.execute("select position from consumers where name = ?", (self.name,)).fetchone()
        if n == 0 or row is None:
            return []
        fits, values = _fitting(self.topic)
        rows = sql.execute(
            f"select 1, sequence, body, stored from events where sequence > ? and {fits} "
            "order by sequence limit ?",
            (row[0], *values, n),
        ).fetchall()
        # behind what was found; or behind everything, none of which fits
        position = rows[-1][1] if len(rows) == n else self._store.tail.last
        if position > row[0]:
            sql.execute("update consumers set position = ? where name = ?", (position, self.name))
        sql.executemany(
            "insert into deliveries values (?, ?, 1, ?, ?)",
            [(self.name, sequence, until, mark) for _, sequence, *_ in rows],
        )
        return rows

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
            raise LeaseLost(
                f"{self.name!r} no longer has number {', '.join(map(str, lost))} from this claim: "
                "it was done, put back or its lease ended and somebody else has it. Ask for a "
                "longer lease, or extend it while you work."
            )

    def _change_dead(self, change: str, sequences: tuple[int, ...]) -> int:
        def work(sql: sqlite3.Cursor) -> int:
            values = (self.name, self._store.clock(), self.max_tries)
            statement = f"{change} where consumer = ? and {_IS_DEAD}"
            if not sequences:
                return sql.execute(statement, values).rowcount
            statement += " and sequence = ?"
            return sum(sql.execute(statement, (*values, one)).rowcount for one in sequences)

        return self._store.do(work)


class SqliteLock(Lock):
    """A row in `locks` while it is held. Tokens are counted for all locks together."""

    def __init__(self, log: SqliteLog, name: str, ttl: float, wait: float) -> None:
        self.name = name
        self.ttl = ttl
        self._wait = wait
        self._log = log
        self._store = log.store
        self._token: int | None = None

    def __repr__(self) -> str:
        return f"<lock {self.name!r}, token {self._token}>"

    @property
    def token(self) -> int:
        if self._token is None:
            raise RuntimeError(f"the lock {self.name!r} has not been taken: use `with lock:`.")
        return self._token

    def acquire(self) -> int:
        left = 0.0

        def work(sql: sqlite3.Cursor) -> int | None:
            nonlocal left
            now = self._store.clock()
            row = sql.execute("select until from locks where name = ?", (self.name,)).fetchone()
            if row and row[0] > now:
                left = row[0] - now
                return None
            token: int = _get(sql, "last_token") + 1
            _set(sql, last_token=token)
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
            _check_fence(sql, token, now)
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


class _Tail:
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
    def of(cls, sql: sqlite3.Cursor) -> _Tail:
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
        added = sql.execute(_ADD, (self.last + 1, topic, source, id, now, size, body))
        if not added.rowcount:
            first = self.find(sql, packed)
            assert first is not None
            return first
        self.last += 1
        self._bytes_so_far = size
        self._newest[source, id] = self.last
        if len(self._newest) >= _NEWEST:
            self._enter_newest(sql)
        return self.last

    def _enter_newest(self, sql: sqlite3.Cursor) -> None:
        for table, columns in (("identities", "source, id"), ("topics", "topic")):
            sql.execute(
                f"insert into {table} select {columns}, sequence from events where sequence > ?",
                (self._indexed,),
            )
        _set(sql, indexed=self.last)
        self._indexed = self.last
        self._newest.clear()

    def check_room_for_all(self, sql: sqlite3.Cursor, all_packed: list[Packed]) -> None:
        """Raise QuotaExceeded unless those that are not there yet have room together."""
        if self._is_limited:
            new = {
                (one.source, one.id): len(one.body)
                for one in all_packed
                if self.find(sql, one) is None
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
                raise QuotaExceeded(
                    f"the log holds {has:,} of at most {most:,} {what}, and {more:,} more do not "
                    "fit. trim() what is not needed any more, or raise the quota by set_quota()."
                )


class _Store:
    """The file and its connections: one writer, and readers as needed."""

    def __init__(self, path: str, *, create: bool, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.tail: _Tail  # where the log ends, for those who write
        self._connection, self._lock = open_file(path, create=create)
        self._file = _identity(path)
        self._connection.create_function("fits", 2, _fits, deterministic=True)
        self._idle: list[sqlite3.Connection] = []  # readers nobody uses at this moment
        self._refusal = ""  # why nothing is done any more
        self._closing = threading.Lock()
        self._news = threading.Condition()
        self._changes = self._waiters = 0
        self._version = -1  # SQLite's number for what others have written, at the last beginning
        self._settled: int | None = None  # the same, if all went well since: `tail` is still true
        self._writer = Writer(self._connection, self._lock, self._begin, self._committed)
        _stores.add(self)

    def do(self, work: Work[T], *, durable: bool = True) -> T:
        """Have something written; see `Writer.do`."""
        self.check_open()
        return self._writer.do(work, durable=durable)

    def ask(self, question: Work[T]) -> T:
        """Have something read, all of it from one state of the log."""
        with self._reader() as reader, as_ours(), closing(reader.cursor()) as sql:
            sql.execute("begin")
            try:
                return question(sql)
            finally:
                sql.execute("rollback")

    def page(self, after: int, topic: str, limit: int) -> list[tuple[int, bytes, float]]:
        """The next entries behind `after`, as many as are good to have in memory at once."""
        fits, values = _fitting(topic)
        if fits == _IS_THIS:
            statement, values = _PAGE_OF_A_TOPIC, (topic, after, limit)
        else:
            statement = f"{_ROWS} where sequence > ? and {fits} order by sequence limit ?"
            values = (after, *values, limit)
        page, size = [], 0
        with self._reader() as sql, as_ours(), closing(sql.cursor()) as rows:
            for row in rows.execute(statement, values):
                page.append(row)
                size += len(row[1])
                if size > _PAGE_BYTES:
                    break
        return page

    def until(self, attempt: Callable[[], T], seconds: float | None) -> T:
        """What `attempt` returns as soon as that is something, or after so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            changes = self._changes
            result = attempt()
            left = _POLL if deadline is None else min(_POLL, deadline - time.monotonic())
            if result or left <= 0:
                return result
            self._wait_for_change(changes, left)

    def _wait_for_change(self, seen: int, seconds: float) -> None:
        with self._news:
            self._waiters += 1  # before looking: from now on they ring
            self._news.wait_for(lambda: self._changes != seen, seconds)
            self._waiters -= 1

    def check_open(self) -> None:
        if self._refusal:
            raise LogClosed(self._refusal)

    def close(self) -> None:
        if self._refusal:
            return
        with self._closing:
            if self._refusal:
                return
            self._refusal = f"the log {self.path!r} is closed: open it again with open_log()."
            self._writer.close()
            self._ring()
            self._close_idle()
            close_file(self._connection, self._lock)

    def forget(self) -> None:
        """This is a forked child: the log is the parent's, and closing its files would harm it."""
        if self._refusal:
            return
        self._refusal = f"the log {self.path!r} was opened before this process was forked."
        self._lock.close()
        _the_parents[self._file] = (self._connection, self._idle)

    def _begin(self, sql: sqlite3.Cursor) -> None:
        (version,) = sql.execute("pragma data_version").fetchone()
        if version != self._settled:  # another process has written, or ours did not get to its end
            self.tail = _Tail.of(sql)
        self._version, self._settled = version, None

    def _committed(self) -> None:
        self._settled = self._version
        self._ring()

    def _ring(self) -> None:
        self._changes += 1  # by one at a time: whose turn it is to write
        if self._waiters:
            with self._news:
                self._news.notify_all()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        self.check_open()
        try:
            sql = self._idle.pop()
        except IndexError:
            sql = self._connect_reader()
        try:
            yield sql
        finally:
            self._idle.append(sql)
            if self._refusal:  # closed meanwhile
                self._close_idle()

    def _connect_reader(self) -> sqlite3.Connection:
        with as_ours():
            sql = connect(self.path, read_only=True)
            sql.create_function("fits", 2, _fits, deterministic=True)
            return sql

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


_stores: weakref.WeakSet[_Store] = weakref.WeakSet()
_the_parents: dict[tuple[int, int], object] = {}  # files and what must never be closed here


def _identity(path: str) -> tuple[int, int]:
    """What tells a file from any other, whatever it is called."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _forget_all() -> None:
    for store in list(_stores):
        store.forget()
    _stores.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

_ADD = """
    insert into events select ?1, ?2, ?3, ?4, ?5, ?6, ?7
    where not exists (select 1 from identities where source = ?3 and id = ?4)
"""
_INDEXED = "(select value from settings where name = 'indexed')"
_ROWS = "select sequence, body, stored from events"
_PAGE_OF_A_TOPIC = f"""
    with found as (
        select * from (select sequence from topics where topic = ?1 and sequence > ?2
                       order by sequence limit ?3)
        union all
        select * from (select sequence from events where topic = ?1 and sequence > ?2
                       and sequence > {_INDEXED} order by sequence limit ?3)
    )
    {_ROWS} where sequence in found order by sequence limit ?3
"""
_IS_THIS = "topic = ?"
_IS_DEAD = "(due is null or (due <= ? and tries >= ?))"
_fits = lru_cache(maxsize=10_000)(matches)


def _fitting(pattern: str) -> tuple[str, tuple[Any, ...]]:
    """A condition for events whose topic fits, and its values."""
    if pattern == ">":
        return "1", ()
    if any(word in ("*", ">") for word in pattern.split(".")):
        return "fits(?, topic)", (pattern,)
    return _IS_THIS, (pattern,)


def _pack(event: Event | CloudEvent) -> Packed:
    packed = pack(event)
    if len(packed.body) > _LARGEST:
        raise QuotaExceeded(
            f"an event of {len(packed.body):,} bytes is too large: at most {_LARGEST:,}. Store "
            "such data elsewhere, and where that is in the event."
        )
    return packed


def _entry(sequence: int, body: bytes, stored: float) -> Entry:
    return Entry(sequence, unpack(body), stored)


def _last_sequence(sql: sqlite3.Cursor) -> int:
    return _Tail.of(sql).last


def _last_on(sql: sqlite3.Cursor, topic: str) -> int:
    last = "select max(sequence) as last from"
    row = sql.execute(
        f"select max(last) from ({last} topics where topic = ?1 union all "
        f"{last} events where topic = ?1 and sequence > {_INDEXED})",
        (topic,),
    ).fetchone()
    return row[0] or 0


def _last_before(sql: sqlite3.Cursor, moment: float, end: int) -> int:
    """The last entry, up to `end`, before the first that was stored at that moment or later."""
    row = sql.execute(
        "select sequence from events where sequence <= ? and stored >= ? order by sequence limit 1",
        (end, moment),
    ).fetchone()
    return row[0] - 1 if row else end


def _first_unacknowledged(
    sql: sqlite3.Cursor, name: str, topic: str, position: int, *, end: int
) -> int:
    """The first entry that a consumer still needs; the one behind `end` if there is none."""
    fits, values = _fitting(topic)
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
    if expect is not None and (found := _last_on(sql, topic)) != expect:
        raise Conflict(topic, expect, found)


def _check_fence(sql: sqlite3.Cursor, token: int | None, now: float) -> None:
    if token is None:
        return
    row = sql.execute("select until from locks where token = ?", (token,)).fetchone()
    if row is None or row[0] <= now:
        ended = "its lease has ended" if row else "it was released or somebody else took it"
        raise LeaseLost(
            f"the lock with token {token} is no longer held: {ended}. Take it again and read "
            "what has changed before you write."
        )


def _get(sql: sqlite3.Cursor, name: str) -> Any:
    return sql.execute("select value from settings where name = ?", (name,)).fetchone()[0]


def _set(sql: sqlite3.Cursor, **values: int | None) -> None:
    sql.executemany(
        "update settings set value = ? where name = ?", [(v, name) for name, v in values.items()]
    )


def _check_seconds(name: str, value: object, *, above: float | None = None) -> None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    if not is_number or value < 0 or value == above:  # type: ignore[operator]
        least = "more than 0" if above == 0 else "0 or more"
        raise ValueError(f"{name} is a number of seconds, {least}; got {value!r}.")
