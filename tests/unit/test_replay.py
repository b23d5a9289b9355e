"""Replays: what they say, and what is recorded of them for pages without a kernel."""

from __future__ import annotations

import base64
import json
import threading
from array import array

import pytest

import eventkit as ek
from eventkit.lab import Replay, replay
from eventkit.lab.lesson03.race import Race
from eventkit.lab.replay_view.page import as_html
from eventkit.lab.replay_view.replay import Side


def timeline() -> ek.Timeline:
    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("click", lambda event: None)
        bus.fire("click")
        bus.fire("click")
    return timeline


def test_a_race_is_replayed_on_one_clock() -> None:
    race = Race(events=2, rate=100, work=0.001, workers=2).run()
    made = race.replay()

    assert [side["caption"] for side in made.stage.sides] == [side.title for side in race.sides]
    assert made.text().endswith("to play 4 journeys]")
    assert [line.partition(": ")[2] for line in made.says(made.seconds).splitlines()] == [
        "2 of 2 came; 0 at the trigger, 0 running, 2 handled.",
        "2 of 2 came; 0 at the trigger, 0 in the queue, 0 running, 2 handled.",
    ]
    assert made.seconds == max(where.span for where in made.stage.where) / 1e9


def test_rows_say_which_handler_runs_on_which_worker() -> None:
    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("click", lambda event: 1, emits="changed")
        bus.subscribe("changed", lambda event: None)
        bus.fire("click")
    (where,) = replay(timeline).stage.where
    started = max(stamps.started or 0 for stamps in where.stamps)

    here = threading.current_thread().name
    assert where.rows(started) == [
        [f"running on {here}: lambda on click", "1", "1"],
        [f"running on {here}: lambda on changed", "1", "1"],
    ]


def test_what_is_recorded_is_the_journeys_as_json_beside_the_output() -> None:
    made = replay(timeline(), "Two clicks")

    _, metadata = made._repr_mimebundle_()
    recorded = json.loads(json.dumps(metadata["eventkit"]["replay"]))
    assert recorded["title"] == "Two clicks"
    (side,) = recorded["sides"]
    stamps = array("d", base64.b64decode(side["stamps"])).tolist()
    assert stamps[:2] == [one.due for one in made.stage.where[0].stamps]
    assert as_html(recorded) == made.to_html()


@pytest.mark.parametrize("title", ["</script><b>", "<!--<script>"])
def test_html_names_no_other_host_and_a_title_cannot_end_or_hide_its_script(title: str) -> None:
    html = replay(timeline(), title).to_html()

    assert "http" not in html and "import " not in html
    assert html.count("</script>") == 1 and html.count("<script") == 1 and "<!--" not in html


def test_sides_without_captions_are_told_apart_where_nothing_plays() -> None:
    sides = [Side(timeline(), caption="") for _ in range(2)]
    still = Replay(sides, "Both").still().alt
    assert "Both, 1: " in still and "Both, 2: " in still


def test_where_nothing_plays_there_are_waterfalls_with_words() -> None:
    made = replay(timeline(), "Two clicks")

    data, _ = made._repr_mimebundle_()
    html = data["text/html"]
    assert html.startswith("<p><em>This is a picture. Run the cell in JupyterLab to play it.")
    assert "<img alt='Waterfalls, one row for each event" in html
    assert "Two clicks: " in html and "src='data:image/png;base64," in html
