"""The time trial: every way serves all requests, one thread is enough for a thousand waits."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, strategies as st

import eventkit as ek
from eventkit.lab.lesson04 import asking, five_ways as ways
from eventkit.lab.lesson04.asking import WAYS
from eventkit.lab.lesson04.five_ways import Outcome, Ways, ways_figure, ways_table
from eventkit.lab.lesson04.ways_panel import WaysPanel, frame, headline
from eventkit.lab.processes.slow_service import SlowService

from .conftest import LONG

LESSON = Path(__file__).parents[2] / "notebooks" / "04_ways_to_wait.ipynb"
HERE = [way for way in WAYS if asking.is_here(way)]
MANY = 1_000

each_way = pytest.mark.parametrize("way", HERE)


@pytest.fixture(scope="module")
def small() -> Ways:
    """All ways, over a few connections."""
    return Ways(connections=8, answer=0.05).run()


@pytest.fixture
def no_greenlets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "is_here", lambda way: way != "greenlets")


@each_way
def test_each_way_answers_all_requests(small: Ways, way: str) -> None:
    outcome = small.outcomes[way]
    assert len(outcome.times) == 8
    assert outcome.times == sorted(outcome.times)
    assert outcome.times[0] > 0.045
    assert small.progress[way][-1] == (outcome.finish, 8)


@each_way
def test_threads_are_one_for_each_connection_or_one_for_all(small: Ways, way: str) -> None:
    assert small.outcomes[way].threads == (8 if way == "threads" else 1)


def test_blocking_waits_for_one_after_another(small: Ways) -> None:
    assert small.outcomes["blocking"].finish > 0.99 * small.predicted("blocking")[-1]
    assert small.predicted("blocking") == pytest.approx([0.05 * n for n in range(1, 9)])
    assert small.predicted("threads") == [0.05] * 8


@pytest.mark.parametrize("way", ["selector", "asyncio"])
def test_a_thousand_connections_on_one_thread(way: str) -> None:
    trial = Ways(connections=MANY, answer=0.1, ways=[way]).run()
    outcome = trial.outcomes[way]
    assert len(outcome.times) == MANY
    assert outcome.threads == 1
    assert outcome.finish < trial.predicted("blocking")[-1] / 10


def test_a_connection_may_ask_many_questions() -> None:
    trial = Ways(connections=2, answer=0.02, questions=5, ways=["selector", "asyncio"]).run()
    assert trial.ideal == pytest.approx(0.1)
    assert all(outcome.times[0] > 0.09 for outcome in trial.outcomes.values())


def test_what_the_table_says(small: Ways) -> None:
    told = repr(ways_table([small]))
    for way in HERE:
        assert WAYS[way].title in told
    other = Ways(connections=2_000, ways=["blocking", "selector"])
    other.ways = ["selector"]
    assert "Blocking: Inline(), by theory  2,000        200.00" in repr(ways_table([other]))


def test_the_figure_says_the_same_in_words(small: Ways) -> None:
    alt = ways_figure([small]).alt
    assert f"Selector() {small.outcomes['selector'].finish:.2f} s with 8" in alt
    assert "the ideal is 0.05 s" in alt


@pytest.mark.usefixtures("no_greenlets")
def test_without_eventlet_the_others_run_and_it_says_what_to_install() -> None:
    trial = Ways(connections=2, answer=0.01).run()
    assert sorted(trial.outcomes) == ["asyncio", "blocking", "selector", "threads"]
    assert trial.missing == ["greenlets"]
    assert "pip install 'eventkit-notebooks[greenlets]'" in repr(trial.table())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ways": ["selector", "telepathy"]}, r"blocking, threads, .*; got \['telepathy'\]"),
        ({"connections": 0}, "1 or more; got 0 and 1"),
        ({"questions": 0}, "1 or more; got 100 and 0"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ways(**settings)


def test_a_way_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "SlowService", _Refusing)
    with pytest.raises(
        RuntimeError, match=r"Selector\(\) with 3 connections failed: .*dead letter"
    ):
        Ways(connections=3, ways=["selector"]).run()


class _Refusing(SlowService):
    """Has room for one, so that the handlers of the others fail."""

    def __init__(self, answer: float):
        super().__init__(answer, limit=1)


def test_stop_ends_a_trial_early() -> None:
    trial = Ways(connections=1_000, answer=0.1, ways=["blocking"])
    running = threading.Thread(target=trial.run)
    began = time.monotonic()
    running.start()
    while not trial.progress.get("blocking"):
        time.sleep(0.01)
    trial.stop()
    running.join(LONG)
    assert time.monotonic() - began < 50
    assert trial.outcomes == {}


def test_a_way_that_has_answered_everyone_when_it_is_stopped_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = Ways(connections=3, answer=0.01, ways=["threads", "blocking"])
    messages = trial._messages

    def stop_at_the_last_answer(*args: Any) -> Iterator[dict[str, Any]]:
        for message in messages(*args):
            yield message
            if len(trial.answered["threads"]) == 3:
                trial.stop()

    monkeypatch.setattr(trial, "_messages", stop_at_the_last_answer)
    trial.run()
    assert list(trial.outcomes) == ["threads"]


def test_who_stops_before_the_start_runs_nothing() -> None:
    trial = Ways(connections=2)
    trial.stop()
    assert trial.run().outcomes == {}


def test_a_measuring_process_ends_with_its_owner() -> None:
    with SlowService(answer=60) as service:
        settings = {"way": "blocking", "address": service.address, "connections": 1, "questions": 1}
        command = [sys.executable, "-P", asking.__file__, json.dumps(settings)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stdin is not None
            while service.stats()["most"] == 0:
                time.sleep(0.01)
            process.stdin.close()
            assert process.wait(LONG) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on open files")
def test_the_limit_on_open_files_is_raised_or_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    limits: list[tuple[int, int]] = [(256, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    ways.allow_connections(20)
    assert limits == [(256, 4096)]
    ways.allow_connections(1_000)
    assert limits[-1] == (1_200, 4096)
    with pytest.raises(RuntimeError, match=r"5000 connections need .* this system allows 4096"):
        ways.allow_connections(5_000)


@each_way
def test_the_lesson_shows_the_handlers_word_for_word(way: str) -> None:
    notebook = nbformat.read(LESSON, as_version=4)  # type: ignore[no-untyped-call]
    source = "\n".join(cell.source for cell in notebook.cells)
    assert inspect.getsource(WAYS[way].handler).strip() in source


def test_the_panel_runs_a_trial_and_shows_its_table() -> None:
    panel = WaysPanel()
    panel._connections.value, panel._answer.value = 3, 10
    panel._start()
    assert panel._run_button.disabled and not panel._stop_button.disabled
    assert panel._over.wait(LONG)
    panel._painter.paint_now()
    assert panel._status.text.startswith("Done.")
    assert panel._progress.value == panel._progress.max == 3 * len(HERE)
    assert "Selector()" in panel._result.value
    assert panel._view.frame["lanes"][0]["says"].startswith("3 of 3 answered")
    assert not panel._run_button.disabled and panel._stop_button.disabled


def test_the_panel_can_be_stopped_and_says_so() -> None:
    panel = WaysPanel()
    panel._answer.value = 1_000
    panel._start()
    panel._stop()
    assert panel._over.wait(LONG)
    panel._painter.paint_now()
    assert panel._status.text.startswith("Stopped.")


def test_the_panel_tells_of_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise RuntimeError("too many")

    monkeypatch.setattr(ways, "allow_connections", refuse)
    panel = WaysPanel()
    panel._start()
    assert panel._over.wait(LONG)
    panel._painter.paint_now()
    assert panel._status.text == "The time trial failed: too many"


def test_an_outcome_ends_with_its_last_answer() -> None:
    assert Outcome([0.1, 0.3], threads=1, memory=0).finish == 0.3


@each_way
def test_each_lane_shows_the_requests_the_time_and_what_was_used_as_measured(
    small: Ways, way: str
) -> None:
    outcome, lane = small.outcomes[way], frame(small)["lanes"][list(WAYS).index(way)]
    assert sorted(lane["numbers"]) == list(range(1, 9))
    assert lane["numbers"] == outcome.order
    assert lane["answered"] == len(outcome.times)
    assert lane["seconds"] == outcome.finish
    assert (lane["threads"], lane["memory"]) == (outcome.threads, round(outcome.memory / 1e6, 1))
    assert lane["says"].startswith(f"8 of 8 answered after {outcome.finish:.2f} s, on ")


def test_one_after_another_is_answered_in_the_order_of_asking(small: Ways) -> None:
    assert small.outcomes["blocking"].order == list(range(1, 9))


@given(st.permutations(range(1, 13)), st.lists(st.integers(0, 12)), st.integers(0, 50))
def test_while_it_runs_the_lane_shows_what_has_been_answered_by_now(
    order: list[int], cuts: list[int], threads: int
) -> None:
    trial = Ways(connections=12, ways=["threads"])
    trial.progress["threads"], trial.answered["threads"] = [], []
    edges = [0, *sorted(cuts)]
    for place, (start, end) in enumerate(itertools.pairwise(edges), 1):
        new = {"at": place / 10, "answered": order[start:end], "threads": threads, "memory": 10**6}
        trial._note("threads", new)
        lane = frame(trial)["lanes"][1]
        assert lane["numbers"] == order[:end]
        assert (lane["answered"], lane["seconds"]) == (end, place / 10)
        assert (lane["threads"], lane["memory"]) == (threads, 1.0)
    assert [one["answered"] for one in frame(trial)["lanes"]] == [0, edges[-1], 0, 0, 0]


def test_the_order_of_the_answers_is_that_of_the_handlers_ends() -> None:
    ended: list[int] = []
    with ek.EventBus() as bus, bus.record() as timeline:

        def answer(event: ek.Event) -> None:
            time.sleep(0.05 / event.data)
            ended.append(event.data)

        bus.subscribe("ask", answer, executor=ek.Threads(2))
        for number in (1, 2):
            bus.fire("ask", number)
        bus.drain(LONG)
    assert asking.in_order(timeline) == ended


def test_with_many_requests_only_their_number_is_sent() -> None:
    trial = Ways(connections=MANY)
    trial.progress["threads"], trial.answered["threads"] = [], []
    trial._note("threads", {"at": 0.1, "answered": [3, 1], "threads": 9, "memory": 0})
    drawn = frame(trial)
    assert not drawn["numbered"]
    assert (drawn["lanes"][1]["numbers"], drawn["lanes"][1]["answered"]) == ([], 2)


def test_the_line_on_top_has_the_quickest_and_the_slowest(small: Ways) -> None:
    assert headline(Ways()) == "No way has finished yet"
    quickest = min(small.outcomes, key=lambda way: small.outcomes[way].finish)
    assert headline(small) == (
        f"8 requests: {small.outcomes[quickest].finish:.2f} s by {WAYS[quickest].title}, "
        f"{small.outcomes['blocking'].finish:.2f} s by Inline()"
    )
    one = Ways(connections=1)
    one.outcomes["selector"] = Outcome([0.1], threads=1, memory=0)
    assert headline(one) == "1 request: 0.10 s by Selector()"


def test_the_text_form_says_the_same() -> None:
    panel = WaysPanel()
    assert panel.text().startswith("[Time trial: run this cell")
    panel.run = Ways(connections=2, ways=["selector"])
    panel.run.outcomes["selector"] = Outcome([0.1, 0.2], threads=1, memory=0)
    title, line, *table = panel.text().splitlines()
    assert title == "[Time trial: the same requests, five ways to wait]"
    assert line == "2 requests: 0.20 s by Selector()."
    assert "Selector()" in table[-1]


@pytest.mark.usefixtures("no_greenlets")
def test_a_missing_way_has_an_empty_lane() -> None:
    lane = frame(Ways())["lanes"][-1]
    assert lane["missing"]
    assert lane["says"] == f"{asking.INSTALL}."


def test_the_socket_of_green_threads_is_eventlets_or_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "is_here", lambda way: False)
    assert asking.import_green_socket() is None
    assert "pip install 'eventkit-notebooks[greenlets]'" in capsys.readouterr().out
