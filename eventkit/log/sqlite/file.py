"""The file a log lives in: its schema, how it is opened, and what is refused.

SQLite keeps it in WAL mode with `synchronous=FULL`: a commit is one write and one fsync of the
write-ahead log (`fullfsync` as well, where macOS would otherwise leave data in the disk's cache).

Several processes may open one file. SQLite before 3.51.3 has a fault there: when two connections
write or checkpoint at the same moment, one can start the write-ahead log afresh while the other
still believes in the old one, and the file is damaged. Most Pythons bring such an SQLite. So no
two connections ever do: every transaction that writes, the checkpoint that may follow it, and
opening and closing, happen under one lock of the operating system, on a file beside the log
(`counter.db-lock`). Other connections are opened read-only, and those never checkpoint. That was
chosen before the rollback journal, which has no such fault but needs more than one fsync a commit
and keeps readers and writers waiting for each other, and before a package that brings a newer
SQLite, which other programs that open the file would not have. It holds for users of this module,
not for another program that writes into the file. A network file system is no place for it.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from .. import LogUnusable, PermissionDenied
from .file_lock import FileLock
from .writer import failure

APPLICATION = 0x65766B6C  # "evkl": what SQLite keeps in the file's header to tell whose it is
VERSION = 2

_PATIENCE_MS = 30_000
_SMALLEST_PAGE = 512
_SETTINGS = (
    "synchronous=full",
    "fullfsync=1",
    "checkpoint_fullfsync=1",
    "wal_autocheckpoint=1000",  # pages of 1 KB: a short log is soon used again, and need not grow
)
_INDEXES = """
    create unique index events_by_identity on events (source, id);
    create index events_of_topic on events (topic);
"""
_FROM_VERSION_1 = f"""
    begin immediate;
    {_INDEXES}
    drop table identities;
    drop table topics;
    delete from settings where name = 'indexed';
    pragma user_version = {VERSION};
    commit;
"""
_SCHEMA = f"""
    begin immediate;
    create table events (
        sequence integer primary key,
        topic text not null,
        source text not null,
        id text not null,
        stored real not null,
        bytes_so_far integer not null,  -- of all bodies from the first ever to this one
        body blob not null
    );
    {_INDEXES}
    create table settings (name text primary key, value integer) without rowid;
    insert into settings values
        ('max_events', null), ('max_bytes', null),
        ('removed', 0), ('removed_bytes', 0),  -- the last sequence that was trimmed, and its sum
        ('last_token', 0);
    create table consumers (
        name text primary key,
        topic text not null,
        max_tries integer not null,
        position integer not null  -- up to here everything was claimed at least once
    ) without rowid;
    create table deliveries (  -- what was claimed and is not acknowledged
        consumer text not null,
        sequence integer not null,
        tries integer not null,
        due real,  -- when it may be claimed again; null: it is a dead letter
        claim integer not null,
        primary key (consumer, sequence)
    ) without rowid;
    create index deliveries_due on deliveries (consumer, due);
    create table locks (name text primary key, token integer not null, until real not null)
        without rowid;
    pragma application_id = {APPLICATION};
    pragma user_version = {VERSION};
    commit;
"""


def lock_beside(path: str, *, create: bool) -> FileLock:
    """The lock under which whatever writes to the log at `path` must happen.

    Raises LogUnusable or PermissionDenied unless that is a log, or one may be made there. Leaves
    alone what it does not know.
    """
    _check_place(path, create=create)
    if os.path.exists(path):
        with as_ours(), closing(connect(path, read_only=True)) as looking:
            is_log = _check_contents(looking, path)
            _check_size(looking, path, is_log)
    try:
        return FileLock(path + "-lock")
    except OSError as problem:
        raise PermissionDenied(f"cannot write beside {path!r}: {problem.strerror}.") from problem


def connect(path: str, *, read_only: bool) -> sqlite3.Connection:
    """A connection that may be used from any thread, by one at a time."""
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"file:{urllib.parse.quote(path)}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def as_ours() -> Iterator[None]:
    """What SQLite raises within becomes one of our errors."""
    try:
        yield
    except sqlite3.Error as problem:
        raise failure(problem) from problem


def _check_place(path: str, *, create: bool) -> None:
    place = Path(path)
    if place.is_dir():
        raise LogUnusable(f"{path!r} is a folder: give the path of a file in it.")
    if not place.parent.is_dir():
        raise LogUnusable(f"there is no folder {str(place.parent)!r}: make it first.")
    if not place.exists() and not create:
        raise LogUnusable(f"there is no log at {path!r}.")
    if place.exists() and place.stat().st_nlink > 1 and not os.path.exists(path + "-lock"):
        raise LogUnusable(
            f"{path!r} has another name (a hard link), and SQLite would keep a write-ahead log for "
            "each. Open it by the name beside which its -lock file is, make a copy with "
            "log.backup(), or remove the other names."
        )
    for needed in (place, place.parent):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise PermissionDenied(
                f"{str(needed)!r} is read-only. A log needs a file and a folder that it may write "
                "in, also to be read: copy it to such a place."
            )


def _check_size(connection: sqlite3.Connection, path: str, is_log: bool) -> None:
    """SQLite takes what is missing of a last page for zeros. While there is a write-ahead log the
    rest may still be in that. Before there is a log, another process may be about to make one, with
    pages of a size that this connection does not know: then those of SQLite's smallest size count.
    """
    (page,) = connection.execute("pragma page_size").fetchone() if is_log else (_SMALLEST_PAGE,)
    wal = Path(path + "-wal")
    if os.path.getsize(path) % page and not (wal.exists() and wal.stat().st_size):
        raise LogUnusable(f"{path!r} is a damaged log: its end is missing. It is left as it is.")


def _check_contents(connection: sqlite3.Connection, path: str) -> bool:
    """Whether there is a log; False for an empty file. Raises LogUnusable for anything else."""
    # one statement, so that all three are of one moment: another process may be making the log
    application, version, tables = connection.execute(
        "select (select application_id from pragma_application_id), "
        "(select user_version from pragma_user_version), (select count(*) from sqlite_master)"
    ).fetchone()
    if application == APPLICATION and version in (1, VERSION):
        return True
    if application == APPLICATION:
        raise LogUnusable(
            f"{path!r} is a log of version {version}, and this eventkit knows version {VERSION}. "
            "Use a newer eventkit. The file is left as it is."
        )
    if tables or application or version:
        raise LogUnusable(
            f"{path!r} is an SQLite database, but no log of eventkit's. It is left as it is."
        )
    return False


def open_file(path: str, lock: FileLock) -> sqlite3.Connection:
    """The one connection that writes. Closes the lock if there can be none."""
    try:
        if not lock.acquire(_PATIENCE_MS / 1000):
            raise LogUnusable(f"another process holds {lock.path!r} and does not let go.")
        with as_ours():
            return _connect_prepared(path)
    except BaseException:
        lock.close()
        raise
    finally:
        lock.release()


def _connect_prepared(path: str) -> sqlite3.Connection:
    connection = connect(path, read_only=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    is_new = not _check_contents(connection, path)
    if is_new:
        connection.execute("pragma page_size=1024")  # a commit writes one page: let it be small
    mode = connection.execute("pragma journal_mode=wal").fetchone()[0]
    if mode != "wal":
        raise LogUnusable(f"{path!r} cannot have a write-ahead log: is it on a network drive?")
    for setting in _SETTINGS:
        connection.execute(f"pragma {setting}")
    if is_new:
        connection.executescript(_SCHEMA)
    elif connection.execute("pragma user_version").fetchone() == (1,):
        connection.executescript(_FROM_VERSION_1)


def identities(path: str) -> tuple[tuple[int, int], ...]:
    """What tells the log's files from others that get their names. Raises LogUnusable for none."""
    try:
        return tuple((f.st_dev, f.st_ino) for f in (os.stat(path), os.stat(path + "-wal")))
    except OSError as problem:
        raise _replaced(path) from problem


def check_same(path: str, before: tuple[tuple[int, int], ...]) -> None:
    """Raise LogUnusable if the log's files were removed or others have their names."""
    if identities(path) != before:
        raise _replaced(path)


def _replaced(path: str) -> LogUnusable:
    return LogUnusable(
        f"the file {path!r} or its write-ahead log was removed, or replaced by another, while the "
        "log was open. Nothing more is stored. Close this log, see to the file and open it again."
    )


def keep_open(connection: sqlite3.Connection) -> None:
    """Never close this connection to a file that was replaced, not even at the interpreter's end.
    SQLite would remove the write-ahead log, which by its name is the other file's.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def copy_file(connection: sqlite3.Connection, target: str) -> None:
    """Copy the database to a new file, which is there when it is whole. Raises FileExistsError."""
    if os.path.lexists(target):
        raise FileExistsError(f"there is a file {target!r} already: give the copy another name.")
    part = f"{target}.part"
    with suppress(FileNotFoundError):
        os.unlink(part)
    try:
        with as_ours(), closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
        os.rename(part, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def close_file(connection: sqlite3.Connection, lock: FileLock) -> None:
    """Close the connection, which may checkpoint, and the lock. Readers must be closed before."""
    if lock.acquire(_PATIENCE_MS / 1000):
        with suppress(sqlite3.Error):
            connection.close()
    lock.close()
