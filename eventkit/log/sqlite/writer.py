"""Writer: one connection that commits the work of many callers in groups.

Waiting for the disk takes much longer than writing. All work that callers submit while the disk is
busy is therefore done in one transaction as soon as it is free: one wait for all of them.
"""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .. import LogClosed, LogError, LogUnusable, OutcomeUnknown, PermissionDenied
from .file_lock import FileLock

T = TypeVar("T")
Work = Callable[[sqlite3.Cursor], T]

PATIENCE = 30.0  # seconds that another process may hold the lock: it writes for milliseconds


class Writer:
    """Runs `work(cursor)` inside a transaction and returns when it is committed.

    Work must check before it writes. If it raises, only its own caller gets the error, and the rest
    of the group is committed. An error of SQLite fails the whole group.

    `check` is called before each transaction, under `lock`, and `committed` after each that was
    committed. `ended` is called with the connection when the thread ends, and closes it.

    One thread does the work and holds the operating system's lock. Callers hold no lock at all, so
    a KeyboardInterrupt in a caller leaves nothing held or half done, and a signal handler may call
    while the thread that it interrupted is in a call.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        lock: FileLock,
        check: Callable[[], None],
        committed: Callable[[], None],
        ended: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.connection: sqlite3.Connection
        self._sql: sqlite3.Cursor  # one for all work, because creating one is slow
        self._connect = connect
        self._lock = lock
        self._check = check
        self._committed = committed
        self._ended = ended
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None: no more jobs follow
        self._has_ended = False
        self._is_durable = False  # whether `pragma synchronous` is known to be full
        opening = _Job(lambda _: None, durable=True)
        self._thread = threading.Thread(
            target=self._run, args=[opening], name="eventkit-log", daemon=True
        )
        self._thread.start()
        try:
            opening.wait()
        except BaseException:
            self._jobs.put(None)
            raise

    def do(self, work: Work[T], *, durable: bool = True) -> T:
        """Return the result of `work` once it is on disk, or, without `durable`, once other
        connections see it. A power cut may undo a change that is not durable.
        """
        job = _Job(work, durable)
        self._jobs.put(job)
        if self._has_ended:  # perhaps before it could see this job
            self._refuse_rest()
        result: T = job.wait()
        return result

    def close(self) -> None:
        """Finish the submitted work, accept no more and close the connection."""
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:  # it may have closed the log itself
            self._thread.join()

    def _run(self, opening: _Job) -> None:
        try:
            self.connection = self._connect()
            self._sql = self.connection.cursor()
        except BaseException as problem:
            opening.error = problem
            self._has_ended = True
            opening.done.release()
            return
        opening.done.release()
        del opening
        while self._do_next_group():
            pass
        with suppress(BaseException):
            self._ended(self.connection)
        self._has_ended = True
        self._refuse_rest()

    def _do_next_group(self) -> bool:
        """Do the work submitted since the last group. Return False after the last one."""
        group = [self._jobs.get()]
        while not self._jobs.empty():
            group.append(self._jobs.get())
        if jobs := [job for job in group if job]:
            self._do_all(jobs)
        return None not in group

    def _do_all(self, jobs: list[_Job]) -> None:
        try:
            self._do(jobs)
        except BaseException as problem:
            for job in jobs:
                job.error = _copy_of(problem)  # each caller adds a traceback to its own
        for job in jobs:
            job.done.release()

    def _do(self, group: list[_Job]) -> None:
        try:
            hold(self._lock)
            self._transact(group)
        finally:
            self._lock.release()
        self._committed()

    def _refuse_rest(self) -> None:
        with suppress(Empty):
            while True:
                if job := self._jobs.get_nowait():
                    job.error = LogClosed("this log is closed. Open it again with open_log().")
                    job.done.release()

    def _transact(self, group: list[_Job]) -> None:
        sql = self._sql
        is_committing = False
        try:
            durable = any(job.durable for job in group)
            if durable is not self._is_durable:
                self._set_durable(durable)
            self._check()
            sql.execute("begin immediate")
            for job in group:
                job.run(sql)
            is_committing = True
            sql.execute("commit")
        except BaseException as problem:
            _roll_back(self.connection)
            if isinstance(problem, sqlite3.Error):
                raise failure(problem, is_committing=is_committing) from problem
            raise

    def _set_durable(self, durable: bool) -> None:
        self._is_durable = False  # in case it fails
        self._sql.execute(f"pragma synchronous={'full' if durable else 'normal'}")
        self._is_durable = durable


class _Job:
    """One caller's work and its result."""

    __slots__ = ("done", "durable", "error", "result", "work")

    def __init__(self, work: Work[Any], durable: bool) -> None:
        self.work = work
        self.durable = durable
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()  # released by the writer
        self.done.acquire()

    def run(self, sql: sqlite3.Cursor) -> None:
        try:
            self.result = self.work(sql)
        except sqlite3.Error:
            raise
        except BaseException as problem:  # the caller's clock may raise anything
            self.error = problem

    def wait(self) -> Any:
        """Wait until the writer has done the work. Return the result or raise the error."""
        self.done.acquire()
        if self.error is not None:
            raise self.error
        return self.result


def hold(lock: FileLock) -> None:
    """Take the lock. Raises LogUnusable if another process holds it for too long."""
    if not lock.acquire(PATIENCE):
        raise LogUnusable(
            f"another process has held {lock.path!r} for {PATIENCE:g} s. Nothing was stored. "
            "Is that process stopped, or the disk stalled?"
        )


def failure(problem: sqlite3.Error, *, is_committing: bool = False) -> LogError:
    """Return our error for an error of SQLite."""
    name = getattr(problem, "sqlite_errorname", "SQLITE_ERROR")
    text = f"{problem} ({name})"
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return PermissionDenied(f"the log cannot be written: {text}.")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return LogUnusable(f"this is not a log, or is damaged: {text}. It is left as it is.")
    if is_committing:
        return OutcomeUnknown(
            f"the disk failed during the write: {text}. It may be stored or not. Check the disk "
            "and append again: nothing is stored twice."
        )
    return LogUnusable(f"the log cannot be read or written: {text}. Nothing was stored.")


def _copy_of(problem: BaseException) -> BaseException:
    try:
        return copy.copy(problem)
    except BaseException:  # it cannot be copied
        return problem


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite may have rolled back by itself, or will before the next transaction
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("rollback")
