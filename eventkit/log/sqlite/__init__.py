"""A log in one SQLite file: the embedded default. Several processes may open it at once.

All changes go through the single connection of `writer.Writer`; `file.py` explains why. Readers
have connections of their own. A reader borrows one for each page of entries and returns it before
the caller works on the page, so memory stays flat and checkpoints are not blocked.

Sequences have no gaps, and entries are removed from the front only. The number of entries and
their bytes are therefore known without counting.

Copy an open log only with `log.backup(path)`. SQLite's locks are lost when the process that holds
them opens and closes the file by other means, as a plain copy does.

Waiting calls (`follow`, `claim`, a lock) wake at once on changes made by this process, and poll
every 50 ms for changes made by others.
"""

from __future__ import annotations

import os
import time

from .. import EventLog, LogClosed
from .log import SqliteLog as SqliteLog
from .store import THE_PARENTS, Clock, Store, identity_of


def open(path: str, *, create: bool = True, clock: Clock = time.time) -> EventLog:
    """Open the log in the file at `path`; see `open_log`."""
    path = os.path.realpath(path)  # so that all names of a file share one lock
    if os.path.exists(path) and identity_of(path) in THE_PARENTS:
        raise LogClosed(
            f"{path!r} was open when this process was forked, and SQLite would mistake the "
            "parent's locks for its own. Open the log after forking, or use the spawn start method."
        )
    return SqliteLog(Store(path, create=create, clock=clock))
