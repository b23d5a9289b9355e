"""eventkit: how fast does an event-driven program answer, and what decides it?

    import eventkit as ek

    bus = ek.EventBus()

    @bus.processor("button.click", emits="counter.changed", executor=ek.Threads(4))
    def count(event): ...

Names are loaded when they are first used, so that `import eventkit` is quick and a part that you
do not use need not be installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bus import (
        DeadLetter as DeadLetter,
        DrainTimeout as DrainTimeout,
        EventBus as EventBus,
        HandlersFailed as HandlersFailed,
        NoReply as NoReply,
    )
    from .clock import Clock as Clock, ManualClock as ManualClock
    from .distributed.bridge import Arrived as Arrived, Bridge as Bridge, NotTrusted as NotTrusted
    from .distributed.cluster import NatsCluster as NatsCluster
    from .distributed.server import NatsServer as NatsServer, ServerFailed as ServerFailed
    from .event import (
        CloudEvent as CloudEvent,
        Event as Event,
        InvalidEvent as InvalidEvent,
        decode as decode,
        encode as encode,
        to_cloud as to_cloud,
    )
    from .executors.event_loop import EventLoop as EventLoop
    from .executors.greenlets import Greenlets as Greenlets
    from .executors.inline import Inline as Inline
    from .executors.selector import (
        Delay as Delay,
        Readable as Readable,
        Selector as Selector,
        Writable as Writable,
    )
    from .executors.threads import Threads as Threads
    from .flow import (
        Batch as Batch,
        Coalesce as Coalesce,
        Debounce as Debounce,
        Flow as Flow,
        FlowClosed as FlowClosed,
        Stage as Stage,
        Throttle as Throttle,
        TokenBucket as TokenBucket,
    )
    from .https import HttpsTrigger as HttpsTrigger
    from .log import (
        Conflict as Conflict,
        Delivery as Delivery,
        Entry as Entry,
        EventLog as EventLog,
        Held as Held,
        LeaseLost as LeaseLost,
        LogClosed as LogClosed,
        LogError as LogError,
        LogUnusable as LogUnusable,
        OutcomeUnknown as OutcomeUnknown,
        PermissionDenied as PermissionDenied,
        QuotaExceeded as QuotaExceeded,
        Replayed as Replayed,
        open_log as open_log,
    )
    from .queues import BusClosed as BusClosed, QueueFull as QueueFull
    from .real_time import real_time as real_time
    from .security.access import AccessPolicy as AccessPolicy
    from .security.certificates import CertificateAuthority as CertificateAuthority
    from .security.cipher import Cipher as Cipher
    from .subscription import Retry as Retry, Subscription as Subscription
    from .timeline import Journey as Journey, Timeline as Timeline, percentile as percentile
    from .topics import InvalidTopic as InvalidTopic
    from .triggers import ClosedLoop as ClosedLoop, OpenLoop as OpenLoop, Timer as Timer

_HOME = {
    "bus": ["DeadLetter", "DrainTimeout", "EventBus", "HandlersFailed", "NoReply"],
    "clock": ["Clock", "ManualClock"],
    "distributed.bridge": ["Arrived", "Bridge", "NotTrusted"],
    "distributed.cluster": ["NatsCluster"],
    "distributed.server": ["NatsServer", "ServerFailed"],
    "event": ["CloudEvent", "Event", "InvalidEvent", "decode", "encode", "to_cloud"],
    "executors.event_loop": ["EventLoop"],
    "executors.greenlets": ["Greenlets"],
    "executors.inline": ["Inline"],
    "executors.selector": ["Delay", "Readable", "Selector", "Writable"],
    "executors.threads": ["Threads"],
    "flow": [
        "Batch",
        "Coalesce",
        "Debounce",
        "Flow",
        "FlowClosed",
        "Stage",
        "Throttle",
        "TokenBucket",
    ],
    "https": ["HttpsTrigger"],
    "log": [
        "Conflict",
        "Delivery",
        "Entry",
        "EventLog",
        "Held",
        "LeaseLost",
        "LogClosed",
        "LogError",
        "LogUnusable",
        "OutcomeUnknown",
        "PermissionDenied",
        "QuotaExceeded",
        "Replayed",
        "open_log",
    ],
    "queues": ["BusClosed", "QueueFull"],
    "real_time": ["real_time"],
    "security.access": ["AccessPolicy"],
    "security.certificates": ["CertificateAuthority"],
    "security.cipher": ["Cipher"],
    "subscription": ["Retry", "Subscription"],
    "timeline": ["Journey", "Timeline", "percentile"],
    "topics": ["InvalidTopic"],
    "triggers": ["ClosedLoop", "OpenLoop", "Timer"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in ("https", "interleavings", "lab", "queueing", "security", "testing"):
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"eventkit has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "https", "interleavings", "lab", "queueing", "security", "testing"]
