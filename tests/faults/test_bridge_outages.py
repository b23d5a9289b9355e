"""Servers are killed and frozen under a bridge: events wait, or their loss is reported."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import eventkit as ek
from eventkit import lab
from tests.tiers import mostly_long, rounds

LONG = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and SIGSTOP")


@pytest.fixture
def server() -> Iterator[ek.NatsServer]:
    with ek.NatsServer() as server:
        yield server


class Counter:
    """A record of what has arrived on a bus."""

    def __init__(self, bus: ek.EventBus, topic: str = "a") -> None:
        self.data: list[object] = []
        self._came = threading.Condition()
        bus.subscribe(topic, self._note)

    def _note(self, event: ek.Event) -> None:
        with self._came:
            self.data.append(event.data)
            self._came.notify_all()

    def wait_until(self, number: int) -> list[object]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.data) >= number, LONG), len(self.data)
            return list(self.data)


@pytest.fixture
def sender() -> Iterator[ek.EventBus]:
    with ek.EventBus() as bus:
        yield bus


@pytest.fixture
def receiver() -> Iterator[ek.EventBus]:
    with ek.EventBus() as bus:
        yield bus


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_events_fired_while_the_server_is_away_wait_up_to_the_bound_and_are_sent_when_it_is_back(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    with ek.Bridge(sender, server.url, ["a"], capacity=50) as bridge:
        server.kill()
        wait_until(lambda: not bridge.is_connected)
        for number in range(50):
            sender.fire("a", number)
        with pytest.raises(ek.QueueFull, match="not connected, has all 50 places"):
            sender.fire("a", "one too many")
        with pytest.raises(ek.OutcomeUnknown, match="50 events"):
            bridge.flush(0.1)
        server.start()
        bridge.flush(LONG)
        assert (bridge.sent, bridge.waiting) == (50, 0)
        sender.fire("a", "there is room again")
    assert not sender.dead_letters


def test_a_server_killed_under_fire_loses_nothing_in_silence_and_doubles_nothing(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    counter, fired = Counter(receiver), 0
    stop = threading.Event()
    with (
        ek.Bridge(sender, server.url, ["a"], capacity=100_000) as out,
        ek.Bridge(receiver, server.url, [], ["a"]) as into,
    ):

        def fire() -> None:
            nonlocal fired
            while not stop.is_set():
                sender.fire("a", fired)
                fired += 1
                stop.wait(0.0005)

        firing = threading.Thread(target=fire)
        firing.start()
        counter.wait_until(200)
        server.kill()
        wait_until(lambda: not (out.is_connected or into.is_connected))
        stop.set()
        firing.join()
        server.start()
        out.flush(LONG)
        arrived = list(counter.data)

    errors = {type(one.error) for one in sender.dead_letters}
    assert errors <= {ek.OutcomeUnknown}
    assert out.sent + len(sender.dead_letters) == fired
    assert len(arrived) == len(set(arrived)) and arrived == sorted(arrived)  # type: ignore[type-var]


def test_a_frozen_server_is_a_time_out_and_what_was_sent_arrives_all_the_same(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    counter = Counter(receiver)
    with ek.Bridge(sender, server.url, ["a"]) as out, ek.Bridge(receiver, server.url, [], ["a"]):
        server.freeze()
        sender.fire("a", 1)
        with pytest.raises(ek.OutcomeUnknown, match="1 events"):
            out.flush(0.2)
        server.thaw()
        out.flush(LONG)
        assert counter.wait_until(1) == [1]


def test_a_peer_that_reads_no_more_is_given_up_whatever_waits_for_it(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    lost: list[ek.Event] = []
    counter, many = Counter(receiver), 900  # more than all buffers on the way take
    sender.subscribe("error.a", lost.append)
    with (
        lab.Cable(server.address) as line,
        ek.Bridge(receiver, server.url, [], ["a"]),
        ek.Bridge(
            sender, f"{server.url.replace(server.address, line.address)},{server.url}", ["a"],
            capacity=2 * many, ping_interval=1, dont_randomize=True,
        ) as out,
    ):  # fmt: skip
        line.freeze()
        for number in range(many):
            sender.fire("a", (number, "x" * 10_000))
        wait_until(lambda: out.sent)  # through the other server address
        out.flush(LONG)
        counter.wait_until(out.sent)

    assert out.sent + len(lost) == many


def test_after_an_outage_in_the_middle_of_a_question_the_next_is_answered_at_once(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    with (
        lab.Cable(server.address) as line,
        ek.Bridge(
            sender, server.url.replace(server.address, line.address), ["a"], timeout=10 * LONG
        ) as out,
    ):
        line.freeze_answers()
        sender.fire("a", 1)
        with pytest.raises(ek.OutcomeUnknown, match="1 events were not confirmed"):
            out.flush(0.2)
        line.cut()
        wait_until(lambda: sender.dead_letters)
        line.mend()
        sender.fire("a", 2)
        out.flush(LONG)
        assert out.sent == 1


def test_a_flush_says_so_when_the_connection_breaks_under_it(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    with (
        lab.Cable(server.address) as line,
        ek.Bridge(sender, server.url.replace(server.address, line.address), ["a"]) as out,
    ):
        line.freeze()
        sender.fire("a", 1)
        cutting = threading.Timer(0.2, line.cut)
        cutting.start()
        with pytest.raises(ek.OutcomeUnknown, match="1 events were on their way"):
            out.flush(LONG)
        cutting.join()
    assert [letter.event.data for letter in sender.dead_letters] == [1]


def test_a_bridge_goes_on_with_another_node_of_a_cluster(
    sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    with ek.NatsCluster(3) as cluster:
        counter = Counter(receiver)
        with (
            ek.Bridge(sender, cluster.url, ["a"]) as out,
            ek.Bridge(receiver, cluster.nodes[2].url, [], ["a"]),
        ):
            # events are not forwarded before the nodes have exchanged their subscriptions
            wait_until(lambda: sender.fire("a", "before") and counter.data)
            for node in cluster.nodes[:2]:
                node.kill()
                _fire_until_sent(sender, out, node.name)
            wait_until(lambda: {"node-1", "node-2"} <= set(counter.data))  # some perhaps twice


def _fire_until_sent(bus: ek.EventBus, bridge: ek.Bridge, data: str) -> None:
    """Repeat until an event is sent. The first may be lost with the connection, with a report."""
    while True:
        bus.fire("a", data)
        try:
            bridge.flush(LONG)
        except ek.OutcomeUnknown:
            assert bus.dead_letters  # it was the connection, not the time
        if not bus.dead_letters:
            return
        while bus.dead_letters:
            assert isinstance(bus.dead_letters.pop().error, ek.OutcomeUnknown)


@pytest.mark.parametrize("hold", mostly_long([0.1, 0.3, 1.0, 2.0], 0.3))
def test_a_stall_of_any_length_leaves_a_bridge_that_sends_and_hears(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus, hold: float
) -> None:
    there, back = Counter(receiver), Counter(sender, "b")
    with (
        lab.Cable(server.address) as line,
        ek.Bridge(
            sender, server.url.replace(server.address, line.address), ["a"], ["b"], timeout=0.3
        ) as out,
        ek.Bridge(receiver, server.url, ["b"], ["a"]),
    ):
        for number in range(1, 3):
            line.freeze()
            sender.fire("a", number)
            time.sleep(hold)
            line.mend()
            out.flush(LONG)
            assert there.wait_until(number) == list(range(1, number + 1))
            receiver.fire("b", number)
            assert back.wait_until(number) == list(range(1, number + 1))
        assert (out.sent, out.lost, out.waiting) == (2, 0, 0)


def test_a_server_that_says_nothing_more_is_given_up_and_left(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    counter = Counter(receiver)
    with (
        lab.Cable(server.address) as line,
        ek.Bridge(receiver, server.url, [], ["a"]),
        ek.Bridge(
            sender, f"{server.url.replace(server.address, line.address)},{server.url}", ["a"],
            ping_interval=1, dont_randomize=True,
        ) as out,
    ):  # fmt: skip
        line.freeze_answers()
        sender.fire("a", 1)
        wait_until(lambda: out.lost)  # unconfirmed, although it has arrived
        sender.fire("a", 2)
        out.flush(LONG)
        assert counter.wait_until(2) == [1, 2]


def test_what_waits_for_the_server_is_sent_once_the_receivers_are_back(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    counter = Counter(receiver)
    with (
        ek.Bridge(sender, server.url, ["a"]) as out,
        ek.Bridge(receiver, server.url, [], ["a"]) as into,
    ):
        sender.fire("a", 0)
        counter.wait_until(1)
        server.kill()
        wait_until(lambda: not out.is_connected)
        for number in range(1, 500):
            sender.fire("a", number)
        server.start()
        out.flush(LONG)
        sender.fire("a", "last")
        wait_until(lambda: counter.data[-1] == "last")
        assert len(counter.data) + into.missed == 501


@pytest.mark.thorough
def test_around_restarts_every_event_has_arrived_or_is_counted(
    server: ek.NatsServer, sender: ek.EventBus, receiver: ek.EventBus
) -> None:
    restarts = rounds("EVENTKIT_RESTARTS", quick=2, long=20)
    fired = refused = 0
    counter = Counter(receiver)
    with (
        ek.Bridge(sender, server.url, ["a"]) as out,
        ek.Bridge(receiver, server.url, [], ["a"], capacity=200_000) as into,
    ):
        sender.fire("a", -1)
        counter.wait_until(1)
        for _ in range(restarts):
            restarting = threading.Thread(target=server.restart)
            restarting.start()
            for _ in range(5_000):
                try:
                    sender.fire("a", fired)
                except ek.QueueFull:
                    refused += 1
                fired += 1
            restarting.join()
            _until_there(out, into)
        sender.fire("a", "last")
        wait_until(lambda: counter.data[-1] == "last")
        out.flush(LONG)
        accepted = fired + 2 - refused
        assert accepted == len(counter.data) + into.missed + into.dropped
        assert accepted == out.sent + out.lost


def _until_there(*bridges: ek.Bridge) -> None:
    wait_until(lambda: all(one.is_connected for one in bridges))
    for one in bridges:
        with suppress(ek.OutcomeUnknown):
            one.flush(LONG)


def test_losses_are_counted_although_only_the_last_dead_letters_are_kept(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    bridge = ek.Bridge(sender, server.url, ["a"])
    server.kill()
    wait_until(lambda: not bridge.is_connected)
    for number in range(3_000):
        sender.fire("a", number)
    bridge.close(timeout=0.1)
    assert bridge.lost == 3_000 > len(sender.dead_letters)


def test_a_bridge_that_is_closed_on_a_stalled_line_leaves_nothing_open(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    with lab.Cable(server.address) as line:
        out = ek.Bridge(sender, server.url.replace(server.address, line.address), ["a"])
        line.freeze()
        for _ in range(100):
            sender.fire("a", "x" * 500_000)  # more than a socket takes
        out.close(0.3)
        assert out.lost + len(sender.dead_letters) > 0
    del out
    gc.collect()  # a transport that is still open complains now


def test_closing_while_the_server_is_away_ends_in_time_and_says_what_is_lost(
    server: ek.NatsServer, sender: ek.EventBus
) -> None:
    bridge = ek.Bridge(sender, server.url, ["a"])
    server.kill()
    wait_until(lambda: not bridge.is_connected)
    sender.fire("a", 1)
    bridge.close(timeout=0.5)

    (letter,) = sender.dead_letters
    assert isinstance(letter.error, ek.BusClosed) and letter.event.data == 1
