"""Percentile curves side by side: how slow the slowest tenth, hundredth, thousandth are."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ...timeline import percentile
from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, NON_BLOCKING

RANKS = [rank / 10 for rank in range(1000)] + [100.0]
SHOWN = [0.0, 50.0, 90.0, 99.0]
COLOURS = (NON_BLOCKING, BLOCKING)


def percentiles_figure(sides: dict[str, Sequence[float]]) -> Picture:
    """Draw response times by percentile, with a curve for each side on a common logarithmic axis.

    `sides` maps a title to seconds. Each step to the right covers a tenth of the requests of the
    step before, so that the tail has as much room as the rest.
    """

    def draw(figure: Figure) -> str:
        grid = figure.subplots(1, len(sides), sharex=True, sharey=True, squeeze=False)[0]
        said = []
        for number, (title, times) in enumerate(sides.items()):
            axes, colour = grid[number], COLOURS[number % len(COLOURS)]
            ranks = [rank for rank in RANKS if rank < 100]
            axes.plot([100 / (100 - rank) for rank in ranks],
                      [percentile(times, rank) * 1e3 for rank in ranks], color=colour)  # fmt: skip
            mean = sum(times) / len(times) * 1e3
            axes.axhline(mean, color=colour, linewidth=1, linestyle=":")
            axes.text(1000, mean, "mean ", color=colour, fontsize=8, ha="right", va="top")
            for rank in SHOWN[1:]:
                at = (100 / (100 - rank), percentile(times, rank) * 1e3)
                axes.plot(*at, "o", color=colour, markersize=4)
                axes.annotate(f"{at[1]:,.0f}", at, fontsize=8, textcoords="offset points",
                              xytext=(0, 6), ha="center")  # fmt: skip
            axes.set_title(title)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks([100 / (100 - rank) for rank in SHOWN], [f"{r:g}" for r in SHOWN])
            axes.minorticks_off()
            axes.set_xlabel("percentile")
            axes.margins(y=0.15)
            said.append(f"{title}: mean {mean:,.0f}, " + ", ".join(
                f"p{rank:g} {percentile(times, rank) * 1e3:,.0f}" for rank in SHOWN[1:]
            ) + " ms")  # fmt: skip
        grid[0].set_ylabel("response time (ms)")
        return f"Response times by percentile. {'; '.join(said)}."

    return picture(draw, height=3.4)
