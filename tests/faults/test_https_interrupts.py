"""An interrupt anywhere in start and stop leaves an HttpsTrigger that works again."""

from __future__ import annotations

import asyncio.base_events
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.secured import LONG, House

from .interrupting import sweep

ALSO = (asyncio.base_events, socket)


class Start:
    """A trigger that serves whatever happened, and whose port and thread are free after a stop."""

    def __init__(self, house: House) -> None:
        self.house = house

    def call(self) -> None:
        self.house.trigger.start()

    def check(self) -> None:
        self.house.trigger.stop()
        deadline = time.monotonic() + LONG
        while any(one.name == "https" and one.is_alive() for one in threading.enumerate()):
            assert time.monotonic() < deadline, "the server's thread goes on"
            time.sleep(0.001)
        socket.create_server(("127.0.0.1", self.house.trigger.port)).close()
        self.serve()

    def serve(self) -> None:
        with self.house.trigger:
            assert self.house.post("button.click").status == 202

    def close(self) -> None:
        self.house.trigger.stop()


class StartAgain(Start):
    """The same without a stop in between, unless the interrupted start had done all it does."""

    def check(self) -> None:
        life = self.house.trigger._life
        if life is None or not life.is_serving:
            self.serve()


class Stop(Start):
    def __init__(self, house: House) -> None:
        super().__init__(house)
        house.trigger.start()

    def call(self) -> None:
        self.house.trigger.stop()


class StopThenStart(Stop):
    """A start completes the stop that was interrupted."""

    def check(self) -> None:
        life = self.house.trigger._life
        if life is None or not life.is_serving:
            self.serve()


SETTINGS = [Start, StartAgain, Stop, StopThenStart]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.long
@pytest.mark.filterwarnings(  # interrupted before it has a name, a socket is closed by Python
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_an_interrupt_at_any_instruction_leaves_it_usable(
    tmp_path: Path, setting: type[Start]
) -> None:
    house = House(tmp_path)
    places = sweep(lambda: setting(house), instructions=True, also=ALSO)
    print(f"{setting.__name__}: {places} instructions", file=sys.stderr)
    assert places > 100
