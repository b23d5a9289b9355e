"""HttpsTrigger: a request becomes an event once it is authenticated and authorized."""

from __future__ import annotations

import json
import logging
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import eventkit as ek
from eventkit.https import Received, requests as handlers
from eventkit.wire import DEPTH
from tests.secured import CLOUD, LONG, PLAIN, STRUCTURED, House, served

from .conftest import Gate

ROOT = Path(__file__).parents[2]
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/test", "ce-type": "button.click"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with served(tmp_path) as house:
        yield house
        house.bus.assert_clean()


def values(house: House) -> list[object]:
    return [event.data for event in house.got]


# Events


@pytest.mark.parametrize("data", [None, 1, "ä", [1, {"a": 2.5}], {"n": 1}])
def test_json_posted_to_a_topic_is_an_event_when_the_answer_comes(
    house: House, data: object
) -> None:
    assert house.post("button.click", data).status == 202
    (event,) = house.got
    assert (event.topic, event.data, event.key) == ("button.click", data, None)


def test_who_sent_it_stands_in_the_event(house: House) -> None:
    house.post("button.click")
    (event,) = house.got
    assert isinstance(event, Received)
    assert event.principal == "ann"
    assert event.original is None


def test_a_topic_in_the_path_may_be_percent_encoded(house: House) -> None:
    assert house.post("button.%C3%A4").status == 202
    assert house.got[0].topic == "button.ä"


def test_a_structured_cloud_event_is_an_event_of_this_process(house: House) -> None:
    sent = {**CLOUD, "subject": "k", "time": "1999-01-01T00:00:00Z", "cause": "7", "other": "x"}
    assert house.post_cloud(sent).status == 202
    (event,) = house.got
    assert isinstance(event, Received) and event.original is not None
    assert (event.topic, event.data, event.key, event.cause) == ("button.click", 1, "k", None)
    assert (event.original.id, event.original.source) == ("1", "/test")
    assert event.time > ek.Event("button.before").time - 60 * 10**9


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-8", b"1", 1),
        ("application/octet-stream", b"\x00\xff", b"\x00\xff"),
    ],
)
def test_a_binary_cloud_event_has_its_attributes_in_headers(
    house: House, kind: str, body: bytes, data: object
) -> None:
    headers = {**BINARY, "ce-subject": "k%C3%A4", "Content-Type": kind}
    assert house.ask("POST", "/events", body, headers).status == 202
    (event,) = house.got
    assert (event.data, event.key) == (data, "kä")


def test_bytes_in_a_structured_event_are_bytes(house: House) -> None:
    event = {name: value for name, value in CLOUD.items() if name != "data"}
    assert house.post_cloud({**event, "data_base64": "AP8="}).status == 202
    assert values(house) == [b"\x00\xff"]


def test_a_sealed_event_can_be_opened_behind_the_trigger(house: House) -> None:
    cipher = ek.Cipher("one", ek.Cipher.new_key())
    sealed = cipher.seal(ek.to_cloud(ek.Event("button.click", "secret"), "/sensor"))
    assert house.post_cloud(msgspec.json.encode(sealed)).status == 202
    (event,) = house.got
    assert isinstance(event, Received) and event.original is not None
    assert cipher.open(event.original).data == "secret"


def test_many_requests_on_one_connection_keep_their_order(house: House) -> None:
    connection = house.connect()
    for number in range(50):
        connection.request(
            "POST", "/topics/button.n", str(number).encode(), {**PLAIN, **house.bearer}
        )
        assert connection.getresponse().read() == b""
    connection.close()
    assert values(house) == list(range(50))


def test_inline_handlers_have_run_and_their_failures_are_the_bus_matter(tmp_path: Path) -> None:
    def fails(event: ek.Event) -> None:
        raise RuntimeError("planted-secret")

    with served(tmp_path) as house:
        house.bus.subscribe("button.click", fails)
        answer = house.post("button.click")
        assert answer.status == 202
        assert len(house.bus.dead_letters) == 1


# Authentication


def test_a_token_is_not_needed_by_who_shows_a_certificate(house: House) -> None:
    own = house.ca.client_context(house.ca.client("ann"))
    answer = house.ask("POST", "/topics/button.click", b"1", PLAIN, context=own, known=False)
    assert answer.status == 202
    event = house.got[0]
    assert isinstance(event, Received)
    assert event.principal == "ann"


def test_a_token_and_a_certificate_must_name_the_same(house: House) -> None:
    for name, status in (("ann", 202), ("bob", 401)):
        own = house.ca.client_context(house.ca.client(name))
        answer = house.ask("POST", "/topics/button.click", b"1", PLAIN, context=own)
        assert answer.status == status


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer x", "Basic YW5uOng=", "ek", "bearer  "]
)
def test_who_does_not_say_who_it_is_is_asked_to(house: House, authorization: str) -> None:
    headers = {**PLAIN, "Authorization": authorization}
    answer = house.ask("POST", "/topics/button.click", b"1", headers, known=False)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert house.got == []
    assert house.recorded == [401]


def test_a_token_in_the_address_is_no_token(house: House) -> None:
    path = f"/topics/button.click?access_token={house.token}"
    assert house.ask("POST", path, b"1", PLAIN, known=False).status == 401


def test_who_is_known_and_may_not_is_told_so_and_recorded(house: House) -> None:
    answer = house.post("counter.set", 1)
    assert answer.status == 403
    assert [one.topic for one in house.denials] == ["counter.set"]
    assert [(one.principal, one.status) for one in house.refusals] == [("ann", 403)]


def test_a_revocation_counts_from_the_next_request_on(house: House) -> None:
    assert house.post("button.click").status == 202
    house.policy.revoke("ann")
    assert house.post("button.click").status == 403
    house.tokens.revoke("ann")
    assert house.post("button.click").status == 401


# Validation


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({**PLAIN, "Content-Encoding": "gzip"}, 415),
        ({**PLAIN, "Origin": "https://elsewhere.example"}, 403),
    ],
)
def test_headers_that_are_not_wanted_are_refused(
    house: House, headers: dict[str, str], status: int
) -> None:
    answer = house.ask("POST", "/topics/button.click", b"1", headers)
    assert answer.status == status == answer.problem["status"]
    assert house.got == []
    assert house.recorded == [status]


@pytest.mark.parametrize(
    "headers",
    [
        PLAIN,
        {"Content-Type": "application/cloudevents-batch+json"},
        {**BINARY, "Content-Type": "text/html"},
        {**STRUCTURED, "Content-Encoding": "br"},
    ],
)
def test_what_is_no_cloud_event_by_its_headers_is_refused(
    house: House, headers: dict[str, str]
) -> None:
    assert house.ask("POST", "/events", b"{}", headers).status == 415


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nan", b"\xff", b"[" * 60_000, b'{"a":1}x', b"\x00", b"01"]
)
def test_what_is_no_json_is_refused(house: House, body: bytes) -> None:
    answer = house.ask("POST", "/topics/button.click", body, PLAIN)
    assert answer.status == 400
    assert "not JSON that can be read" in answer.problem["detail"]
    assert house.got == []


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"id": ""},
        {"source": ""},
        {"type": "button.*"},
        {"type": "button..click"},
        {"type": 1},
        {"time": "yesterday"},
        {"time": "2026-01-01T00:00:00"},
        {"data_base64": "AA=="},
        {"data_base64": "%"},
        {"subject": 1},
    ],
)
def test_what_is_no_cloud_event_is_refused(house: House, change: dict[str, object]) -> None:
    answer = house.post_cloud({**CLOUD, **change})
    assert answer.status == 400
    assert house.got == []
    assert house.recorded == [400]


@pytest.mark.parametrize(("levels", "status"), [(DEPTH, 202), (DEPTH + 1, 400), (9_000, 400)])
def test_data_may_be_as_deep_here_as_at_every_other_entry(
    house: House, levels: int, status: int
) -> None:
    nested = b"[" * levels + b"]" * levels
    cloud = json.dumps({**CLOUD, "data": None}).encode().replace(b"null", nested)
    assert house.ask("POST", "/topics/button.click", nested, PLAIN).status == status
    assert house.ask("POST", "/events", nested, {**BINARY, **PLAIN}).status == status
    assert house.post_cloud(cloud).status == status
    assert len(house.got) == (3 if status == 202 else 0)


@pytest.mark.parametrize("change", [{"subject": ""}, {"subject": None}, {"cause": 1}])
def test_an_attribute_that_could_not_be_sent_on_is_refused(
    house: House, change: dict[str, object]
) -> None:
    assert house.post_cloud({**CLOUD, **change}).status == 400


def test_an_attribute_that_is_no_utf_8_is_refused(house: House) -> None:
    headers = {**BINARY, "ce-subject": "%ff", **PLAIN}
    assert house.ask("POST", "/events", b"1", headers).status == 400


@pytest.mark.parametrize("topic", ["button.%2A", "%3E", "button..a", "button.%20", "button.%ff"])
def test_what_is_no_topic_is_refused(house: House, topic: str) -> None:
    assert house.post(topic).status == 400


def test_a_body_may_have_so_many_bytes_and_no_more(tmp_path: Path) -> None:
    with served(tmp_path, max_bytes=1_000) as house:
        for length, status in ((1_000, 202), (1_001, 413)):
            body = b'"' + b"x" * (length - 2) + b'"'
            assert house.ask("POST", "/topics/button.click", body, PLAIN).status == status
        assert house.recorded == [413]


def test_a_body_that_does_not_say_its_length_is_counted(tmp_path: Path) -> None:
    with served(tmp_path, max_bytes=1_000) as house:
        connection = house.connect()
        chunks = iter([b'"', *[b"x" * 100] * 20, b'"'])
        connection.request("POST", "/topics/button.click", chunks, {**PLAIN, **house.bearer})
        assert connection.getresponse().status == 413
        connection.close()
        assert house.got == []
        assert house.recorded == [413]


def test_methods_and_paths_that_there_are_not_are_refused(house: House) -> None:
    answer = house.ask("GET", "/topics/button.click")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "NONSENSE", "GET"):
        answer = house.ask(method, "/events")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert house.ask("GET", "/").status == 404
    assert house.ask("GET", "/topics/button/click").status == 404


@pytest.mark.parametrize("length", [2, 100_000], ids=["small body", "large body"])
@pytest.mark.parametrize("method", ["POST", "NONSENSE"])
def test_an_answer_before_the_body_has_come_says_that_the_connection_ends(
    house: House, method: str, length: int
) -> None:
    connection = house.connect()
    connection.putrequest(method, "/events")
    connection.putheader("Content-Length", str(length))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (
        405 if method == "NONSENSE" else 401,
        "close",
    )
    connection.close()


def test_other_sites_are_given_no_leave(house: House) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = house.ask("OPTIONS", "/events", headers=headers)
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_answers_say_nothing_about_the_house(house: House) -> None:
    for answer in (house.post("button.click"), house.post("x"), house.ask("GET", "/x")):
        assert "server" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b"Traceback" not in answer.body and b"eventkit" not in answer.body


def test_what_fails_within_is_500_without_a_word_and_logged_without_what_was_sent(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError(*arguments)

    monkeypatch.setattr(handlers, "read_plain", fails)
    with caplog.at_level(logging.DEBUG):
        answer = house.post("button.click", "planted-secret")
    assert answer.status == 500
    assert answer.problem == {"title": "Internal Server Error", "status": 500}
    assert "RuntimeError" in caplog.text
    assert "planted-secret" not in caplog.text
    assert house.token not in caplog.text


def test_no_secret_is_logged_or_recorded(house: House, caplog: pytest.LogCaptureFixture) -> None:
    secret = "planted-secret"
    with caplog.at_level(logging.DEBUG):
        house.ask("POST", f"/topics/button.click?token={secret}", b"1", PLAIN)
        house.ask("GET", f"/{secret}")
        house.post("counter.a", secret)
        house.post_cloud({**CLOUD, "type": 1, "data": secret})
        house.ask("POST", "/events", secret.encode(), STRUCTURED)
        bad = {**PLAIN, "Authorization": f"Bearer {secret}"}
        house.ask("POST", "/topics/button.a", b"1", bad, known=False)
    seen = f"{caplog.text} {house.refusals} {house.denials} {house.trigger!r} {house.tokens!r}"
    assert secret not in seen
    assert house.token not in seen
    assert len(house.refusals) == 5


# Quotas and limits


def test_who_asks_too_often_is_told_when_to_come_back_and_others_are_not_held_up(
    tmp_path: Path,
) -> None:
    with served(tmp_path, rate=0.1, burst=2) as house:
        house.policy.allow("bob", publish="button.>")
        bob = {"Authorization": f"Bearer {house.tokens.issue('bob')}"}
        assert [house.post("button.a").status for _ in range(3)] == [202, 202, 429]
        answer = house.post("button.a")
        assert answer.headers["retry-after"] == "10"
        headers = {**PLAIN, **bob}
        assert house.ask("POST", "/topics/button.a", b"1", headers, known=False).status == 202
        assert house.recorded == [429, 429]


def test_where_there_is_no_room_the_answer_is_503(tmp_path: Path) -> None:
    gate = Gate()
    with served(tmp_path) as house:
        full = ek.Threads(1, capacity=1, overflow="raise")
        house.bus.subscribe("button.slow", gate, executor=full)
        assert house.post("button.slow").status == 202
        gate.wait_entered()
        assert house.post("button.slow").status == 202
        answer = house.post("button.slow")
        gate.open()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"


def test_on_a_closed_bus_the_answer_is_503(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        house.bus.close()
        assert house.post("button.click").status == 503


def test_a_handler_that_does_not_come_back_is_504_and_holds_up_nobody_else(tmp_path: Path) -> None:
    gate = Gate()
    with served(tmp_path, timeout=0.3) as house:
        house.bus.subscribe("button.stuck", gate)
        assert house.post("button.stuck").status == 504
        assert house.post("button.click").status == 202
        gate.open()


# Start and stop


def test_it_tells_where_it_is_and_can_be_stopped_and_started_again(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        assert house.trigger.url == f"https://127.0.0.1:{house.trigger.port}"
        with pytest.raises(RuntimeError, match="stop"):
            house.trigger.start()
        house.trigger.stop()
        house.trigger.stop()
        with pytest.raises(OSError, match="refused"):
            house.post("button.click")
        house.trigger.start()
        assert house.post("button.click").status == 202
    assert not [one for one in threading.enumerate() if one.name == "https"]


def test_a_port_that_is_taken_is_an_error_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        context = house.ca.server_context(house.ca.server())
        second = ek.HttpsTrigger(house.bus, context, port=house.trigger.port)
        with pytest.raises(OSError, match="in use"):
            second.start()


def test_without_a_policy_or_tls_there_is_no_trigger(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ValueError, match="has no policy"):
        ek.HttpsTrigger(ek.EventBus(), context)
    bus = ek.EventBus(ek.AccessPolicy())
    with pytest.raises(TypeError, match="no HTTPS without"):
        ek.HttpsTrigger(bus, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rate"):
        ek.HttpsTrigger(bus, context, rate=0)


def test_without_tornado_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['tornado'] = None\nimport eventkit as ek\n"
        "try: ek.HttpsTrigger\nexcept ImportError as problem: print(problem)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert done.stdout == (
        "HttpsTrigger needs tornado, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[https]'\n"
    )


# Other clients and servers


def test_curl_is_understood(house: House) -> None:
    command = ["curl", "--silent", "--show-error", "--max-time", str(LONG), "--cacert"]
    asked = [str(house.ca.certificate), "--header", f"Authorization: Bearer {house.token}"]
    sent = ["--json", '{"n": 1}', "--write-out", "%{http_code}"]
    url = f"{house.trigger.url}/topics/button.click"
    try:
        done = subprocess.run(
            [*command, *asked, *sent, url], capture_output=True, encoding="utf-8", check=True
        )
    except FileNotFoundError:
        pytest.skip("there is no curl here")
    assert done.stdout == "202"
    assert values(house) == [{"n": 1}]
