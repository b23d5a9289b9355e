"""Any input becomes a valid event or is refused; nothing crashes, hangs or leaks.

Each test gets 100 examples, 2,000 in the long tier, or the number in EVENTKIT_FUZZ.
"""

from __future__ import annotations

import gc
import http.client
import json
import logging
import random
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import eventkit as ek
from eventkit.event import check_cloud_event
from eventkit.https.incoming import (
    Received,
    Refused,
    check_cloud_headers,
    check_plain_headers,
    read_cloud,
    read_plain,
)
from eventkit.topics import check_topic
from tests import arbitrary
from tests.secured import CLOUD, LONG, PLAIN, STRUCTURED, House, served
from tests.tiers import rounds

COUNT = rounds("EVENTKIT_FUZZ", quick=100, long=2_000)
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300 + COUNT // 50)]
fuzz = settings(
    max_examples=COUNT,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
WIRE = json.dumps({**CLOUD, "time": "2026-01-01T00:00:00Z", "subject": "k", "data": [{"a": 1}]})
PIECES = [
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b",",
        b":",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\x00",
        b"\r\n",
        b"null",
    ),
    *(b'"specversion":"1.0",', b'"data_base64":"AA==",', b'"type":"a.>",'),
    *(b"1e999", b"-0", b"9" * 50),
]


def mutated(valid: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for almost valid text, with bytes removed, duplicated and inserted."""
    place = st.integers(0, len(valid))
    change = st.tuples(place, place, st.sampled_from([b"", *PIECES]) | st.binary(max_size=4))

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        text = valid
        for start, end, piece in changes:
            text = text[:start] + piece + text[end if end - start < 9 else start :]
        return text

    return st.lists(change, min_size=1, max_size=4).map(apply)


bodies = mutated(WIRE.encode()) | st.binary(max_size=60)
kinds = st.sampled_from(
    ["application/cloudevents+json", "application/json", "application/octet-stream", "text/x", ""]
) | st.text(max_size=30)
ce_names = st.sampled_from(["id", "source", "type", "time", "subject", "specversion", "cause", "x"])
headers = st.builds(
    lambda kind, extra, said: {"Content-Type": kind, **extra, **said},
    kinds,
    st.dictionaries(st.sampled_from(["Content-Encoding", "Content-Length"]), st.text(max_size=9)),
    st.dictionaries(
        ce_names.map("ce-{}".format),
        st.sampled_from(["1.0", "a.b", "%ff", "%C3%A4", "a.*", ""]) | st.text(max_size=12),
    ),
)


def outcome(step: Callable[[], Received | None]) -> Received | int | None:
    """Return the event, or the status with which it was refused."""
    try:
        return step()
    except Refused as refusal:
        return refusal.status


def check_sound(event: Received) -> None:
    """Assert that the topic is valid and that the event can be encoded again."""
    check_topic(event.topic)
    again = msgspec.json.decode(msgspec.json.encode(ek.to_cloud(event, "/again")))
    assert again["type"] == event.topic
    assert event.cause is None


@fuzz
@given(headers, bodies)
def test_a_cloud_event_over_http_is_sound_or_refused(sent: dict[str, str], body: bytes) -> None:
    assert outcome(lambda: check_cloud_headers(sent)) in (None, 415)
    got = outcome(lambda: read_cloud("ann", sent, body))
    if isinstance(got, Received):
        check_sound(got)
    else:
        assert got == 400


@fuzz
@given(headers, st.text(max_size=12) | st.sampled_from(["a.b", "a.>"]), bodies)
def test_plain_json_over_http_is_sound_or_refused(
    sent: dict[str, str], topic: str, body: bytes
) -> None:
    assert outcome(lambda: check_plain_headers(sent)) in (None, 415)
    got = outcome(lambda: read_plain("ann", topic, body))
    if isinstance(got, Received):
        check_sound(got)
    else:
        assert got == 400


@fuzz
@given(bodies)
def test_an_event_off_the_wire_is_sound_or_refused(body: bytes) -> None:
    try:
        wire = ek.decode(body)
    except ek.InvalidEvent:
        return
    check_topic(wire.type)
    assert wire.id and wire.source and wire.specversion == "1.0"
    assert ek.decode(msgspec.json.encode(wire)) == wire


REQUEST = (
    b"POST /events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer TOKEN\r\nContent-Length: LENGTH\r\n"
    b"Content-Type: application/cloudevents+json\r\nX: y\r\n\r\n"
)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that is served without TLS, so that the fuzzer reaches the code behind it."""
    house = House(tmp_path_factory.mktemp("fuzz"))
    make = house.trigger._new_server
    house.trigger._new_server = lambda **_: make()  # type: ignore[method-assign]
    with house.bus, house.trigger:
        yield house


def request(house: House, body: bytes = WIRE.encode()) -> bytes:
    head = REQUEST.replace(b"TOKEN", house.token.encode())
    return head.replace(b"LENGTH", str(len(body)).encode()) + body


def send(house: House, text: bytes, patience: float = LONG) -> bytes:
    """Return everything the server sends, until it hangs up, in answer to these bytes.

    If it sends nothing for `patience` seconds, because it waits for more, end the input.
    """
    got = b""
    address = house.trigger.host, house.trigger.port
    with socket.create_connection(address, LONG) as connection, suppress(ConnectionError):
        connection.sendall(text)
        connection.settimeout(patience)
        with suppress(TimeoutError):
            got = connection.recv(65_536)
        connection.settimeout(LONG)
        connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(65_536):
            got += more
    return got


@settings(parent=fuzz, max_examples=max(100, COUNT // 10))
@given(data=st.data())
def test_no_request_breaks_the_server(
    data: st.DataObject, open_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = send(open_house, data.draw(mutated(request(open_house)), "request"), 0.05)
    if answer:
        assert answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 4"))
    assert caplog.records == []
    open_house.got.clear()
    open_house.refusals.clear()


def test_an_honest_client_is_still_served_after_all_that(open_house: House) -> None:
    open_house.got.clear()
    assert send(open_house, request(open_house)).startswith(b"HTTP/1.1 202")
    assert len(open_house.got) == 1


@pytest.mark.parametrize(
    "smuggled",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 9999999999999999999999\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"X" * 20_000 + b": y\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_read_in_none(
    open_house: House, smuggled: bytes
) -> None:
    open_house.got.clear()
    text = request(open_house).replace(b"X: y\r\n", smuggled)
    if b"Content-Length" in smuggled:
        text = text.replace(f"Content-Length: {len(WIRE)}\r\n".encode(), b"", 1)
    answer = send(open_house, text + request(open_house))
    assert b"HTTP/1.1 2" not in answer
    assert open_house.got == []


EVENTS = rounds("EVENTKIT_EVENTS", quick=500, long=100_000)


@pytest.mark.timeout(300 + EVENTS // 50)
def test_what_is_accepted_comes_out_equal(tmp_path: Path) -> None:
    """Send arbitrary events in both modes over one connection to a handler."""
    source = random.Random(EVENTS)
    accepted = 0
    with served(tmp_path) as house:
        house.policy.allow("ann", publish=">")
        house.bus.subscribe(">", house.got.append)
        connection = house.connect()
        for _ in range(EVENTS):
            try:
                event = arbitrary.event(source)
                wire = ek.to_cloud(event, "/test") if isinstance(event, ek.Event) else event
                body = msgspec.json.encode(wire)
                said = msgspec.json.decode(body)
            except (TypeError, ValueError, OverflowError, RecursionError):
                continue  # JSON cannot hold it, or cannot be read back
            status = post(connection, house, *_as_sent(wire, body, said, source))
            if is_sound(wire):
                assert status == 202, wire
                check_equal(house.got[-1], wire)
                accepted += 1
            else:
                assert status in (202, 400), wire
            house.got.clear()
            house.refusals.clear()
        connection.close()
    assert accepted > EVENTS // 3


def is_sound(wire: ek.CloudEvent) -> bool:
    try:
        check_cloud_event(wire)
        check_topic(wire.type)
    except (TypeError, ValueError):
        return False
    return True


def check_equal(got: ek.Event, wire: ek.CloudEvent) -> None:
    assert isinstance(got, Received)
    data = wire.data if wire.data is msgspec.UNSET else arbitrary.as_read(wire.data)
    assert got.original == msgspec.structs.replace(wire, data=data)
    sent = data if wire.data_base64 is msgspec.UNSET else wire.data_base64
    key = None if wire.subject is msgspec.UNSET else wire.subject
    assert (got.data, got.key) == (None if sent is msgspec.UNSET else sent, key)
    assert type(got.data) is type(None if sent is msgspec.UNSET else sent)


def _as_sent(
    wire: ek.CloudEvent, body: bytes, said: dict[str, Any], source: random.Random
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers, sometimes in binary mode where it is possible."""
    texts = {name: text for name, text in said.items() if name not in ("data", "data_base64")}
    if source.random() < 0.5 or not all(isinstance(text, str) for text in texts.values()):
        return body, STRUCTURED
    headers = {f"ce-{name}": quote(text, safe="") for name, text in texts.items()}
    if isinstance(wire.data_base64, bytes):
        return wire.data_base64, {**headers, "Content-Type": "application/octet-stream"}
    data = msgspec.json.encode(said["data"]) if "data" in said else b""
    return data, {**headers, **PLAIN}


def post(
    connection: http.client.HTTPSConnection, house: House, body: bytes, headers: dict[str, str]
) -> int:
    connection.request("POST", "/events", body, {**headers, **house.bearer})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_memory_stays_flat_while_nonsense_comes_in(tmp_path: Path) -> None:
    source = random.Random(0)

    def nonsense(count: int) -> None:
        for _ in range(count):
            body = bytearray(WIRE.encode())
            for _ in range(source.randint(1, 5)):
                body[source.randrange(len(body))] = source.randrange(256)
            try:
                read_cloud("ann", {"Content-Type": "application/cloudevents+json"}, bytes(body))
            except Refused:
                continue

    nonsense(COUNT)
    gc.collect()
    tracemalloc.start()
    nonsense(100)
    before = tracemalloc.get_traced_memory()[0]
    nonsense(COUNT)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000


def test_a_policy_does_not_grow_with_what_strangers_make_up(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        for number in range(50):
            house.token = f"ek_{number}_x"
            assert house.post("button.click").status == 401
        assert len(house.trigger._buckets) == 0
        assert len(house.policy._decided) == 0
