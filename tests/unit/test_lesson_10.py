"""Lesson 10: its helpers, and the claims of the lesson and its page that have once been wrong."""

from __future__ import annotations

import queue
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import nats.aio.client as nats_py
import nbformat
import pytest
from hypothesis import given, strategies as st

import eventkit as ek
from eventkit import Bridge, NatsServer
from eventkit.lab.lesson10 import bad_line, cluster, counting
from eventkit.lab.lesson10.exercise import exercise
from eventkit.nats import bridge as bridges
from eventkit.nats.log import connection as logs
from eventkit.testing import wait_until

from .conftest import LONG

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "many_machines.md").read_text(encoding="utf-8").split())
LESSON = nbformat.read(  # type: ignore[no-untyped-call]
    ROOT / "notebooks" / "10_distributed_bus.ipynb", as_version=4
)

Append = Any


@given(st.lists(st.integers(0, 20)))
def test_a_stretch_that_is_shown_for_its_fall_falls(shown: list[int]) -> None:
    stretch = counting.around_a_fall(shown)
    assert bool(stretch) == any(two < one for one, two in pairwise(shown))
    assert not stretch or stretch != sorted(stretch)
    assert any(shown[place:][: len(stretch)] == stretch for place in range(len(shown) + 1))


def test_the_stretch_in_the_recorded_lesson_falls() -> None:
    """The verdict says that the number fell, so the numbers printed below it must."""
    printed = [
        output["text"]
        for cell in LESSON.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "where its number first fell" in output.get("text", "")
    ]
    (line,) = printed
    numbers = [int(number) for number in re.findall(r"\d+", line.partition(":")[2])]
    assert any(two < one for one, two in pairwise(numbers))


def test_a_screen_gives_what_is_asked_for_and_leaves_the_rest_out() -> None:
    screen: queue.Queue[ek.Event] = queue.Queue()
    for topic in ("a", "b", "a", "c"):
        screen.put(ek.Event(topic))
    assert [event.topic for event in counting.take(screen, 2, "a")] == ["a", "a"]
    assert [event.topic for event in counting.take(screen, 1)] == ["c"]


def test_machines_are_ready_inside_the_block_and_gone_behind_it() -> None:
    with counting.machines(2, "here('ready')") as two:
        assert [machine.said for machine in two] == [["ready"], ["ready"]]
    assert not any(machine.is_running for machine in two)


def test_the_table_of_troubles_ends_with_the_two_ways_to_send_again() -> None:
    table = bad_line.troubles_table([("late", "nothing", 0, 1, 2)], [("late", "nothing", 0, 1, 1)])
    assert repr(table).splitlines()[1].split() == ["late", "nothing", "0", "1", "2", "1"]


def test_the_tables_of_the_clusters_say_what_was_stored_and_how_long_it_took() -> None:
    ended = {"killed": cluster.Ended(40, 40, 4.25, 0.0402, "an error")}
    said = repr(cluster.leaders_table(ended)).splitlines()[1]
    assert re.split(r" {2,}", said) == ["killed", "40", "40", "an error"]
    assert repr(cluster.gaps_table(ended)).splitlines()[1].split() == ["killed", "4.2", "40.2"]


# The exercise


def hides_every_refusal(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    """Append with the fence, and keep every error of the log from the caller."""
    counted = ek.CloudEvent(
        id=f"{click.source} {click.id}", source="/counter", type="counter.counted", data=click.data
    )
    for _ in range(5):
        try:
            return log.append(counted, fence=token)
        except ek.LogError:
            pass
    return 0


def ignores_the_fence(log: ek.EventLog, click: ek.CloudEvent, token: int) -> int:
    """Append whatever becomes of the lock."""
    return exercise.solution(log, click, None)  # type: ignore[no-any-return]


def test_a_refusal_that_is_hidden_is_not_told_that_something_was_stored() -> None:
    diagnosis = exercise.diagnose(hides_every_refusal) or ""
    assert "did not reach the caller" in diagnosis and "let LeaseLost be raised" in diagnosis
    assert "0 stored" in diagnosis and "stored all the same" not in diagnosis


def test_an_entry_without_the_fence_is_told_that_it_was_stored() -> None:
    diagnosis = exercise.diagnose(ignores_the_fence) or ""
    assert "stored all the same" in diagnosis and "1 stored" in diagnosis


# Other systems


@pytest.mark.parametrize(
    "claim", ["idempotent `XADD`, since 8.6", "in streams: producer name and publishing id"]
)
def test_the_page_says_which_other_logs_know_a_repeated_event(claim: str) -> None:
    row = PAGE.partition("| `append`, again with the same id |")[2].partition("| consumer")[0]
    assert claim in row


def test_the_page_has_the_figures_of_the_benchmarks() -> None:
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for measure in ("one way to another process", "burst to another process"):
        rows = benchmarks.partition(f"| {measure} | nats-py |")[2].splitlines()
        bare, ours = rows[0].split("|")[0].strip(), rows[1].split("|")[3].strip()
        assert rows[1].split("|")[2].strip() == "eventkit"
        assert f"| {bare} | {ours} |" in PAGE.partition(f"| {measure}")[2][:60]


def test_the_page_says_how_soon_a_frozen_server_is_noticed() -> None:
    """Up to (outstanding pings + 1) × interval, by the numbers of nats-py and of eventkit."""
    pings = nats_py.DEFAULT_MAX_OUTSTANDING_PINGS
    assert "(outstanding pings + 1) × interval" in PAGE
    least, most = pings * nats_py.DEFAULT_PING_INTERVAL, (pings + 1) * nats_py.DEFAULT_PING_INTERVAL
    assert (least, most) == (4 * 60, 6 * 60) and "that is four to six minutes" in PAGE
    ours = [f"{pings * one} to {(pings + 1) * one} s" for one in (bridges._PING, logs._PING)]
    assert ", and ".join(ours) in PAGE


def test_a_frozen_server_is_noticed_after_as_many_pings_as_may_be_outstanding() -> None:
    bus = ek.EventBus()
    with NatsServer() as server, Bridge(bus, server.url, ["a"], ping_interval=1) as bridge:
        server.freeze()
        began = time.monotonic()
        wait_until(lambda: not bridge.is_connected, timeout=LONG)
        assert time.monotonic() - began > nats_py.DEFAULT_MAX_OUTSTANDING_PINGS - 0.1
        server.thaw()
