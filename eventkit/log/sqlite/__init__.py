"""A log in one SQLite file: the embedded default. Several processes may open it at once.

What changes the log goes through the one connection of `group_commit.Writer`; `file.py` says
why. Reading has connections of its own, borrows one for a page of entries at a time and never
keeps a page while the caller works on it, so that memory is flat and the file can be tidied up.

Sequences have no gaps and entries are removed from the front only: that is how the number of
entries and their bytes are known without counting.

Copy a log that is open with `log.backup(path)` only. SQLite's locks end as soon as the process
that holds them opens and closes the file by other means, as a plain copy does.

Waiting calls (`follow`, `claim`, a lock) are woken at once by changes of this process, and poll
every 50 ms for those of others.
"""

from __future__ import annotations

import os
import time

from .. import EventLog, LogClosed
from .log import SqliteLog as SqliteLog
from .store import THE_PARENTS, Clock, Store, identity_of


def open(path: str, *, create: bool = True, clock: Clock = time.time) -> EventLog:
    """The log in the file at `path`; see `open_log`."""
    path = os.path.realpath(path)  # one lock for all names of a file
    if os.path.exists(path) and identity_of(path) in THE_PARENTS:
        raise LogClosed(
            f"{path!r} was open when this process was forked, and SQLite would take the parent's "
            "locks for its own. Start the process by spawning, or open the log only after forking."
        )
    return SqliteLog(Store(path, create=create, clock=clock))
