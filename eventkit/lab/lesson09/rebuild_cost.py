"""The cost of a rebuild, from the start of a log and from a snapshot, by the log's length."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, NON_BLOCKING


def rebuild_figure(costs: Mapping[int, tuple[float, float]]) -> Picture:
    """Draw `costs`, which maps a log's length to (seconds from the start, from a snapshot)."""

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        sizes, said = list(costs), []
        for place, (name, colour) in enumerate(
            [("from the start", BLOCKING), ("from a snapshot", NON_BLOCKING)]
        ):
            times = [cost[place] * 1e3 for cost in costs.values()]
            axes.plot(sizes, times, "o-", color=colour)
            axes.annotate(
                name, (sizes[-1], times[-1]), (8, 6), textcoords="offset points",
                color=colour,
            )  # fmt: skip
            said.append(f"{name} {times[0]:.1f} ms for {sizes[0]:,} and {times[-1]:.1f} ms for "
                        f"{sizes[-1]:,} events")  # fmt: skip
        axes.set_xlim(0, sizes[-1] * 1.2)
        axes.set_xticks(sizes)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("events in the log")
        axes.set_ylabel("time to rebuild (ms)")
        return f"Time to rebuild over the length of the log: {'; '.join(said)}."

    return picture(draw, height=2.8)
