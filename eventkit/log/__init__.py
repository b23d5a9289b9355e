"""EventLog: events that are kept. Append, read, claim and acknowledge, lock; and replay.

    with ek.open_log("counter.db") as log:
        log.append(ek.Event("counter.changed", 1))
        for entry in log.read(topic="counter.>"):
            print(entry.sequence, entry.topic, entry.data)

A log is a row of entries that is only ever added to. This file says what every log promises,
wherever it lives; a backend keeps the promise, and one contract suite is run on all of them.

- **Acknowledged means on disk.** When `append` returns, the event survives a crash and a power cut.
- **Never twice.** An event is known by its source and id. Appended again it is not stored again,
  so after `OutcomeUnknown`, a crash or a time-out, append it again.
- **At least once.** What a consumer has claimed and not acknowledged when the lease ends is
  delivered again, perhaps to another worker while the first is still running.
- **Sequences only grow**, and no two entries share one.

Leases, locks and ages are counted on the wall clock of the calling process (of the server, if the
log lives on one), because several processes must agree on them.
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
    check_name as check_name,
    check_quota as check_quota,
    check_reading as check_reading,
    check_seconds as check_seconds,
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
"""Which package takes a URL's scheme. What has no scheme is a path: sqlite."""


def open_log(where: str | os.PathLike[str], **options: Any) -> EventLog:
    """The log at a path, which is a file that SQLite keeps, or at the URL of a NATS server.

    A new one is made if there is none, unless `create=False` is given. `clock` is what leases,
    locks and ages are counted on, a function that returns seconds since 1970. What else a log on a
    server takes is in `eventkit.nats.log`.

    Raises LogUnusable if what is there cannot be used as a log: it is left as it is.
    PermissionDenied if this process may not write there.
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
