"""Fewer events: coalesce, debounce, throttle, batch, token bucket.

A flow is a recipe. It can be given to any number of subscriptions, as in
`bus.subscribe("typed", search, flow=Debounce(0.3))`, or be used without a bus:

    with Debounce(0.3).start(search) as stage:
        stage.put(event)

`start` makes a Stage, in which events wait. Events of one topic and one key are a line of their
own, so that the newest of one never takes the place of another; only Batch and TokenBucket have one
line for all. What comes out comes out in order, in the thread that put it in or, if it waited, in
the clock's. One clock serves all flows, so a handler that takes long belongs on an executor.
"""

from ..errors import FlowClosed as FlowClosed
from .batch import Batch as Batch
from .coalesce import Coalesce as Coalesce
from .debounce import Debounce as Debounce
from .stage import (
    AnyClock as AnyClock,
    Flow as Flow,
    Held as Held,
    LeftOut as LeftOut,
    Line as Line,
    Stage as Stage,
)
from .throttle import Throttle as Throttle
from .token_bucket import TokenBucket as TokenBucket
