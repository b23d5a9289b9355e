"""Event: its fields, and its form on the wire with the CloudEvents SDK as the oracle."""

import json
from datetime import UTC, datetime
from time import perf_counter_ns, time_ns
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent

import eventkit as ek
from eventkit.wire import DEPTH

SECOND = 1_000_000_000


def test_an_event_has_a_topic_and_sensible_defaults() -> None:
    before = perf_counter_ns()
    event = ek.Event("button.click")
    assert (event.topic, event.data, event.key, event.cause) == ("button.click", None, None, None)
    assert before <= event.time <= perf_counter_ns()


def test_ids_count_up() -> None:
    first, second, third = (ek.Event("a") for _ in range(3))
    assert first.id < second.id < third.id


def test_an_event_cannot_be_changed() -> None:
    event = ek.Event("a", 1)
    with pytest.raises(AttributeError):
        event.data = 2  # type: ignore[misc]
    assert event.data == 1


@pytest.mark.parametrize(
    "data",
    [None, 0, 1.5, "text", "", [1, None], {"count": 1, "nested": {"a": []}}, True, b"\x00\xff"],
)
@pytest.mark.parametrize("key", [None, "customer-7"])
def test_an_event_survives_the_wire(data: Any, key: str | None) -> None:
    event = ek.Event("button.click", data, key=key, cause=3)
    arrived = ek.decode(ek.encode(event, "/here")).to_event()
    assert (arrived.topic, arrived.data, arrived.key) == ("button.click", data, key)


def test_an_arrived_event_gets_an_id_of_its_own_and_no_cause() -> None:
    event = ek.Event("a", cause=7)
    arrived = ek.decode(ek.encode(event, "/here")).to_event()
    assert arrived.id > event.id
    assert arrived.cause is None


def test_the_wire_keeps_source_id_and_cause() -> None:
    event = ek.Event("a", cause=7)
    wire = ek.decode(ek.encode(event, "/here"))
    assert (wire.source, wire.id, wire.cause) == ("/here", str(event.id), "7")


def test_time_travels_as_wall_clock_time_and_comes_back_to_our_clock() -> None:
    event = ek.Event("a", time=perf_counter_ns() - 5 * SECOND)
    wire = ek.decode(ek.encode(event, "/here"))
    assert isinstance(wire.time, datetime)
    age = time_ns() / SECOND - wire.time.timestamp()
    assert 4.9 < age < 60
    assert abs(wire.to_event().time - event.time) < SECOND // 10


@pytest.mark.parametrize("data", [None, "text", {"count": 1}, [1, 2], b"\x00\xff"])
@pytest.mark.parametrize("key", [None, "", "k"])
def test_the_cloudevents_sdk_accepts_what_we_encode(data: Any, key: str | None) -> None:
    event = ek.Event("button.click", data, key=key, cause=3)
    sdk = JSONFormat().read(SdkEvent, ek.encode(event, "/eventkit/1"))
    assert sdk.get_specversion() == "1.0"
    assert sdk.get_type() == "button.click"
    assert sdk.get_source() == "/eventkit/1"
    assert sdk.get_id() == str(event.id)
    assert sdk.get_subject() == (key or None)
    assert sdk.get_data() == data
    assert sdk.get_extension("cause") == "3"
    assert sdk.get_time() is not None


@pytest.mark.parametrize("data", [None, {"count": 1}, b"\x00\xff"])
def test_we_accept_what_the_cloudevents_sdk_encodes(data: Any) -> None:
    attributes = {
        "id": "A234-1234",
        "source": "https://example.com/cloudevents",
        "type": "com.example.someevent",
        "specversion": "1.0",
        "subject": "customer-7",
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "dataschema": "https://example.com/schema",
        "extension1": "kept by nobody",
    }
    wire = ek.decode(JSONFormat().write(SdkEvent(attributes, data)))
    assert (wire.id, wire.source) == ("A234-1234", "https://example.com/cloudevents")
    assert wire.time == attributes["time"]
    event = wire.to_event()
    assert (event.topic, event.key, event.data) == ("com.example.someevent", "customer-7", data)


def test_we_accept_the_least_that_the_sdk_makes() -> None:
    attributes = {"id": "1", "source": "/x", "type": "a", "specversion": "1.0"}
    event = ek.decode(JSONFormat().write(SdkEvent(attributes))).to_event()
    assert (event.topic, event.data, event.key) == ("a", None, None)


LEAST = {"specversion": "1.0", "id": "1", "source": "/x", "type": "a"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "truncated"),
        (b"nonsense", "malformed"),
        (b"\xff\xfe", "malformed|utf-8"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"a":' * 100_000, "levels"),  # the words differ by Python
        (json.dumps({}).encode(), "missing required field"),
        (json.dumps({**LEAST, "specversion": None}).encode(), "specversion"),
        (b'{"id":"1","source":"/x","type":"a"}', "specversion"),
        (json.dumps({**LEAST, "specversion": "0.3"}).encode(), "0.3"),
        (json.dumps({**LEAST, "id": 5}).encode(), "id"),
        (json.dumps({**LEAST, "id": ""}).encode(), "not empty"),
        (json.dumps({**LEAST, "source": ""}).encode(), "not empty"),
        (json.dumps({**LEAST, "type": "a..b"}).encode(), "empty word"),
        (json.dumps({**LEAST, "type": "a.*"}).encode(), "wildcard"),
        (json.dumps({**LEAST, "time": "yesterday"}).encode(), "time"),
        (json.dumps({**LEAST, "time": "2026-01-02T03:04:05"}).encode(), "timezone"),
        (json.dumps({**LEAST, "data_base64": "?"}).encode(), "data_base64"),
    ],
)
def test_nonsense_is_refused_with_what_is_wrong_about_it(raw: bytes, reason: str) -> None:
    with pytest.raises(ek.InvalidEvent, match=f"(?i){reason}") as refusal:
        ek.decode(raw)
    assert ".." not in str(refusal.value).replace("a..b", "")


@pytest.mark.parametrize("raw", [5, None, bytearray(b"{}"), ek.Event("a")])
def test_what_is_no_text_is_not_decoded(raw: Any) -> None:
    with pytest.raises(TypeError, match=r"raw is bytes or a string of JSON; got"):
        ek.decode(raw)


@pytest.mark.parametrize("topic", ["a b", "a.*", "a..b", ""])
def test_a_topic_that_would_not_be_decoded_is_not_encoded(topic: str) -> None:
    with pytest.raises(ek.InvalidTopic):
        ek.encode(ek.Event(topic), "/test")


def test_the_refusal_says_what_is_needed() -> None:
    with pytest.raises(ek.InvalidEvent, match=r"needs specversion '1\.0', id, source, and a type"):
        ek.decode(b"{}")


def test_data_that_json_cannot_say_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        ek.encode(ek.Event("a", object()), "/here")


def test_two_buses_have_different_sources() -> None:
    assert ek.EventBus().source != ek.EventBus().source


@pytest.mark.parametrize("digits", [19, 20, 309, 310, 4_298, 4_299, 4_300, 4_301, 10_000])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_an_integer_comes_out_equal_or_is_refused(digits: int, sign: int, more: int) -> None:
    number = sign * (10 ** (digits - 1) + more)
    for data in (number, [number], {"inner": [1, {"n": number}]}):
        event = ek.Event("a.b", data)
        if digits < 4_299:
            assert ek.decode(ek.encode(event, "/here")).data == data
            continue
        try:
            raw = ek.encode(event, "/here")
        except ValueError:
            assert digits > 4_299 or sign == -1
        else:
            assert ek.decode(raw).data == data


@pytest.mark.parametrize("number", [2**63, 2**64, 2**128])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_integers_around_machine_words_come_out_equal(number: int, more: int) -> None:
    for data in (number + more, -number + more):
        assert ek.decode(ek.encode(ek.Event("a.b", data), "/here")).data == data


@pytest.mark.parametrize("data", [float("nan"), [float("inf")], {1: 2}, [b"a"]])
def test_what_json_would_change_is_not_encoded(data: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="JSON"):
        ek.encode(ek.Event("a.b", data), "/here")


def test_no_source_is_refused() -> None:
    with pytest.raises(ValueError, match="source"):
        ek.encode(ek.Event("a.b"), "")


def test_both_ways_have_the_same_limit_of_depth() -> None:
    data: Any = 1
    for _ in range(DEPTH):
        data = [data]
    assert ek.decode(ek.encode(ek.Event("a.b", data), "/here")).data == data
    with pytest.raises(ValueError, match=str(DEPTH)):
        ek.encode(ek.Event("a.b", [data]), "/here")
    raw = json.dumps({**LEAST, "data": [data]})
    for text in (raw, raw.encode()):
        with pytest.raises(ek.InvalidEvent, match="levels"):
            ek.decode(text)
