"""The line between two halves, cut, frozen and mended; what each side knows; and the panel."""

from __future__ import annotations

import logging
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import given, strategies as st

from eventkit.lab import Cable, PartitionSwitch
from eventkit.lab.lesson10.partition import CAPACITY, LONG as GIVES_UP, TIMEOUT, Counts
from eventkit.lab.lesson10.partition_panel import SAID
from eventkit.lab.lesson10.partition_view import picture_frame
from eventkit.lab.lesson10.places import Places, places
from eventkit.testing import wait_until

from ..tiers import mostly_long
from .conftest import LONG

ROOT = Path(__file__).parents[2]


class Ends:
    """Both ends of a connection over a cable."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(LONG)
        host, port = self.server.getsockname()
        self.cable = Cable(f"{host}:{port}")
        self.near, self.far = self.connect()

    def dial(self) -> socket.socket:
        host, _, port = self.cable.address.partition(":")
        return socket.create_connection((host, int(port)), LONG)

    def connect(self) -> tuple[socket.socket, socket.socket]:
        near = self.dial()
        far, _ = self.server.accept()
        far.settimeout(LONG)
        return near, far

    def hang_up(self) -> None:
        self.near.close()
        self.far.close()

    def close(self) -> None:
        self.hang_up()
        self.server.close()
        self.cable.close()
        self.cable.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


@pytest.fixture
def switch() -> Iterator[PartitionSwitch]:
    switch = PartitionSwitch()
    yield switch
    switch.bus.assert_clean()
    switch.end()
    switch.end()


def test_a_whole_cable_passes_on_both_ways(ends: Ends) -> None:
    ends.near.sendall(b"there")
    assert ends.far.recv(5) == b"there"
    ends.far.sendall(b"back")
    assert ends.near.recv(4) == b"back"


def test_a_cut_cable_ends_connections_and_takes_none_until_it_is_mended(ends: Ends) -> None:
    ends.cable.cut()
    assert ends.near.recv(1) == b"" == ends.far.recv(1)
    with ends.dial() as turned_away:
        assert turned_away.recv(1) == b""

    ends.cable.mend()
    ends.hang_up()
    ends.near, ends.far = ends.connect()
    ends.near.sendall(b"again")
    assert ends.far.recv(5) == b"again"


def is_silent(end: socket.socket) -> bool:
    """Whether nothing has come, for a moment."""
    readable, _, _ = select.select([end], [], [], 0.1)
    return not readable


def test_what_is_sent_over_a_frozen_cable_arrives_when_it_is_mended(ends: Ends) -> None:
    ends.cable.freeze()
    ends.near.sendall(b"late")
    assert is_silent(ends.far)

    ends.cable.mend()

    assert ends.far.recv(4) == b"late"


def test_a_cable_can_be_frozen_for_answers_alone(ends: Ends) -> None:
    ends.cable.freeze_answers()
    ends.near.sendall(b"question")
    assert ends.far.recv(8) == b"question"
    ends.far.sendall(b"answer")
    assert is_silent(ends.near)

    ends.cable.mend()

    assert ends.near.recv(6) == b"answer"


def test_what_is_on_a_frozen_cable_is_lost_when_it_is_cut(ends: Ends) -> None:
    ends.cable.freeze()
    ends.near.sendall(b"lost")
    ends.cable.cut()
    assert ends.far.recv(4) == b""


def test_clicks_are_counted_on_the_other_machine(switch: PartitionSwitch) -> None:
    switch.click(7)
    switch.settle()
    assert switch.counts == Counts(fired=7, confirmed=7, counted=7, shown=7)
    assert switch.text().splitlines()[1] == SAID["whole"]


def test_clicks_wait_while_the_line_is_cut_and_what_has_no_room_is_refused(
    switch: PartitionSwitch, caplog: pytest.LogCaptureFixture
) -> None:
    switch.click(1)
    switch.settle()
    switch.cut()
    switch.click(CAPACITY + 3)
    switch.settle()
    assert switch.counts == Counts(
        fired=CAPACITY + 4, confirmed=1, waiting=CAPACITY, refused=3, counted=1, shown=1
    )
    assert switch.text().splitlines()[1] == SAID["cut, full"]

    switch.mend()
    switch.settle()

    assert switch.counts.counted == switch.counts.shown == CAPACITY + 1
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_what_was_sent_into_a_frozen_line_arrives_when_it_is_mended(
    switch: PartitionSwitch,
) -> None:
    switch.freeze()
    switch.click(3)
    switch.settle()
    assert (switch.counts.waiting, switch.counts.counted) == (3, 0)
    assert switch.text().splitlines()[1] == SAID["frozen"]

    switch.mend()
    switch.settle()

    assert switch.counts == Counts(fired=3, confirmed=3, counted=3, shown=3)


def test_after_a_freeze_longer_than_the_time_out_both_sides_agree_and_go_on(
    switch: PartitionSwitch,
) -> None:
    switch.click(10)
    switch.settle()
    switch.freeze()
    switch.click(10)
    switch.settle()
    time.sleep(1.5 * TIMEOUT)  # the bridge has asked in vain whether the clicks have arrived
    switch.mend()
    switch.settle()
    assert switch.counts == Counts(fired=20, confirmed=20, counted=20, shown=20)

    began = time.monotonic()
    switch.click(1)
    for press in (switch.freeze, switch.mend, switch.cut, switch.mend):
        press()
    switch.settle()
    assert switch.counts.counted >= 20
    assert time.monotonic() - began < GIVES_UP

    switch.click(1)
    wait_until(lambda: switch.counts.counted == switch.counts.shown, what=switch.text)


def test_an_answer_that_was_on_the_line_when_it_was_cut_leaves_an_old_number_here(
    switch: PartitionSwitch,
) -> None:
    switch.click(1)
    switch.settle()
    assert switch.halves is not None
    switch.halves._cable.freeze_answers()
    switch.click(1)
    wait_until(lambda: switch.counts.counted == 2)
    switch.cut()
    switch.mend()
    switch.settle()
    assert (switch.counts.shown, switch.counts.counted) == (1, 2)
    assert SAID["whole, old"] in switch.text()

    switch.click(1)
    wait_until(lambda: (switch.counts.shown, switch.counts.counted) == (3, 3), what=switch.text)
    assert SAID["whole, old"] not in switch.text()


def test_of_what_was_on_the_line_when_it_was_cut_nobody_here_knows(switch: PartitionSwitch) -> None:
    switch.freeze()
    switch.click(2)
    switch.settle()
    wait_until_on_the_line(switch)
    switch.cut()
    switch.mend()
    switch.click(1)
    switch.settle()
    assert switch.counts == Counts(fired=3, confirmed=1, unknown=2, counted=1, shown=1)
    assert "The outcome of 2 clicks is unknown here" in switch.text()


def wait_until_on_the_line(switch: PartitionSwitch) -> None:
    """Until the bridge has sent what it had, and asked whether it has arrived."""
    assert switch.halves is not None
    deadline = time.monotonic() + LONG
    while not switch.halves._bridge._sender.confirming:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_button_may_be_pressed_at_any_time(switch: PartitionSwitch) -> None:
    states, said = [], []
    for press in (switch.mend, switch.freeze, switch.freeze, switch.cut, switch.cut, switch.freeze,
                  switch.mend, switch.mend):  # fmt: skip
        press()
        switch.settle()
        assert switch.halves is not None
        states.append(switch.halves.state)
        said.append(switch._said().startswith("No change."))
    assert states == ["whole", "frozen", "frozen", "cut", "cut", "cut", "whole", "whole"]
    assert said == [True, False, True, False, True, True, False, True]
    switch.click(2)
    switch.settle()
    assert switch.counts.shown == 2


def test_what_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    switch = PartitionSwitch()
    switch.click()
    switch.bus.drain(LONG)
    switch._painter.paint_now()
    switch.end()
    assert "pip install 'eventkit-notebooks[nats]'" in switch._status.text


@pytest.mark.parametrize("state", ["whole", "cut", "frozen"])
def test_the_picture_says_in_words_what_it_shows(state: str) -> None:
    counts = Counts(fired=9, confirmed=5, waiting=4, counted=5, shown=5)
    frame = picture_frame(state, places(9, [], [], range(1, 6), range(1, 6), []), counts)
    said = f"the line is {state}; here the number is 5, 4 of {CAPACITY} places are taken"
    assert frame["says"] == f"{said}; there the number is 5; 4 held back"
    assert (frame["state"], frame["held"], frame["here"]) == (state, (6, 7, 8, 9), 5)


# What is drawn


some = st.sets(st.integers(1, 30))


@given(st.integers(0, 30), some, some, some, some, some)
def test_every_click_and_every_answer_is_in_one_place(
    fired: int,
    refused: set[int],
    given_up: set[int],
    counted: set[int],
    heard: set[int],
    cut_off: set[int],
) -> None:
    """Whatever was recorded: lost clicks that arrived, answers overtaken by a cut and by others."""
    everything = set(range(1, fired + 1))
    refused, counted = refused & everything, counted & everything - refused
    given_up, heard = given_up & everything - refused, heard & counted
    found = places(fired, sorted(refused), given_up, sorted(counted), heard, cut_off)

    clicks = [*found.held, *found.refused, *found.lost, *found.there]
    assert sorted(clicks) == sorted(everything)
    assert sorted([*found.answers, *found.heard, *found.unheard]) == list(found.there)
    assert found.there == tuple(sorted(counted)) and set(found.heard) == heard
    assert set(found.lost) == given_up - counted
    assert not found.heard or all(number > max(found.heard) for number in found.answers)


def is_drawn_as_counted(drawn: Places, counts: Counts) -> bool:
    """Whether a picture of both sides shows what the numbers of the same moment say."""
    clicks = [*drawn.held, *drawn.refused, *drawn.lost, *drawn.there]
    return (
        sorted(clicks) == list(range(1, counts.fired + 1))
        and len(drawn.there) == counts.counted
        and len(drawn.refused) == counts.refused
        and len(drawn.lost) <= counts.unknown
        and (drawn.there.index(drawn.heard[-1]) + 1 if drawn.heard else 0) == counts.shown
        and list(drawn.there) == sorted(drawn.there)
    )


PRESSES = ["+1", "×10", "Cut", "Freeze", "Mend", "wait"]


@pytest.mark.parametrize("seed", mostly_long([1, 2, 3], 1))
def test_each_frame_is_drawn_as_the_real_bus_counts_whatever_is_pressed(
    switch: PartitionSwitch, seed: int
) -> None:
    presses = random.Random(seed).choices(PRESSES, [4, 4, 2, 2, 4, 6], k=30)
    with watched(switch) as painted:
        for press in [*presses, "Mend"]:
            do(switch, press)
        switch.settle()
    wait_until(lambda: switch.counts.waiting == 0)
    painted.append(switch._both())

    assert len(painted) > len(presses)
    assert [one for one in painted if not is_drawn_as_counted(*one)] == []
    drawn, counts = painted[-1]
    assert drawn.held == () and counts.waiting == 0
    assert counts.fired == counts.confirmed + counts.refused + counts.unknown


def test_what_is_seen_at_once_fits_together_though_a_click_comes_in_between(
    switch: PartitionSwitch,
) -> None:
    switch.click(1)
    switch.settle()
    assert switch.halves is not None
    halves, machine = switch.halves, switch.halves._machine

    class Slow:
        """The other machine, which a click reaches, and whose answer is heard, during the look."""

        @property
        def said(self) -> list[str]:
            halves._machine = machine
            halves.click()
            wait_until(lambda: halves.shown == 2)
            return machine.said

    halves._machine = Slow()  # type: ignore[assignment]
    assert is_drawn_as_counted(*halves.look())


def test_an_answer_that_overtakes_the_machines_line_is_shown_when_both_are_here(
    switch: PartitionSwitch,
) -> None:
    switch.click(2)
    switch.settle()
    assert switch.halves is not None
    said = switch.halves._machine.said
    late = said.pop()

    drawn, counts = switch.halves.look()
    assert is_drawn_as_counted(drawn, counts)
    assert (drawn.heard, counts.counted, counts.shown) == ((1,), 1, 1)

    said.append(late)
    assert switch.halves.look()[1].shown == 2


@contextmanager
def watched(switch: PartitionSwitch) -> Iterator[list[tuple[Places, Counts]]]:
    """What the panel could paint at any moment meanwhile, whatever its threads are doing."""
    seen: list[tuple[Places, Counts]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            seen.append(switch._both())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        is_over.set()
        watching.join()


def do(switch: PartitionSwitch, press: str) -> None:
    """Press a button, or wait for what the buttons before have brought about."""
    if press == "wait":
        switch.bus.drain(LONG)
    elif press in ("+1", "×10"):
        switch.click(int(press.lstrip("+×")))
    else:
        getattr(switch, press.lower())()


def test_clicks_into_a_frozen_line_that_is_full_do_not_hold_up_mend(
    switch: PartitionSwitch,
) -> None:
    """Each click without room waits for some; the rest of its press is refused with it."""
    switch.freeze()
    for _ in range(4):
        switch.click(10)
    began = time.monotonic()
    switch.mend()
    switch.settle()
    assert time.monotonic() - began < 10 * TIMEOUT  # of which each refused press took one
    assert (switch.counts.fired, switch.counts.refused, switch.counts.shown) == (40, 20, 20)


def test_clicks_pressed_while_the_line_is_being_mended_follow_those_that_waited(
    switch: PartitionSwitch,
) -> None:
    switch.click(1)
    switch.settle()
    switch.cut()
    switch.freeze()
    switch.click(10)
    switch.mend()
    switch.click(5)
    switch.settle()
    drawn, counts = switch._both()
    assert drawn.there == drawn.heard == tuple(range(1, 17))
    assert (counts.refused, counts.unknown, counts.shown) == (0, 0, 16)


def test_freeze_ten_clicks_a_second_and_mend_bring_both_numbers_to_forty(
    switch: PartitionSwitch,
) -> None:
    for _ in range(3):
        switch.click(10)
    switch.settle()
    switch.freeze()
    switch.click(10)
    switch.bus.drain(LONG)
    time.sleep(TIMEOUT)
    switch.mend()
    switch.settle()
    assert switch.counts == Counts(fired=40, confirmed=40, counted=40, shown=40)
    began = time.monotonic()
    switch.click(10)
    for press in (switch.settle, switch.cut, switch.mend, switch.settle):
        press()
    assert time.monotonic() - began < GIVES_UP
    assert switch.counts.shown == switch.counts.counted == 50


def test_nothing_is_left_when_the_process_with_the_panel_is_killed() -> None:
    code = """
from eventkit.lab import PartitionSwitch
switch = PartitionSwitch()
switch.click(1)
switch.settle()
switch.freeze()
print("ready", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        started = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()
        _, alive = psutil.wait_procs(started, timeout=LONG)
    assert len(started) >= 3  # a counter, a server and its watchdog
    assert not alive


@pytest.mark.parametrize(
    "hide",
    [
        "import sys; sys.modules['nats.aio.client'] = None",
        "import shutil; shutil.which = lambda *_, **__: None",
    ],
    ids=["no client", "no server"],
)
def test_what_is_missing_for_lesson_10_is_told_by_its_first_cell(hide: str) -> None:
    lesson = ROOT / "notebooks" / "10_distributed_bus.ipynb"
    cells = nbformat.read(lesson, as_version=4).cells  # type: ignore[no-untyped-call]
    setup = next(cell.source for cell in cells if cell.cell_type == "code")
    done = subprocess.run(
        [sys.executable, "-c", f"{hide}\n{setup}"], capture_output=True, encoding="utf-8", cwd=ROOT
    )
    assert done.stderr.splitlines()[-1].endswith("pip install 'eventkit-notebooks[nats]'")


def test_the_end_of_a_connection_is_not_passed_on_while_the_line_is_frozen() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as there,
        Cable(f"127.0.0.1:{there.getsockname()[1]}") as cable,
    ):
        host, _, port = cable.address.rpartition(":")
        near = socket.create_connection((host, int(port)), LONG)
        far, _ = there.accept()
        with far:
            near.sendall(b"!")
            assert far.recv(1) == b"!"
            cable.freeze()
            near.close()
            far.settimeout(0.1)
            with pytest.raises(TimeoutError):
                far.recv(1)
            cable.mend()
            far.settimeout(LONG)
            assert far.recv(1) == b""
