"""The tables of lesson 04: what theory says, and what was measured, in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..course.session import Table


def places_table(last_answer: Callable[[int, int], float], numbers: Sequence[int]) -> Table:
    """Return the seconds until the last answer, for numbers of requests and of waiting places."""
    return Table(
        ["requests", "one waiting place (s)", "ten (s)", "one for each request (s)"],
        [[f"{n:,}", *(f"{last_answer(n, places):.1f}" for places in (1, 10, n))] for n in numbers],
    )


def hearts_table(hearts: Mapping[str, tuple[float, float]]) -> Table:
    """Return how long ten requests took, and the heartbeat's longest gap, for each handler."""
    return Table(
        ["handler", "all ten answered (ms)", "longest gap in the heartbeat (ms)"],
        [[name, f"{took * 1e3:,.0f}", f"{gap * 1e3:,.0f}"] for name, (took, gap) in hearts.items()],
    )


def computing_table(best: Mapping[str, float]) -> Table:
    """Return the shortest time of each way to compute."""
    rows = [[way, f"{seconds * 1e3:.0f}"] for way, seconds in best.items()]
    return Table(["four computations", "all done (ms), best of five"], rows)
