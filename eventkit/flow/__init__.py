"""Flows let fewer events out than come in: coalesce, debounce, throttle, batch, token bucket.

A flow is a set of rules. Any number of subscriptions can share one, as in
`bus.subscribe("typed", search, flow=Debounce(0.3))`. It also works without a bus:

    with Debounce(0.3).start(search) as stage:
        stage.put(event)

`start` returns a Stage, in which events wait. Events of the same topic and key wait in one line, so
the newest event of one key never replaces an event of another. Batch and TokenBucket have a single
line for all events.

Events come out in order. They are delivered in the thread that put them in or, if they had to wait,
in the clock's thread, or in that of `flush` or of a later `put`. All flows without a `clock=` share
one clock, so run slow handlers on an executor.
"""

from ..errors import FlowClosed
from .batch import Batch
from .coalesce import Coalesce
from .debounce import Debounce
from .stage import AnyClock, Flow, Held, LeftOut, Line, Stage
from .throttle import Throttle
from .token_bucket import TokenBucket

__all__ = [
    "AnyClock",
    "Batch",
    "Coalesce",
    "Debounce",
    "Flow",
    "FlowClosed",
    "Held",
    "LeftOut",
    "Line",
    "Stage",
    "Throttle",
    "TokenBucket",
]
