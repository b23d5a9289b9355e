"""EventLog: stored events. Append, read, claim and acknowledge, lock, replay.

    with ek.open_log("counter.db") as log:
        log.append(ek.Event("counter.changed", 1))
        for entry in log.read(topic="counter.>"):
            print(entry.sequence, entry.topic, entry.data)

A log is a sequence of entries to which new ones are only appended. `contract.py` has the promises
of every log. Each backend keeps them, and one contract suite runs on all backends.

- **Acknowledged means on disk.** When `append` returns, the event survives a crash and a power cut.
- **Never twice.** `append` is idempotent: events are deduplicated by source and id, in a file for
  as long as it keeps them, on a server for an hour. After `OutcomeUnknown`, a crash or a time-out,
  append the event again.
- **At least once.** An entry that a consumer claimed and did not acknowledge before its lease ends
  is delivered again, perhaps to another worker while the first is still running.
- **Sequences only grow**, and no two entries share one.

Leases, locks and ages are measured by the wall clock of the calling process, or of the server that
keeps the log, because several processes must agree on them.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import Any

from ..errors import (
    Conflict as Conflict,
    Held as Held,
    LeaseLost as LeaseLost,
    LogClosed as LogClosed,
    LogError as LogError,
    LogUnusable as LogUnusable,
    OutcomeUnknown as OutcomeUnknown,
    PermissionDenied as PermissionDenied,
    QuotaExceeded as QuotaExceeded,
)
from .checks import (
    check_append as check_append,
    check_claim as check_claim,
    check_consumer as check_consumer,
    check_lock as check_lock,
    check_quota as check_quota,
    check_reading as check_reading,
    check_sequences as check_sequences,
    check_speed as check_speed,
    check_trim as check_trim,
    claim_lost as claim_lost,
    consumer_gone as consumer_gone,
    lock_lost as lock_lost,
    no_room as no_room,
    other_pattern as other_pattern,
)
from .contract import Consumer as Consumer, EventLog as EventLog, Lock as Lock
from .entries import (
    Delivery as Delivery,
    Entry as Entry,
    Packed as Packed,
    Progress as Progress,
    Replayed as Replayed,
    Usage as Usage,
    pack as pack,
    unpack as unpack,
)

_BACKENDS: dict[str, str] = {"nats": "eventkit.nats.log", "tls": "eventkit.nats.log"}
"""The package for each URL scheme. An address without a scheme is a path, for SQLite."""


def open_log(where: str | os.PathLike[str], **options: Any) -> EventLog:
    """Open the log at a path, which is an SQLite file, or at the URL of a NATS server.

    Creates a log if there is none, unless `create=False`. `clock` returns seconds since 1970 and
    measures leases, locks and ages. `eventkit.nats.log` has the other options of a log on a server.

    Raises LogUnusable if there is no log and none can be created, or if the file or server cannot
    be used as a log; it is left unchanged. Raises PermissionDenied if this process may not write
    there, LogClosed in a forked child if its parent had the file open, and ValueError for an
    address that cannot be read.
    """
    place = os.fspath(where)
    scheme, separator, _ = place.partition("://")
    if separator and scheme not in _BACKENDS:
        raise ValueError(
            f"no log can be opened at an address with the scheme {scheme!r}: give the path of a "
            "file, or nats://host:port."
        )
    if not separator and _looks_like_a_server(place):
        raise ValueError(
            "this looks like a server's address, with a name and a password, that lacks its "
            "scheme: write nats:// before it. For a file of such a name, write ./ before it."
        )
    backend = importlib.import_module(_BACKENDS[scheme] if separator else "eventkit.log.sqlite")
    log: EventLog = backend.open(place, **options)
    return log


_looks_like_a_server = re.compile(r"[^/\\]+:[^/\\]*@[^/\\]+:\d+").match
