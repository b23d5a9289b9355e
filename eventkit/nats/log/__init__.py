"""A log on a NATS server with JetStream: for many machines, and copied to several servers.

    log = ek.open_log("nats://user:password@127.0.0.1:4222", name="counter", replicas=3)

A log has two streams. The first one stores each event on a subject made of its topic. It also
stores the held locks, so that the server checks a lock's token (the fence) and stores the event in
one step. The second stream stores each consumer's state as one message. A change names the version
that it is based on. If that is no longer the last one, the server refuses the change, and the
client reads the state again.

Every message has an id. An event's is made of its source and id. Unanswered requests are repeated,
and the server stores no id twice. It remembers ids for an hour.

Differences from a file:

- Sequences have gaps, because locks have sequences too.
- Acknowledged means that the server has the event. It is on disk with `sync_interval: always`,
  which NatsServer sets.
- A repeated event is recognised for an hour.
- A held lock takes one of the places of `set_quota(events=)`.
- Bytes include the server's own overhead for each event, and the held locks.
- While the log holds no event, `last_sequence` counts locks as well.
- `stored` is the server's time. Leases are counted on the server's clock, as read when the log was
  opened.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from ...checks import name as check_name, seconds, whole_number
from ...log import EventLog
from ..client import options_for
from .log import NatsLog as NatsLog
from .store import Store


def open(
    url: str,
    *,
    name: str = "events",
    create: bool = True,
    replicas: int = 1,
    timeout: float = 10.0,
    tls: ssl.SSLContext | None = None,
    clock: Callable[[], float] | None = None,
    **options: Any,
) -> EventLog:
    """Open the log of this name on the server at `url`; see `open_log`.

    `url` can name several servers, separated by commas. A new log is stored by `replicas` servers
    of a cluster. A call without an answer after `timeout` seconds raises OutcomeUnknown if it
    changes the log, else LogUnusable. With `tls`, such as an authority's `client_context`, the
    client sends nothing before the server has shown its certificate. `options` are nats-py's.
    """
    check_name("log", name, "counter")
    seconds("timeout", timeout, above_zero=True)
    whole_number("replicas", replicas, "a number of servers")
    return NatsLog(
        Store(
            url, name=name, create=create, replicas=replicas, timeout=timeout, clock=clock,
            options=options_for(url, tls, options),
        )
    )  # fmt: skip
