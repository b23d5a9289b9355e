"""From a click to the changed number on the screen, measured in the page by the page's clock.

On one page stand a bare ipywidgets button that sets a label, and the counter panel. Their buttons
are clicked in turn, again and again, so that whatever else the machine does befalls all of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from .comparing import Row

BARE = """
import ipywidgets as widgets

bare_label, bare_count = widgets.Label("0"), 0

def count_bare(_):
    global bare_count
    bare_count += 1
    bare_label.value = str(bare_count)

bare_button = widgets.Button(description="+1")
bare_button.on_click(count_bare)
bare = widgets.VBox([bare_button, bare_label])
bare.add_class("bare")
bare
"""
PANELS = """
from eventkit import lab
lab.setup()
panels = widgets.VBox([lab.CounterPanel(threshold=1_000_000) for _ in range(2)])
panels.add_class("panels")
panels.children[1]._executor.value = "Threads(4): handed over"
panels
"""
FLOOD = """
naive_label, painted_label, newest = widgets.Label("0"), widgets.Label("0"), 0

def paint():
    painted_label.value = str(newest)

painter = lab.Painter(paint)

def flood(_):
    global newest
    for newest in range(1, 10_001):
        painter.changed()

def flood_naively(_):
    for number in range(1, 10_001):
        naive_label.value = str(number)

def button(label, on_click):
    made = widgets.Button(description=label)
    made.on_click(on_click)
    return made

painted = widgets.VBox([button("+1", flood), painted_label])
painted.add_class("painted")
naive = widgets.VBox([button("+1", flood_naively), naive_label])
naive.add_class("naive")
widgets.VBox([painted, naive])
"""

# A click, and the milliseconds until what `number` selects says something else.
CLICK = """([root, number]) => new Promise((resolve) => {
  const button = [...root.querySelectorAll("button")].find((one) => one.textContent === "+1");
  const shown = () => root.querySelector(number).textContent;
  const before = shown();
  const watch = new MutationObserver(() => {
    if (shown() === before) return;
    watch.disconnect();
    resolve(performance.now() - clicked);
  });
  watch.observe(root, { childList: true, subtree: true, characterData: true });
  const clicked = performance.now();
  button.click();
})"""

# A click, and the milliseconds until 10,000 stands there; -1 if the text stops short of it.
FILL = """([root, number, quiet]) => new Promise((resolve) => {
  const button = root.querySelector("button");
  const shown = () => root.querySelector(number).textContent;
  let changed = performance.now();
  const watch = new MutationObserver(() => {
    changed = performance.now();
    if (shown() === "10000") finish(changed - clicked);
  });
  const finish = (took) => { watch.disconnect(); clearInterval(timer); resolve(took); };
  const timer = setInterval(() => {
    if (performance.now() - changed > quiet) finish(-1);
  }, 100);
  watch.observe(root, { childList: true, subtree: true, characterData: true });
  const clicked = performance.now();
  button.click();
})"""

BARE_NAME = "bare widgets"
CANDIDATES = {
    BARE_NAME: (".bare", ".widget-label"),
    "eventkit: counter, Inline": (".panels > .ek-panel:nth-child(1)", ".ek-number"),
    "eventkit: counter, Threads(4)": (".panels > .ek-panel:nth-child(2)", ".ek-number"),
}
GOAL = 1.1
CLICKS_IN_A_ROUND = 50
SECONDS_FOR_A_FLOOD = 0.3
MILLISECONDS_OF_SILENCE = 20_000


def measure(quick: bool) -> list[Row]:
    """Needs playwright, JupyterLab and a Chromium."""
    from tests.browser.browser import chromium, desk
    from tests.browser.chromium import find
    from tests.browser.notebook import Notebook
    from tests.browser.server import LabServer

    if find() is None:
        return [Row("click → changed number", "eventkit: counter", missing="no Chromium here")]
    with LabServer() as server, chromium() as browser:
        notebook = Notebook(desk(browser), server, server.write("click", BARE, PANELS, FLOOD))
        notebook.run_all()
        rows = _clicks(notebook, 10 if quick else 400)
        rows += _floods(notebook, 1 if quick else 20)
        notebook.close()
    return rows


def _clicks(notebook: Any, clicks: int) -> list[Row]:
    places = {
        name: [notebook.page.locator(root).element_handle(), number]
        for name, (root, number) in CANDIDATES.items()
    }
    times: dict[str, list[float]] = {name: [] for name in places}
    for turn in range(clicks):
        for name in places if turn % 2 else reversed(places):
            times[name].append(notebook.page.evaluate(CLICK, places[name]) / 1e3)
    return [
        Row(
            f"click → changed number, {rank}",
            name,
            [percentile(seconds, share) for seconds in batched(times[name])],
            [percentile(seconds, share) for seconds in batched(times[BARE_NAME])],
            goal=None if name == BARE_NAME else GOAL,
        )
        for rank, share in (("p50", 50), ("p95", 95))
        for name in times
    ]


def _floods(notebook: Any, floods: int) -> list[Row]:
    """One click that changes a number 10,000 times: naively, and painted."""
    measure = "10,000 updates → right number"
    painted = []
    for _ in range(floods):
        notebook.do("newest = 0; paint()")
        notebook.wait_idle()
        painted.append(_flood(notebook, ".painted"))
    naive = [_flood(notebook, ".naive")]
    return [
        Row(measure, "0.3 s allowed", allowed := [SECONDS_FOR_A_FLOOD] * floods, allowed),
        _unless_wrong(measure, "eventkit: Painter", painted, goal=1.0),
        _unless_wrong(measure, "a label set 10,000 times", naive),
    ]


def _unless_wrong(measure: str, name: str, took: list[float], goal: float | None = None) -> Row:
    """One flood after which another number stands there is one too many."""
    if any(seconds < 0 for seconds in took):
        return Row(measure, name, goal=goal, missing="another number stood there in the end")
    return Row(measure, name, took, [SECONDS_FOR_A_FLOOD] * len(took), goal)


def _flood(notebook: Any, root: str) -> float:
    place = notebook.page.locator(root).element_handle()
    took: float = notebook.page.evaluate(FILL, [place, ".widget-label", MILLISECONDS_OF_SILENCE])
    return took / 1e3


def batched(values: Sequence[float]) -> Iterator[Sequence[float]]:
    """What was measured, in rounds of so many that a percentile of each means something."""
    starts = range(0, len(values), CLICKS_IN_A_ROUND)
    return (values[start : start + CLICKS_IN_A_ROUND] for start in starts)


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]
