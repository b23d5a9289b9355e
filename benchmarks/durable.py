"""What it costs to store an event so that a power cut cannot take it, beside peers.

All of them are SQLite in WAL mode, and every one is made to sync each commit as eventkit does:
`synchronous=FULL` is persist-queue's and eventsourcing's own setting (SQLite's default, which they
leave alone), litequeue and diskcache are asked for it. That is checked, not believed. The limit
that the ratios refer to is persist-queue's acknowledged queue, which promises the same; where many
store at once it is the best of the peers, whichever that is.

One difference remains on purpose: eventkit does not sync a claim, because a power cut that undoes
it also ends whoever claimed. It syncs the acknowledgement, and with it the claim.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import eventkit as ek

from .comparing import Row, Timed, beside, compare

DATA = {"count": 1_000, "by": "somebody", "where": ["a", "b", "c"]}
JSON = '{"count":1000,"by":"somebody","where":["a","b","c"]}'
WAITERS = 64

Put = Callable[[], object]
Take = Callable[[], object]
"""Claims one and acknowledges it."""


def measure(quick: bool) -> list[Row]:
    rounds = 3 if quick else 21
    number = 20 if quick else 200
    home = Path("build")
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        return [
            *_one_by_one(Path(folder, "1"), rounds, number),
            *_waiting_together(Path(folder, "64"), rounds, number),
            *_claim_and_ack(Path(folder, "ack"), rounds, number),
            *_read(Path(folder, "read"), rounds, number),
        ]


def _one_by_one(folder: Path, rounds: int, number: int) -> list[Row]:
    with _candidates(folder) as peers:
        timed = {
            name: peer if isinstance(peer, str) else _seconds_each(peer[0], number)
            for name, peer in peers.items()
        }
        return _compare("store one event, on disk", timed, rounds, 1.1, "persist-queue")


def _waiting_together(folder: Path, rounds: int, number: int) -> list[Row]:
    """As many threads, each storing one event after another."""
    each = max(number // WAITERS, 1) * 2
    with _candidates(folder) as peers, ThreadPoolExecutor(WAITERS) as pool:

        def together(put: Put) -> Timed:
            def put_all() -> None:
                for _ in range(each):
                    put()

            def run() -> float:
                start = perf_counter()
                for future in [pool.submit(put_all) for _ in range(WAITERS)]:
                    future.result()
                return (perf_counter() - start) / (each * WAITERS)

            return run

        timed: dict[str, Timed | str] = {
            name: peer if isinstance(peer, str) else together(peer[0])
            for name, peer in peers.items()
            if name != "litequeue"  # one thread's connection
        }
        title = f"store one event, {WAITERS} at once"
        return _compare(title, timed, rounds, 0.5)


def _claim_and_ack(folder: Path, rounds: int, number: int) -> list[Row]:
    """Each claimed and acknowledged before the next, by one thread."""
    with _candidates(folder) as peers:

        def after_filling(put: Put, take: Take) -> Timed:
            def run() -> float:
                for _ in range(number):
                    put()
                return _seconds_each(take, number)()

            return run

        timed: dict[str, Timed | str] = {
            name: peer if isinstance(peer, str) else after_filling(peer[0], peer[1])
            for name, peer in peers.items()
            if isinstance(peer, str) or peer[1] is not None
        }
        return _compare("claim one and acknowledge it", timed, rounds, 0.67, "persist-queue")


def _read(folder: Path, rounds: int, number: int) -> list[Row]:
    """Beside reading and decoding nothing but the rows."""
    folder.mkdir()
    number *= 50
    with ek.open_log(folder / "log.db") as log:
        log.append_all(ek.Event("bench.stored", DATA) for _ in range(number))
        with closing(sqlite3.connect(folder / "log.db")) as bare:

            def rows() -> float:
                start = perf_counter()
                for _ in bare.execute("select sequence, stored, body from events"):
                    pass
                return (perf_counter() - start) / number

            def entries() -> float:
                start = perf_counter()
                for _ in log.read():
                    pass
                return (perf_counter() - start) / number

            return compare(
                "read an event", {"sqlite3, bare": rows, "eventkit": entries}, rounds=rounds
            )


def _compare(
    measure: str, timed: dict[str, Timed | str], rounds: int, goal: float, peer: str = ""
) -> list[Row]:
    """Beside this peer, or the best. Without, SQLite itself is the limit, and no goal is set."""
    rows = compare(measure, timed, rounds=rounds, goal=goal)
    peers = [row for row in rows[2:] if not row.missing and row.candidate.startswith(peer)]
    if not peers:
        return [row._replace(goal=None) for row in rows]
    return beside(min(peers, key=lambda row: row.median), rows)


@contextmanager
def _candidates(folder: Path) -> Iterator[dict[str, Any]]:
    """How each of them stores one event, and takes one; or why it can't. Some can't take."""
    folder.mkdir()
    with ExitStack() as stack:
        made: dict[str, Any] = {}
        for name, make in _PEERS.items():
            try:
                made[name] = make(folder, stack)
            except ImportError as problem:
                made[name] = str(problem)
        yield made


def _persist_queue(folder: Path, stack: ExitStack) -> tuple[Put, Take]:
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(folder / "persist-queue"), multithreading=True)
    stack.callback(queue.close)
    _check_durable(queue._putter)
    return lambda: queue.put(DATA), lambda: queue.ack(queue.get(block=False))


def _eventkit(folder: Path, stack: ExitStack) -> tuple[Put, Take]:
    log = stack.enter_context(ek.open_log(folder / "eventkit.db"))
    consumer = log.consumer("bench")
    return (
        lambda: log.append(ek.Event("bench.stored", DATA)),
        lambda: consumer.ack(*consumer.claim()),
    )


def _bare(folder: Path, stack: ExitStack) -> tuple[Put, Take]:
    """One table, one row a commit: what SQLite itself costs. What is taken is gone.

    The threads take turns: since Python 3.12 sqlite3 refuses a connection that is in use.
    """
    sql = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    stack.callback(sql.close)
    sql.execute("pragma journal_mode=wal")
    sql.execute("pragma synchronous=full")
    sql.execute("create table events (id integer primary key, data)")
    _check_durable(sql)
    turn = threading.Lock()

    def put() -> None:
        with turn:
            sql.execute("insert into events (data) values (?)", (JSON,))

    def take() -> None:
        with turn:
            sql.execute("delete from events where id = (select min(id) from events)")

    return put, take


def _litequeue(folder: Path, stack: ExitStack) -> tuple[Put, Take]:
    from litequeue import LiteQueue

    queue = LiteQueue(folder / "litequeue.db")
    stack.callback(queue.close)
    queue.conn.execute("pragma synchronous=full")
    _check_durable(queue.conn)
    return lambda: queue.put(JSON), lambda: queue.done(queue.pop().message_id)


def _diskcache(folder: Path, stack: ExitStack) -> tuple[Put, None]:
    """Its queue has no acknowledgement: what is taken is gone."""
    from diskcache import Cache

    cache = Cache(str(folder / "diskcache"), sqlite_synchronous=2, eviction_policy="none")
    stack.callback(cache.close)
    _check_durable(cache._con)
    return lambda: cache.push(DATA), None


def _eventsourcing(folder: Path, stack: ExitStack) -> tuple[Put, None]:
    """A log, not a queue."""
    from eventsourcing.persistence import StoredEvent
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    store = SQLiteDatastore(str(folder / "eventsourcing.db"))
    stack.callback(store.close)
    recorder = SQLiteApplicationRecorder(store)
    recorder.create_table()
    with store.transaction(commit=False) as cursor:
        _check_durable(cursor)
    return lambda: recorder.insert_events([StoredEvent(uuid4(), 1, "stored", JSON.encode())]), None


def _check_durable(sql: Any) -> None:
    """Raise AssertionError unless every commit is synced, as eventkit's is."""
    for setting, durable in (("journal_mode", "wal"), ("synchronous", 2)):
        cursor = sql.execute(f"pragma {setting}") or sql  # eventsourcing's own returns nothing
        assert cursor.fetchone()[0] == durable, setting


def _seconds_each(do: Callable[[], object], number: int) -> Timed:
    def run() -> float:
        start = perf_counter()
        for _ in range(number):
            do()
        return (perf_counter() - start) / number

    return run


_PEERS: dict[str, Callable[[Path, ExitStack], tuple[Put, Take | None]]] = {
    "sqlite3, bare": _bare,
    "eventkit": _eventkit,
    "persist-queue": _persist_queue,
    "litequeue": _litequeue,
    "diskcache": _diskcache,
    "eventsourcing": _eventsourcing,
}
