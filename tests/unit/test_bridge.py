"""Bridge: events between buses through a real server, and how failures are reported."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
from hypothesis import given, settings, strategies as st

import eventkit as ek
from eventkit.nats.counting import LONGEST, Counts, Gaps

ROOT = Path(__file__).parents[2]
LONG = 20.0
MAX_PAYLOAD = 2**20  # bytes, a server's default
USERS = {
    "reader": {"publish": ["eventkit.allowed.>"], "subscribe": ["eventkit.>"]},
    "writer": {"publish": ["eventkit.>"], "subscribe": ["eventkit.allowed"]},
}


@pytest.fixture(scope="module")
def server() -> Iterator[ek.NatsServer]:
    with ek.NatsServer(users=USERS) as server:
        yield server


class Side:
    """A bus, its bridge, and a record of what was fired on the bus."""

    def __init__(self, url: str, *patterns: list[str], **options: Any) -> None:
        self.bus = ek.EventBus()
        self.events: list[ek.Event] = []
        self._came = threading.Condition()
        self.bus.subscribe(">", self._note, priority=-1)
        self.bridge = ek.Bridge(self.bus, url, *patterns, **options)

    def _note(self, event: ek.Event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def wait_for(self, number: int) -> list[object]:
        """Wait for at least `number` events, and return the data of all."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.events) >= number, LONG), self.events
            return [event.data for event in self.events]

    def close(self) -> None:
        self.bridge.close()
        self.bus.close()


Make = Callable[..., Side]


@pytest.fixture
def side(server: ek.NatsServer) -> Iterator[Make]:
    made: list[Side] = []

    def make(*patterns: list[str], url: str = server.url, **options: Any) -> Side:
        made.append(Side(url, *patterns, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def raw(server: ek.NatsServer, subject: str, body: bytes) -> None:
    """Publish from a program that does not use eventkit."""
    code = (
        "import asyncio, nats, sys\n"
        "async def main():\n"
        "    client = await nats.connect(sys.argv[1])\n"
        "    await client.publish(sys.argv[2], sys.argv[3].encode())\n"
        "    await client.flush()\n"  # the server has it before another client sends
        "    await client.close()\n"
        "asyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", code, server.url, subject, body.decode()], check=True)


# What arrives


def test_an_event_arrives_on_the_other_bus_with_all_it_carries(side: Make) -> None:
    here, there = side(["counter.*"]), side([], ["counter.>"])
    fired = here.bus.fire("counter.changed", {"count": [1, None, "é"]}, key="k")

    there.wait_for(1)
    (event,) = there.events
    assert isinstance(event, ek.Arrived)
    assert (event.topic, event.data, event.key) == ("counter.changed", fired.data, "k")
    assert (event.original.source, event.original.id) == (here.bus.source, str(fired.id))
    assert abs(event.time - fired.time) < LONG * 1e9


def test_what_fits_no_pattern_stays_at_home_and_stays_out(side: Make) -> None:
    here, there = side(["a.*", "b"]), side([], ["a.x", "b"])
    for topic in ("c", "a.y", "a", "a.x", "b.x", "b"):
        here.bus.fire(topic, topic)

    assert there.wait_for(2) == ["a.x", "b"]


def test_an_event_that_fits_several_patterns_arrives_once(side: Make) -> None:
    here = side(["a.*", "*.b", ">", "a.*"])
    there = side([], [">", "a.b", "*.b", "a.*"])
    here.bus.fire("a.b", 1)
    here.bus.fire("x.b", 2)

    assert there.wait_for(2) == [1, 2]


def test_what_came_in_is_not_sent_out_again_and_ones_own_does_not_return(side: Make) -> None:
    one, two, three = (side([">"], [">"]) for _ in range(3))
    one.bus.fire("a", 1)
    for other in (two, three):
        assert other.wait_for(1) == [1]
    two.bus.fire("a", 2)
    for other in (one, two, three):
        assert other.wait_for(2) == [1, 2]


def test_an_event_made_of_one_that_came_in_is_sent(side: Make) -> None:
    here, there = side(["click"], ["count"]), side(["count"], ["click"])

    def count(event: ek.Event) -> object:
        here.wait_for(1)  # so that the click is recorded before its answer
        return event.data + 1

    there.bus.subscribe("click", count, emits="count")
    here.bus.fire("click", 1)

    assert here.wait_for(2) == [1, 2]


def test_events_of_one_thread_arrive_in_order(side: Make) -> None:
    here, there = side(["a"]), side([], ["a"])
    for number in range(5_000):
        here.bus.fire("a", number)

    assert there.wait_for(5_000) == list(range(5_000))


def test_of_a_group_each_event_goes_to_one(side: Make) -> None:
    here = side(["a"])
    workers = [side([], ["a"], group="workers") for _ in range(3)]
    watcher = side([], ["a"])
    for number in range(300):
        here.bus.fire("a", number)

    watcher.wait_for(300)
    for worker in workers:
        worker.bridge.close()
    shares = [worker.wait_for(0) for worker in workers]
    assert sorted(number for share in shares for number in share) == list(range(300))  # type: ignore[type-var]
    assert all(shares)


def test_a_sender_in_the_group_itself_does_not_swallow_its_own_events(side: Make) -> None:
    here, there = (side(["a"], ["a"], group="workers") for _ in range(2))
    for number in range(100):
        here.bus.fire("a", number)

    assert there.wait_for(100) == list(range(100))


def test_bridges_with_different_prefixes_do_not_hear_each_other(side: Make) -> None:
    here, other = side([">"], prefix="one"), side([], [">"], prefix="two")
    there = side([], [">"], prefix="one")
    here.bus.fire("a", 1)

    assert there.wait_for(1) == [1]
    assert other.wait_for(0) == []


def test_failures_stay_at_home(side: Make, caplog: pytest.LogCaptureFixture) -> None:
    here, there = side([">"]), side([], [">"])
    here.bus.subscribe("bad", lambda event: 1 / 0)
    here.bus.fire("bad", 1)
    here.bus.fire("good", 2)

    assert there.wait_for(2) == [1, 2]
    assert [type(one.error) for one in here.bus.dead_letters] == [ZeroDivisionError]


def test_what_is_no_event_or_claims_another_topic_is_refused_aloud(
    side: Make, server: ek.NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    there, here = side([], [">"]), side(["a"])
    raw(server, "eventkit.a", b"nonsense")
    raw(server, "eventkit.a", ek.encode(ek.Event("other"), "/elsewhere"))
    raw(server, "eventkit.a", ek.encode(ek.Event("a", "good"), "/elsewhere"))
    here.bus.fire("a", "last")

    assert there.wait_for(2) == ["good", "last"]
    assert there.bridge.dropped == 2
    assert "CloudEvents" in caplog.text and "'other'" in caplog.text


def test_what_is_sent_is_cloudevents_json_under_the_prefix(
    side: Make, server: ek.NatsServer
) -> None:
    import asyncio

    async def listen() -> tuple[str, dict[str, Any]]:
        client = await nats.connect(server.url)
        messages = await client.subscribe("eventkit.>")
        await client.flush()
        here.bus.fire("a.b", 1)
        message = await messages.next_msg(LONG)
        await client.close()
        return message.subject, json.loads(message.data)

    here = side(["a.b"])
    subject, body = asyncio.run(listen())
    assert subject == "eventkit.a.b"
    assert (body["specversion"], body["type"], body["data"]) == ("1.0", "a.b", 1)


# What is refused


@pytest.mark.parametrize("wrong", ["a..b", ".a", "a.", "", "a b", "a*", ">.a", None])
def test_patterns_that_nats_would_misroute_are_refused(server: ek.NatsServer, wrong: Any) -> None:
    with ek.EventBus() as bus:
        both: list[tuple[list[Any], list[Any]]] = [([wrong], []), ([], [wrong])]
        for patterns in both:
            with pytest.raises(ek.InvalidTopic):
                ek.Bridge(bus, server.url, *patterns)
        with pytest.raises(ek.InvalidTopic):
            ek.Bridge(bus, server.url, prefix=wrong)


@pytest.mark.parametrize("wrong", ["a..b", ".a", "a.*", ">", "a b"])
def test_topics_that_nats_would_misroute_are_refused_before_they_leave(
    side: Make, wrong: str
) -> None:
    here, there = side([">"]), side([], [">"])
    with pytest.raises(ek.InvalidTopic):
        here.bus.fire(wrong)
    here.bus.fire("a", 1)
    assert there.wait_for(1) == [1]


def test_what_makes_no_sense_is_refused(server: ek.NatsServer) -> None:
    with ek.EventBus() as bus:
        with pytest.raises(TypeError, match="list of patterns"):
            ek.Bridge(bus, server.url, "a.*")
        with pytest.raises(ValueError, match="capacity"):
            ek.Bridge(bus, server.url, capacity=0)


def test_an_option_that_nats_py_does_not_have_is_named(server: ek.NatsServer) -> None:
    with pytest.raises(TypeError, match="unknown option nosuch"):
        ek.Bridge(ek.EventBus(), server.url, nosuch=1)
    with pytest.raises(TypeError, match="unknown option nme"):
        ek.open_log(server.url, nme="x")


def test_data_that_json_cannot_say_and_what_is_too_large_are_dead_letters(side: Make) -> None:
    here, there = side([">"]), side([], [">"])
    here.bus.fire("a", object())
    here.bus.fire("a", "x" * 2_000_000)
    here.bus.fire(".".join(["word"] * 1_000), 0)
    here.bus.fire("a", 1)

    assert there.wait_for(1) == [1]
    errors = [type(one.error) for one in here.bus.dead_letters]
    assert errors == [TypeError, ValueError, ek.InvalidTopic]


def test_no_server_is_an_error_that_says_what_to_do() -> None:
    with ek.EventBus() as bus, pytest.raises(ConnectionError, match="NatsServer"):
        ek.Bridge(bus, "nats://127.0.0.1:9", timeout=0.5)


def test_a_publish_that_the_server_denies_is_a_dead_letter_and_flush_says_so(
    side: Make, server: ek.NatsServer
) -> None:
    here = side([">"], url=server.url_of("reader"))
    here.bus.fire("allowed.x", 1)
    denied = here.bus.fire("Denied", 2)

    with pytest.raises(ek.PermissionDenied, match="publish on 'denied'"):
        here.bridge.flush(LONG)
    (letter,) = here.bus.dead_letters
    assert letter.event is denied and isinstance(letter.error, ek.PermissionDenied)
    here.bridge.flush(LONG)  # the refusal is reported once
    assert (here.bridge.sent, here.bridge.refused) == (1, 1)


def test_a_subscription_that_the_server_denies_is_refused_at_once(server: ek.NatsServer) -> None:
    with ek.EventBus() as bus, pytest.raises(ek.PermissionDenied, match="subscription on 'secret'"):
        ek.Bridge(bus, server.url_of("writer"), [], ["secret"])


def test_arrivals_that_slow_handlers_leave_no_room_for_are_counted_and_reported(
    side: Make, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = side(["a"]), side([], ["a"], capacity=10)
    gate = threading.Event()
    there.bus.subscribe("a", lambda event: gate.wait(LONG), priority=1)
    for number in range(100):
        here.bus.fire("a", number)
    here.bridge.flush(LONG)
    in_time = there.bridge
    with caplog.at_level(logging.WARNING):
        while in_time.dropped < 89:
            here.bridge.flush(LONG)
    gate.set()

    got = there.wait_for(10)
    assert got[:10] == list(range(10))
    assert caplog.text.count("begins to drop") == 1


def test_a_closed_bridge_carries_nothing_and_can_be_closed_again(side: Make) -> None:
    here, there = side(["a"], ["a"]), side(["a"], ["a"])
    here.bus.fire("a", 1)
    here.bridge.close()
    here.bridge.close()
    assert there.wait_for(1) == [1]
    here.bus.fire("a", 2)
    there.bus.fire("a", 3)
    there.bridge.flush(LONG)

    assert here.wait_for(2) == [1, 2]
    with pytest.raises(ek.BusClosed):
        here.bridge.flush()


def test_the_longest_wait_that_threads_allow_is_allowed_here(server: ek.NatsServer) -> None:
    longest = threading.TIMEOUT_MAX
    bridge = ek.Bridge(ek.EventBus(), server.url, ["a"], timeout=longest)
    bridge.flush(longest)
    bridge.close(longest)


def test_several_threads_may_close_a_bridge(server: ek.NatsServer) -> None:
    for _ in range(10):
        with ek.EventBus() as bus, ThreadPoolExecutor(4) as threads:
            bridge = ek.Bridge(bus, server.url, [">"], [">"])
            bus.fire("a", 1)
            for closing in [threads.submit(bridge.close) for _ in range(4)]:
                closing.result()
            assert bridge.sent == 1


def test_a_bridge_that_cannot_be_made_leaves_nothing_behind(server: ek.NatsServer) -> None:
    bus = ek.EventBus()
    bus.close()
    before = threading.active_count()
    with pytest.raises(ek.BusClosed):
        ek.Bridge(bus, server.url, ["a"])
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "url",
    [
        "nats://ann:hidden@127.0.0.1:9", "nats://hidden@127.0.0.1:9", "ann:hidden@127.0.0.1:9",
        "nats://ann:hidden@127.0.0.1:port", "nats://ann:hid@hidden@127.0.0.1:9",
        "nats://ann:hidden,x@127.0.0.1:9", "tls://ann:hidden@127.0.0.1:9", "nats://ann:hidden",
        "other://ann:hidden@127.0.0.1:9",
    ],
)  # fmt: skip
def test_no_error_and_no_log_line_shows_a_password_or_token(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    opens: list[Callable[[], object]] = [
        lambda: ek.Bridge(ek.EventBus(), url, timeout=0.2),
        lambda: ek.open_log(url, timeout=0.2),
    ]
    for opening in opens:
        with pytest.raises(Exception) as failed:  # noqa: PT011  # the class differs
            opening()
        error: BaseException | None = failed.value
        while error is not None:
            assert "hidden" not in f"{error!r} {error}"
            error = error.__cause__ or error.__context__
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1, 0, "1", True, 1e12])
def test_a_time_out_is_a_number_that_a_thread_can_wait_for(
    server: ek.NatsServer, side: Make, wrong: Any
) -> None:
    with ek.EventBus() as bus, pytest.raises(ValueError, match="timeout"):
        ek.Bridge(bus, server.url, timeout=wrong)
    if wrong != 0:
        here = side()
        for call in (here.bridge.flush, here.bridge.close):
            with pytest.raises(ValueError, match="timeout"):
                call(wrong)


def test_a_message_on_a_subject_that_is_no_text_stops_nothing(
    side: Make, server: ek.NatsServer
) -> None:
    there, here = side([], [">"]), side(["a"])
    host, _, port = server.address.partition(":")
    user, _, password = server.url.partition("://")[2].partition("@")[0].partition(":")
    login = json.dumps({"user": user, "pass": password, "verbose": False})
    with socket.create_connection((host, int(port))) as raw_client:
        raw_client.sendall(f"CONNECT {login}\r\n".encode())
        raw_client.sendall(b"PUB eventkit.\xff\xfe 2\r\n{}\r\nPING\r\n")
        answers = b""
        while b"PONG" not in answers:
            answers += raw_client.recv(4096)
    here.bus.fire("a", "last")
    assert there.wait_for(1) == ["last"]
    assert there.bridge.dropped == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_in_the_child_of_a_fork_a_bridge_says_what_to_do(side: Make) -> None:
    here, there = side(["a"]), side([], ["a"])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            here.bridge.flush()
        except RuntimeError as error:
            os.write(writing, str(error).encode())
        here.bridge.close()  # leaves the parent's connection alone
        os._exit(0)
    os.waitpid(child, 0)
    assert b"in the child" in os.read(reading, 1_000)
    os.close(reading)
    os.close(writing)
    here.bus.fire("a", 1)
    assert there.wait_for(1) == [1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_gaps_are_counted_from_the_first_of_a_topic_to_its_last(sent: list[Any]) -> None:
    counts, gaps = Counts(), Gaps()
    arrivals: dict[str, list[bool]] = {}
    for topic, arrives in sent:
        body = counts.number(topic, b'{"data":1}')
        arrivals.setdefault(topic, []).append(arrives)
        if arrives:
            gaps.note(topic, body)
    expected = 0
    for came in arrivals.values():
        if True in came:
            last = len(came) - came[::-1].index(True)
            expected += came[came.index(True) : last].count(False)
    assert gaps.missed == expected


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=9), st.text(max_size=40)), st.integers(0, 70))
def test_a_number_changes_nothing_else_of_an_event(data: dict[str, str], padding: int) -> None:
    event = ek.Event("a.b", data | {"padding": "x" * padding}, key="k")
    body = ek.encode(event, "/here")
    numbered = Counts().number(event.topic, body)

    assert len(numbered) <= len(body) + LONGEST
    assert ek.decode(numbered) == ek.decode(body)


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"{}",
        b'{"eventkitnumber":"abcdef0123456789 7"}',
        b'{"a":1,"eventkitnumber":"abcdef0123456789 7","b":2}',
        b'{"a":{"b":1,"eventkitnumber":"abcdef0123456789 7"}}',
        b'{"a":1,"eventkitnumber":"abcdef0123456789 many"}',
        b'{"a":1,"eventkitnumber":"7"}',
        b'{"a":1,"eventkitnumber":7}',
        b'{"a":"\\",\\"eventkitnumber\\":\\"abcdef0123456789 7\\"}"}',
    ],
)
def test_what_other_programs_send_is_not_taken_for_a_number(foreign: bytes) -> None:
    gaps, counts = Gaps(), Counts()
    gaps.note("a", counts.number("a", b"{}"))
    assert gaps.note("a", foreign) == 0
    assert gaps.note("a", counts.number("a", b"{}")) == 0
    assert gaps.missed == 0


def test_an_event_as_large_as_the_server_takes_arrives_with_its_number(side: Make) -> None:
    here, there = side(["a"]), side([], ["a"])
    event = ek.Event("a", "")
    room = MAX_PAYLOAD - LONGEST - len(ek.encode(event, here.bus.source))
    here.bus.publish(msgspec.structs.replace(event, data="x" * room))
    here.bus.publish(msgspec.structs.replace(event, data="x" * (room + 10)))
    here.bus.fire("a", "last")

    assert there.wait_for(2) == ["x" * room, "last"]
    assert [type(one.error) for one in here.bus.dead_letters] == [ValueError]


def test_no_password_is_shown(side: Make, server: ek.NatsServer) -> None:
    assert repr(side().bridge) == f"<Bridge to {server.address}>"
