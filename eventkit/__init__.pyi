from . import https as https, lab as lab, nats as nats, security as security, testing as testing
from .bus import (
    DeadLetter as DeadLetter,
    DrainTimeout as DrainTimeout,
    EventBus as EventBus,
    HandlersFailed as HandlersFailed,
    NoReply as NoReply,
)
from .event import (
    CloudEvent as CloudEvent,
    Event as Event,
    InvalidEvent as InvalidEvent,
    decode as decode,
    encode as encode,
    to_cloud as to_cloud,
)
from .executors.awaited import Awaited as Awaited
from .executors.event_loop import EventLoop as EventLoop
from .executors.greenlets import Greenlets as Greenlets
from .executors.inline import Inline as Inline
from .executors.processes import Processes as Processes, WorkerKilled as WorkerKilled
from .executors.queue import BusClosed as BusClosed, QueueFull as QueueFull
from .executors.real_time import real_time as real_time
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
from .flow.clock import Clock as Clock, ManualClock as ManualClock
from .https.trigger import HttpsTrigger as HttpsTrigger
from .lab.theory import interleavings as interleavings, queueing as queueing
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
from .nats.bridge import Arrived as Arrived, Bridge as Bridge, NotTrusted as NotTrusted
from .nats.cluster import NatsCluster as NatsCluster
from .nats.server import NatsServer as NatsServer, ServerFailed as ServerFailed
from .security.access import AccessPolicy as AccessPolicy
from .security.certificates import CertificateAuthority as CertificateAuthority
from .security.cipher import Cipher as Cipher
from .subscription import Retry as Retry, Subscription as Subscription
from .timeline import Journey as Journey, Timeline as Timeline, percentile as percentile
from .topics import InvalidTopic as InvalidTopic
from .triggers import ClosedLoop as ClosedLoop, OpenLoop as OpenLoop, Timer as Timer

__all__: list[str]
__version__: str
