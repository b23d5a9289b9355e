"""Halves: a counter on another machine, and the line to it, which can be cut."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from ...bus import EventBus
from ...event import Event
from ...executors.queue import QueueFull
from ..processes.child import Machine
from ..processes.tcp_proxy import Cable
from .places import Places, places

if TYPE_CHECKING:
    from ...nats import Bridge

CAPACITY = 20
TIMEOUT = 1.0
LONG = 20.0
_PATIENCE = 120  # seconds between pings: long enough that a frozen line is not noticed
_POLL = 0.01
_ANSWER = 1.0  # seconds; an answer that may have been lost and takes longer is taken for lost

COUNTER = """
import sys
import threading

import eventkit as ek

bus = ek.EventBus()
count = 0


@bus.processor("button.click", emits="counter.changed")
def add(event):
    global count
    before = count
    count += event.data["count"]
    print(event.data["number"], flush=True)
    return {"before": before, "after": count, "number": event.data["number"]}


bridge = ek.Bridge(bus, sys.argv[1], outgoing=["counter.changed"], incoming=["button.click"])
print("ready", flush=True)
threading.Event().wait()
"""


class Counts(NamedTuple):
    """What each side knows.

    Every click that was fired here is confirmed by the server, waiting, refused, or of unknown
    outcome. `counted` is the number there, and `shown` the last number received here. It stays
    behind if a cut took an answer with it, until the next answer.
    """

    fired: int = 0
    confirmed: int = 0
    waiting: int = 0
    refused: int = 0
    unknown: int = 0
    counted: int = 0
    shown: int = 0

    @property
    def all_counted(self) -> bool:
        """True if every click that the server has was counted, and none waits."""
        return self.waiting == 0 and self.confirmed <= self.counted


class Halves:
    """A bus with a button here, a counter in another process there, and a real server between them.

    The line from here to the server can be "whole", "cut" or "frozen", as `state` says. The bridge
    of clicks has room for `CAPACITY` on their way out. All of it ends with `close()`, or with
    the process that made it.
    """

    def __init__(self) -> None:
        from ...nats import NatsServer

        self.state = "whole"
        self.may_lack_answer = False
        self.fired = 0
        self._refused: list[int] = []
        self._heard: list[tuple[int, int]] = []  # a click's number, and the count it made
        self._cut_off: list[int] = []
        self.bus = EventBus()
        self.bus.subscribe("counter.changed", self._hear)
        with ExitStack() as started:
            server = started.enter_context(NatsServer())
            self._machine = started.enter_context(Machine(COUNTER, server.url))
            self._cable = started.enter_context(Cable(server.address))
            self._machine.wait_for("ready", LONG)
            url = server.url.replace(server.address, self._cable.address)
            self._bridge = started.enter_context(
                self._join(url, outgoing=["button.click"], capacity=CAPACITY)
            )
            # A bridge of their own: a burst of answers needs more room than clicks have.
            self._answers = started.enter_context(
                self._join(url, outgoing=["line.mended"], incoming=["counter.changed"])
            )
            self._logger = logging.getLogger("eventkit")
            self._logger.addFilter(self._is_news)
            started.callback(self._logger.removeFilter, self._is_news)
            self._ends = started.pop_all()

    @property
    def counts(self) -> Counts:
        """The numbers at this moment."""
        return self.look()[1]

    @property
    def shown(self) -> int:
        """The last number received here."""
        return self._heard[-1][1] if self._heard else 0

    def look(self) -> tuple[Places, Counts]:
        """Return where every click is, and the numbers of the same moment.

        It reads backwards, from the answers to the clicks, so that each thing's cause is read, too.
        An answer can come before the line that the machine printed for it, and waits for that here.
        """
        answers = list(self._heard)
        counted = [int(line) for line in list(self._machine.said) if line != "ready"]
        printed = set(counted)
        heard = [answer for answer in answers if answer[0] in printed]
        letters = [one.event for one in self.bus.dead_letters.copy()]
        given_up = [event.data["number"] for event in letters if event.topic == "button.click"]
        confirmed, waiting = self._bridge.sent, self._bridge.waiting
        refused, cut_off, fired = list(self._refused), list(self._cut_off), self.fired
        numbers = [number for number, _ in heard]
        return places(fired, refused, given_up, counted, numbers, cut_off), Counts(
            fired, confirmed, waiting, len(refused), len(given_up), len(counted),
            heard[-1][1] if heard else 0,
        )  # fmt: skip

    def click(self, times: int = 1) -> None:
        """Click this many times. Without room, a click waits for some and is then refused, and the
        rest with it; if the line is known to be cut, it is refused at once.
        """
        for left in range(times, 0, -1):
            self.fired += 1
            try:
                self.bus.fire("button.click", {"count": 1, "number": self.fired})
            except QueueFull:
                self._refuse(left)
                return

    def cut(self) -> None:
        """End the connection, and wait until the bridge here has noticed."""
        if not (self.counts.all_counted and self.shown == self.counts.counted):
            self.may_lack_answer = True
        self._cable.cut()
        self.state = "cut"
        _until(lambda: not (self._bridge.is_connected or self._answers.is_connected))
        self._lose_answers()

    def freeze(self) -> None:
        """Let nothing through, without either side noticing. A cut line stays cut."""
        if self.state != "cut":
            self._cable.freeze()
            self.state = "frozen"

    def mend(self) -> None:
        """Mend the line, and wait until the bridge is connected."""
        if self.state == "cut":
            self._lose_answers()
        self._cable.mend()
        _until(lambda: self._bridge.is_connected and self._answers.is_connected)
        self._until_answers_come()
        self.state = "whole"

    def settle(self) -> None:
        """Wait until every click is counted there and the number has arrived here.

        If the line was cut with something on it, that may have been the number, which is then not
        waited for for long. Raises TimeoutError if a click is not counted, or if the number does
        not come though it cannot have been on the line.
        """
        _until(lambda: self.counts.all_counted)
        timeout = _ANSWER if self.may_lack_answer else LONG
        try:
            _until(lambda: self.shown == self.counts.counted, timeout)
        except TimeoutError:
            if not self.may_lack_answer:
                raise

    def close(self) -> None:
        """End all of it. Can be called twice."""
        self._cable.mend()  # so that waiting clicks can leave
        self._ends.close()
        self.bus.close()

    def _join(self, url: str, **options: Any) -> Bridge:
        from ...nats import Bridge

        return Bridge(self.bus, url, timeout=TIMEOUT, ping_interval=_PATIENCE, **options)

    def _refuse(self, clicks: int) -> None:
        """Refuse the last click that was fired, and those of its press that were to follow."""
        first, self.fired = self.fired, self.fired + clicks - 1
        self._refused += range(first, self.fired + 1)

    def _until_answers_come(self) -> None:
        """Wait until the server confirms an event of the answers' bridge. By then it has that
        bridge's subscription again.
        """
        before = self._answers.sent
        self.bus.fire("line.mended")
        _until(lambda: self._answers.sent > before)

    def _lose_answers(self) -> None:
        """Note that the answers behind a cut are lost: NATS keeps none for later."""
        self._cut_off += self.look()[0].answers

    def _hear(self, event: Event) -> None:
        self._heard.append((event.data["number"], event.data["after"]))
        if self.shown == self.counts.counted:
            self.may_lack_answer = False

    def _is_news(self, record: logging.LogRecord) -> bool:
        """Drop the bridges' log records: their failures are what the lesson shows."""
        args = record.args if isinstance(record.args, tuple) else ()
        bridges = (self._bridge, self._answers)
        return not any(one in args or repr(one) in args for one in bridges)


def _until(condition: Callable[[], bool], timeout: float = LONG) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the other side did not follow within {timeout} s.")
        time.sleep(_POLL)
