"""A log on a NATS server with JetStream: for many machines, and copied to several servers.

    log = ek.open_log("nats://user:password@127.0.0.1:4222", name="counter", replicas=3)

It takes two streams. Events are messages of the first, each on a subject made of its topic, and so
are the locks that are held: that is why the server itself can refuse an event whose lock has gone
(its fence), in one step with the storing. In the second a consumer is one message that says how
far it is; a change must name the last one, or it is refused and read again.

Every message has an id that is made of the event's source and id. A question that gets no answer
is asked again, and what is there already is not stored twice: the server remembers ids for an hour.

What differs from a file: sequences have gaps, since locks have numbers, too; a lock that is held
takes one of the places of `set_quota(events=)`; bytes are counted as the server does, with what it
needs around each; `stored` is the server's time. Leases are counted on the server's clock, as it
was when the log was opened.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from ...checks import seconds, whole_number
from ...log import EventLog, check_name
from ..connecting import options_for
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
    """The log of that name on the server at `url`, or at several with commas; see `open_log`.

    A new one is kept by `replicas` servers of a cluster. What has no answer after `timeout` seconds
    raises OutcomeUnknown if it would change something, else LogUnusable. With `tls`, such as an
    authority's `client_context`, nothing is said to a server before it has shown its certificate.
    `options` are nats-py's.
    """
    check_name(name, "log")
    seconds("timeout", timeout, above_zero=True)
    whole_number("replicas", replicas, "a number of servers")
    return NatsLog(
        Store(
            url, name=name, create=create, replicas=replicas, timeout=timeout, clock=clock,
            options=options_for(url, tls, options),
        )
    )  # fmt: skip
