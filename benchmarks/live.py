"""What a frame of the live view costs with 5,000 events in it, measured in the page by the page's
clock while it plays: the drawing with its rasterising, and the time from frame to frame.
"""

from __future__ import annotations

from typing import Any

from .click import percentile
from .comparing import Row

CELLS = """
import eventkit as ek
from eventkit import lab
lab.setup()

with ek.EventBus() as bus, bus.record() as timeline:
    bus.subscribe("click", lambda event: 1, emits="changed", executor=ek.Threads(4))
    bus.subscribe("changed", lambda event: None)
    ek.OpenLoop(2_500, 5_000, arrivals="even").run(bus, "click")
    bus.drain(60)
replay = lab.replay(timeline)
replay
"""

# Plays to the end: for each frame the milliseconds of drawing, of drawing with what was drawn
# turned into pixels at once (reading one back forces that), and since the frame before.
PLAY = """([panel, frames]) => new Promise((resolve) => {
  const play = panel.querySelector("button"), ink = panel.querySelector("canvas").getContext("2d");
  const found = [];
  let before = 0;
  const drawn = ({ detail }) => {
    const began = performance.now();
    ink.getImageData(0, 0, 1, 1);
    const pixels = performance.now() - began;
    if (before) found.push([detail.took, detail.took + pixels, began - before]);
    before = began;
    if (found.length < frames && play.textContent === "Pause") return;
    panel.removeEventListener("ek-drawn", drawn, true);
    if (play.textContent === "Pause") play.click();
    resolve(found);
  };
  panel.addEventListener("ek-drawn", drawn, true);
  play.click();
})"""

MEASURES = ["drawing", "until it is pixels", "from frame to frame"]
ALLOWED = 0.008
SMOOTH = 1 / 60


def measure(quick: bool) -> list[Row]:
    """Needs playwright, JupyterLab and a Chromium."""
    from tests.browser.browser import chromium, desk
    from tests.browser.chromium import find
    from tests.browser.notebook import Notebook
    from tests.browser.server import LabServer

    if find() is None:
        return [Row("live view", "eventkit: Replay", missing="no Chromium here")]
    with LabServer() as server, chromium() as browser:
        notebook = Notebook(desk(browser), server, server.write("live", CELLS))
        notebook.page.emulate_media(reduced_motion="no-preference")
        notebook.run_all()
        frames = _play(notebook, 30 if quick else 600)
        notebook.close()
    return [row for place in range(3) for row in _rows(place, [one[place] / 1e3 for one in frames])]


def _play(notebook: Any, frames: int) -> list[list[float]]:
    """Half of them with the whole record, half from where all have come: the most there is."""
    panel = notebook.panel("Replay")
    panel.get_by_role("combobox", name="Speed").select_option("0.1")
    found: list[list[float]] = []
    for share in (0.0, 0.9):
        span = notebook.ask("replay.stage.where[0].span")
        panel.get_by_role("slider").fill(str(int(span * share)))
        found += panel.evaluate(f"(panel, frames) => ({PLAY})([panel, frames])", frames // 2)
    return found


def _rows(place: int, seconds: list[float]) -> list[Row]:
    allowed = SMOOTH if place == 2 else ALLOWED
    return [
        row
        for rank, share in (("p50", 50), ("p95", 95))
        for row in (
            Row(f"live view: {MEASURES[place]}, {rank}", "8 ms allowed"
                if place < 2 else "60 frames a second", [allowed], [allowed]),
            Row(f"live view: {MEASURES[place]}, {rank}", "eventkit: Replay",
                [percentile(seconds, share)], [allowed], goal=None if place == 2 else 1.0),
        )
    ]  # fmt: skip
