"""The exact runs of the lesson: flows on a ManualClock, drawn as text and counted in tables."""

from __future__ import annotations

from collections.abc import Mapping

from ...event import Event
from ...flow import Flow
from ...flow.clock import ManualClock
from ..course.session import Table
from .filter_run import BURST
from .passing import TOPIC


def show_flows(came: str, *flows: Flow) -> None:
    """Print what came, and below it what each flow lets out: a line of characters each."""
    print(f"{'what came':<44}{came}")
    for flow in flows:
        out = drawn(flow, came)
        print(f"{flow!r:<44}{out}   {len(out) - out.count('.')} came out")


def drawn(flow: Flow, keys: str, seconds: float = 0.1) -> str:
    """Draw what comes out of a flow on a ManualClock for these `keys`: one character for each step
    of `seconds`, and a dot where nothing comes out.
    """
    clock = flow.clock
    assert isinstance(clock, ManualClock)
    begin, out = clock.now, dict[int, str]()

    def leave(event: Event) -> None:
        place = round((clock.now - begin) / seconds)
        out[place] = event.data if isinstance(event.data, str) else "#"

    with flow.start(leave) as stage:
        for place, key in enumerate(keys):
            clock.advance_to(begin + place * seconds)
            if key != ".":
                stage.put(Event("key", key))
    return "".join(out.get(place, ".") for place in range(len(keys)))


def counted_table(flows: Mapping[str, Flow]) -> Table:
    """Send the burst, each click worth 1, through each flow, and count what comes out."""
    return Table(
        ["flow", "events that came out", "clicks counted"],
        [[name, *_counted(flow)] for name, flow in flows.items()],
    )


def _counted(flow: Flow) -> tuple[int, int]:
    """Return how many events come out, and how many clicks their data tells of."""
    clock, told = flow.clock, list[int]()
    assert isinstance(clock, ManualClock)

    def leave(event: Event) -> None:
        batch = event.data if isinstance(event.data, tuple) else (event,)
        told.append(sum(one.data for one in batch))

    with flow.start(leave) as stage:
        for moment in BURST:
            clock.advance_to(moment)
            stage.put(Event(TOPIC, 1))
    return len(told), sum(told)
