"""The file of a log: its schema, how it is opened, and which files are refused.

The file is in WAL mode. A durable commit (`synchronous=full`) is one write and one fsync of the
write-ahead log. Changes that a power cut may undo, such as claims, skip the fsync. On macOS
`fullfsync` is set too, or data would stay in the disk's cache.

Several processes may open one file. SQLite before 3.51.3 has a fault there: when two connections
write or checkpoint at the same moment, one can restart the write-ahead log while the other still
uses the old one, and the file is damaged. Most Pythons bring such an SQLite. Therefore no two
connections ever do. Every transaction that writes, the checkpoint that may follow it, opening and
closing happen under one lock of the operating system, on a file beside the log
(`counter.db-lock`). All other connections are read-only, and those never checkpoint.

Two alternatives were rejected. The rollback journal does not have this fault, but needs more than
one fsync for a commit, and makes readers and writers wait for each other. A package with a newer
SQLite would not protect the file from other programs.

The lock protects against users of this module only, not against other programs that write to the
file. Do not put a log on a network file system.
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
from .writer import PATIENCE, failure, hold

APPLICATION = 0x65766B6C  # "evkl", in the file's header: it identifies the file as a log
VERSION = 2

_SMALLEST_PAGE = 512  # bytes
_SETTINGS = (
    "synchronous=full",
    "fullfsync=1",
    "checkpoint_fullfsync=1",
    "wal_autocheckpoint=1000",  # pages of 1 KB: the write-ahead log is soon reused, and stays small
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
        bytes_so_far integer not null,  -- of all bodies ever stored, up to this one
        body blob not null
    );
    {_INDEXES}
    create table settings (name text primary key, value integer) without rowid;
    insert into settings values
        ('max_events', null), ('max_bytes', null),
        ('removed', 0), ('removed_bytes', 0),  -- the last trimmed sequence, and its bytes_so_far
        ('last_token', 0);
    create table consumers (
        name text primary key,
        topic text not null,
        max_tries integer not null,
        position integer not null  -- everything up to here was claimed at least once
    ) without rowid;
    create table deliveries (  -- claimed and not acknowledged
        consumer text not null,
        sequence integer not null,
        tries integer not null,
        due real,  -- when it may be claimed again; null for a dead letter
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
    """Return the lock that must be held for every write to the log at `path`.

    Raises LogUnusable or PermissionDenied unless `path` is a log, or one may be created there.
    Never changes a file that is not a log.
    """
    _check_place(path, create=create)
    if os.path.exists(path):
        with as_ours(), closing(connect(path, read_only=True)) as reader:
            is_log = _check_contents(reader, path)
            _check_size(reader, path, is_log)
    try:
        return FileLock(path + "-lock")
    except OSError as problem:
        raise PermissionDenied(f"cannot write beside {path!r}: {problem.strerror}.") from problem


def connect(path: str, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time."""
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"file:{urllib.parse.quote(path)}?mode={mode}",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def as_ours() -> Iterator[None]:
    """Convert errors of SQLite inside the block to ours."""
    try:
        yield
    except sqlite3.Error as problem:
        raise failure(problem) from problem


def _check_place(path: str, *, create: bool) -> None:
    place = Path(path)
    if place.is_dir():
        raise LogUnusable(f"{path!r} is a folder: give the path of a file in it.")
    if not place.parent.is_dir():
        raise LogUnusable(f"there is no folder {str(place.parent)!r}: create it first.")
    if not place.exists() and not create:
        raise LogUnusable(f"there is no log at {path!r}. Leave out create=False to create one.")
    if place.exists() and place.stat().st_nlink > 1 and not os.path.exists(path + "-lock"):
        raise LogUnusable(
            f"{path!r} has another name (a hard link), and SQLite would keep a write-ahead log for "
            "each. Open it by the name that has a -lock file beside it, make a copy with "
            "log.backup(), or remove the other names."
        )
    for needed in (place, place.parent):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise PermissionDenied(
                f"{str(needed)!r} is read-only. Even to be read, a log needs a file and a folder "
                "that can be written: copy it to such a place."
            )


def _check_size(connection: sqlite3.Connection, path: str, is_log: bool) -> None:
    """Raise LogUnusable if the last page is incomplete, which SQLite would fill with zeros.

    While a write-ahead log exists, it may still hold the rest of that page. Before there is a log,
    another process may be creating one with pages of unknown size: the smallest possible counts.
    """
    (page,) = connection.execute("pragma page_size").fetchone() if is_log else (_SMALLEST_PAGE,)
    wal = Path(path + "-wal")
    if os.path.getsize(path) % page and not (wal.exists() and wal.stat().st_size):
        raise LogUnusable(f"{path!r} is a damaged log: its end is missing. It is left as it is.")


def _check_contents(connection: sqlite3.Connection, path: str) -> bool:
    """Return True for a log, and False for an empty file. Raises LogUnusable for any other."""
    # one statement, for a consistent answer: another process may be creating the log
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
            f"{path!r} is an SQLite database, but not an eventkit log. It is left as it is."
        )
    return False


def open_file(path: str, lock: FileLock) -> sqlite3.Connection:
    """Return the one connection that writes. If that fails, close the lock."""
    try:
        hold(lock)
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
        connection.execute("pragma page_size=1024")  # a commit writes at least one page
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
    """Return what identifies the log's files even if others get their names. Raises LogUnusable if
    they are missing.
    """
    try:
        return tuple((f.st_dev, f.st_ino) for f in (os.stat(path), os.stat(path + "-wal")))
    except OSError as problem:
        raise _replaced(path) from problem


def check_same(path: str, before: tuple[tuple[int, int], ...]) -> None:
    """Raise LogUnusable if the log's files were removed or replaced."""
    if identities(path) != before:
        raise _replaced(path)


def _replaced(path: str) -> LogUnusable:
    return LogUnusable(
        f"the file {path!r} or its write-ahead log was removed, or replaced by another, while the "
        "log was open. Nothing more is stored. Close this log, restore the file and reopen it."
    )


def keep_open(connection: sqlite3.Connection) -> None:
    """Never close this connection to a file that was replaced, not even when the interpreter exits.
    SQLite would remove the write-ahead log, which now belongs to the new file of that name.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def copy_file(connection: sqlite3.Connection, target: str) -> None:
    """Copy the database to a new file, which appears when complete. Raises FileExistsError, and
    LogUnusable for a folder that does not exist.
    """
    folder = os.path.dirname(target)
    if os.path.lexists(target):
        raise FileExistsError(f"there is already a file {target!r}: give the copy another name.")
    if not os.path.isdir(folder):
        raise LogUnusable(f"there is no folder {folder!r} for the copy: create it first.")
    part = f"{target}.{os.urandom(4).hex()}.part"
    try:
        with as_ours(), closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
        os.rename(part, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def close_file(connection: sqlite3.Connection, lock: FileLock) -> None:
    """Close the connection, which may checkpoint, and the lock. Close the readers first."""
    if lock.acquire(PATIENCE):
        with suppress(sqlite3.Error):
            connection.close()
    lock.close()
