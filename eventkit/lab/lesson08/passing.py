"""Follows numbered events through a flow: which came out, inside which, and which were dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...event import Event
from ...flow import Flow, LeftOut, Stage
from ...flow.clock import ManualClock

TOPIC = "button.click"


class Out(NamedTuple):
    """An event that came out, when, in seconds, and the numbers of the events that it stands for,
    oldest first. The last is the newest.
    """

    moment: float
    event: Event
    numbers: tuple[int, ...]


class Passing(NamedTuple):
    """What a flow did: each number is in exactly one of `out`, or in `dropped`."""

    out: list[Out]
    dropped: list[int]


def pass_through(flow: Flow, due: Sequence[float]) -> Passing:
    """Put an event into the flow at each of these seconds, in order, and follow every one of them.

    The flow's ManualClock is moved, so this takes no time. The stage reports merged events before
    the event that replaces them, so those reported last belong to the next one that comes out.
    """
    clock = flow.clock
    assert isinstance(clock, ManualClock)
    passing, merged = Passing([], []), list[int]()

    def deliver(event: Event, number: int) -> None:
        passing.out.append(Out(clock.now, event, (*merged, number)))
        merged.clear()

    def left_out(event: Event, number: int, how: LeftOut) -> None:
        (merged if how == "merged" else passing.dropped).append(number)

    stage = Stage(flow, deliver, left_out)
    for number, moment in enumerate(due):
        clock.advance_to(moment)
        stage.put(Event(TOPIC, number, time=clock.now_ns()), number)
    clock.advance(60)
    stage.close()
    return passing
