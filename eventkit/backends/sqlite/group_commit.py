"""Writer: one connection on which what many callers want is committed, group by group.

To wait for the disk takes many times longer than to write down what it shall keep. So whatever
callers hand in while the disk is busy is done in one transaction when it is free again: one wait
for all of them. Alone, a caller pays one wait; sixty-four at once share it.
"""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeVar

from ...log import LogClosed, LogError, LogUnusable, OutcomeUnknown, Packed, PermissionDenied
from .file_lock import FileLock

T = TypeVar("T")
Work = Callable[[sqlite3.Cursor], T]
Add = Callable[[sqlite3.Cursor, list[Packed]], Sequence[int]]

_PATIENCE = 30.0  # seconds that another process may hold the lock: it writes for milliseconds


class Writer:
    """Does `work(cursor)` inside a transaction, and returns when that is committed.

    Work must look before it writes: if it raises, only its caller is told, and what others did in
    the same group is committed all the same. What SQLite raises is the end of the whole group.

    `begin` is called with the cursor before each transaction, and `committed` after each. Work that
    is a `single` statement, and all that there is to do, needs no transaction around it, if `begin`
    says that this will do. Work that only adds an `event` need not be called: those of many callers
    are added at once, by a single statement if `add_new` can, or by `add_all`. If neither can, they
    are done one by one. All of this, and whatever SQLite does at its end, happens under `lock`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        lock: FileLock,
        begin: Work[bool],
        add_new: Add,
        add_all: Add,
        committed: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._sql = connection.cursor()  # one for all, since to make one takes a while
        self._lock = lock
        self._begin = begin
        self._add_new = add_new
        self._add_all = add_all
        self._committed = committed
        self._turn = threading.Lock()  # whose it is may use the connection
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._is_closed = False
        self._is_durable = False  # whether `pragma synchronous` is known to be full
        self._thread = threading.Thread(target=self._run, name="eventkit-log", daemon=True)
        self._thread.start()

    def do(
        self,
        work: Work[T],
        *,
        durable: bool = True,
        single: bool = False,
        event: Packed | None = None,
    ) -> T:
        """What `work` returned, once it is on disk; or, unless `durable`, once others can see it,
        for what does no harm if a power cut undoes it.
        """
        job = _Job(work, durable, single, event)
        if self._waiting or self._turn.locked():
            self._hand_over(job)
        else:
            self._do_alone(job)
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """Finish what was handed in; accept nothing more."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._thread.join()
        with self._turn:
            pass  # who is at it is done now

    def _do_alone(self, job: _Job) -> None:
        """In the caller's thread, which saves two changes of threads. A KeyboardInterrupt may end
        it anywhere: so nothing is left behind that the next transaction does not put right.
        """
        with self._turn:
            self._check_open()
            self._do([job])

    def _hand_over(self, job: _Job) -> None:
        """To the thread that does together what has come meanwhile."""
        job.done = threading.Lock()
        job.done.acquire()
        with self._wake:
            self._check_open()
            self._waiting.append(job)
            self._wake.notify()
        job.done.acquire()

    def _check_open(self) -> None:
        if self._is_closed:
            raise LogClosed("this log is closed. Open it again with open_log().")

    def _run(self) -> None:
        while self._wait():
            with self._turn:
                self._do_group()  # a call of its own, which keeps nothing of the group

    def _wait(self) -> bool:
        with self._wake:
            while not self._waiting and not self._is_closed:
                self._wake.wait()
            return bool(self._waiting)

    def _do_group(self) -> None:
        with self._wake:
            group = list(self._waiting)
            self._waiting.clear()
        try:
            self._do(group)
        except BaseException as problem:
            for job in group:
                job.error = copy.copy(problem)  # each caller adds a traceback to its own
        for job in group:
            job.done.release()

    def _do(self, group: list[_Job]) -> None:
        if not self._lock.acquire(_PATIENCE):
            raise LogUnusable(
                f"another process has been writing for {_PATIENCE:g} s. Is it stopped, or is "
                f"the disk? Nothing was stored. It holds {self._lock.path!r}."
            )
        try:
            self._transact(group)
        finally:
            self._lock.release()
        self._committed()

    def _transact(self, group: list[_Job]) -> None:
        sql = self._sql
        is_committing = False
        try:
            if self._connection.in_transaction:  # what was interrupted
                sql.execute("rollback")
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
            _roll_back(self._connection)
            if isinstance(problem, sqlite3.Error):
                raise failure(problem, is_committing=is_committing) from problem
            raise

    def _run_single(self, sql: sqlite3.Cursor, group: list[_Job]) -> bool:
        """Whether a single statement did it all. If not, nothing is done yet."""
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
        """Whether all could be added. If not, whose fault that is will turn out one by one."""
        try:
            sequences = add(sql, [job.event for job in jobs if job.event])
        except sqlite3.Error:
            raise
        except Exception:
            return False
        for job, sequence in zip(jobs, sequences, strict=False):
            job.result = sequence
        return bool(sequences)

    def _set_durable(self, durable: bool) -> None:
        self._is_durable = False  # in case of an interrupt: to set it once more does no harm
        self._connection.execute(f"pragma synchronous={'full' if durable else 'normal'}")
        self._is_durable = durable


class _Job:
    """What one caller wants done. If somebody else does it, the caller sleeps on `done`."""

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
        self.done: threading.Lock

    def run(self, sql: sqlite3.Cursor) -> None:
        try:
            self.result = self.work(sql)
        except sqlite3.Error:
            raise
        except Exception as problem:
            self.error = problem


def failure(problem: sqlite3.Error, *, is_committing: bool = False) -> LogError:
    """What SQLite said, as one of our errors."""
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


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite may have rolled back by itself, or will before the next transaction
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("rollback")
