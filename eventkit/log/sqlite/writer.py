"""Writer: one connection that commits the work of many callers in groups.

Waiting for the disk takes much longer than writing. All work that callers submit while the disk is
busy is therefore done in one transaction as soon as it is free: one wait for all of them.
"""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .. import LogClosed, LogError, LogUnusable, OutcomeUnknown, Packed, PermissionDenied
from .file_lock import FileLock

T = TypeVar("T")
Work = Callable[[sqlite3.Cursor], T]
Add = Callable[[sqlite3.Cursor, list[Packed]], Sequence[int]]

_PATIENCE = 30.0  # seconds that another process may hold the lock: it writes for milliseconds


class Writer:
    """Runs `work(cursor)` inside a transaction and returns when it is committed.

    Work must check before it writes. If it raises, only its own caller gets the error, and the rest
    of the group is committed. An error of SQLite fails the whole group.

    `begin` is called with the cursor before each transaction, `committed` after it. A group of one
    `single` statement needs no transaction, if `begin` returns True. Work that only adds an `event`
    is not called: the events of many callers are added together, by one statement (`add_new`) if
    possible, else by `add_all`, else one by one. All of this happens under `lock`.

    One thread does the work and holds the operating system's lock. Callers hold no lock at all, so
    a KeyboardInterrupt in a caller leaves nothing held or half done, and a signal handler may call
    while the thread that it interrupted is in a call.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        lock: FileLock,
        begin: Work[bool],
        add_new: Add,
        add_all: Add,
        committed: Callable[[], None],
        ended: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.connection: sqlite3.Connection
        self._sql: sqlite3.Cursor  # one for all work: making one is slow
        self._connect = connect
        self._lock = lock
        self._begin = begin
        self._add_new = add_new
        self._add_all = add_all
        self._committed = committed
        self._ended = ended
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None: no more jobs follow
        self._has_ended = False
        self._is_durable = False  # whether `pragma synchronous` is known to be full
        opening = _Job(lambda _: None, durable=True, is_single=False, event=None)
        self._thread = threading.Thread(
            target=self._run, args=[opening], name="eventkit-log", daemon=True
        )
        self._thread.start()
        try:
            opening.wait()
        except BaseException:
            self._jobs.put(None)
            raise

    def do(
        self,
        work: Work[T],
        *,
        durable: bool = True,
        single: bool = False,
        event: Packed | None = None,
    ) -> T:
        """Return what `work` returned, once it is on disk. Without `durable`, once others can see
        it: for changes that a power cut may undo.
        """
        job = _Job(work, durable, single, event)
        self._jobs.put(job)
        if self._has_ended:  # perhaps too late to see this job
            self._refuse_rest()
        result: T = job.wait()
        return result

    def close(self) -> None:
        """Finish the submitted work, accept no more and close the connection."""
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:  # which may have dropped the log
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
            if not self._lock.acquire(_PATIENCE):
                raise LogUnusable(
                    f"another process has been writing for {_PATIENCE:g} s. Is it stopped, or is "
                    f"the disk? Nothing was stored. It holds {self._lock.path!r}."
                )
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
            is_committing = self._begin(sql)  # SQLite commits a statement that stands alone
            if is_committing and self._run_single(sql, group):
                return
            is_committing = False
            sql.execute("begin immediate")
            self._run_all(sql, group)
            is_committing = True
            sql.execute("commit")
        except BaseException as problem:
            _roll_back(self.connection)
            if isinstance(problem, sqlite3.Error):
                raise failure(problem, is_committing=is_committing) from problem
            raise

    def _run_single(self, sql: sqlite3.Cursor, group: list[_Job]) -> bool:
        """Return True if a single statement did the whole group. If not, nothing was done."""
        if len(group) > 1:
            only_add = all(job.event is not None for job in group)
            return only_add and self._add_together(self._add_new, sql, group)
        if group[0].is_single:
            group[0].run(sql)
        return group[0].is_single

    def _run_all(self, sql: sqlite3.Cursor, group: list[_Job]) -> None:
        for only_add, some in groupby(group, lambda job: job.event is not None):
            jobs = list(some)
            if not (only_add and self._add_together(self._add_all, sql, jobs)):
                for job in jobs:
                    job.run(sql)

    def _add_together(self, add: Add, sql: sqlite3.Cursor, jobs: list[_Job]) -> bool:
        """Return True if all were added. If not, doing them one by one shows which one failed."""
        try:
            sequences = add(sql, [job.event for job in jobs if job.event])
        except sqlite3.Error:
            raise
        except BaseException:
            return False
        for job, sequence in zip(jobs, sequences, strict=False):
            job.result = sequence
        return bool(sequences)

    def _set_durable(self, durable: bool) -> None:
        self._is_durable = False  # should it fail
        self._sql.execute(f"pragma synchronous={'full' if durable else 'normal'}")
        self._is_durable = durable


class _Job:
    """One caller's work and its result."""

    __slots__ = ("done", "durable", "error", "event", "is_single", "result", "work")

    def __init__(
        self, work: Work[Any], durable: bool, is_single: bool, event: Packed | None
    ) -> None:
        self.work = work
        self.durable = durable
        self.is_single = is_single
        self.event = event
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()  # released by the writer
        self.done.acquire()

    def run(self, sql: sqlite3.Cursor) -> None:
        try:
            self.result = self.work(sql)
        except sqlite3.Error:
            raise
        except BaseException as problem:  # a clock of the caller's own may raise anything
            self.error = problem

    def wait(self) -> Any:
        """Return the result, or raise the error, when the writer has done it."""
        self.done.acquire()
        if self.error is not None:
            raise self.error
        return self.result


def failure(problem: sqlite3.Error, *, is_committing: bool = False) -> LogError:
    """Return the error of ours for an error of SQLite."""
    name = getattr(problem, "sqlite_errorname", "SQLITE_ERROR")
    text = f"{problem} ({name})"
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return PermissionDenied(f"the log may not be written: {text}.")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return LogUnusable(f"this is no log, or a damaged one: {text}. It is left as it is.")
    if is_committing:
        return OutcomeUnknown(
            f"the disk failed while this was being written: {text}. It may be stored or not. See "
            "to the disk and append again: nothing is stored twice."
        )
    return LogUnusable(f"the log cannot be read or written: {text}. Nothing was stored.")


def _copy_of(problem: BaseException) -> BaseException:
    try:
        return copy.copy(problem)
    except BaseException:  # one that copies badly
        return problem


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite may have rolled back by itself, or will before the next transaction
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("rollback")
