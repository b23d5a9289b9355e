"""HttpsTrigger's server-sent events: what one may see, as it happens, while one may."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import eventkit as ek
from tests.secured import LONG, House, Listening, served


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with served(tmp_path) as house:
        yield house
        house.bus.assert_clean()


def test_what_happens_is_sent_as_cloud_events_in_its_order(house: House) -> None:
    with Listening(house, "counter.*") as listening:
        listening.wait_welcome()
        assert listening.answer.getheader("content-type") == "text/event-stream"
        for number in range(100):
            house.bus.fire("counter.changed", {"n": number, "text": "a\nb"}, key="k")
        got = listening.wait_for(100)
        frame = listening.frames[0]
    assert got == [{"n": number, "text": "a\nb"} for number in range(100)]
    assert ek.decode(json.dumps(frame)).type == "counter.changed"
    assert (frame["type"], frame["subject"], frame["source"]) == (
        "counter.changed", "k", house.bus.source,
    )  # fmt: skip


def test_what_may_not_be_seen_is_refused(house: House) -> None:
    assert house.ask("GET", "/events?topic=button.click").status == 403
    assert house.ask("GET", "/events?topic=%3E").status == 403
    assert [one.action for one in house.denials] == ["subscribe"] * 2


@pytest.mark.parametrize("query", ["", "?topic=", "?topic=a..b", "?topic=a*", "?topic=%ff"])
def test_what_is_no_pattern_is_refused(house: House, query: str) -> None:
    assert house.ask("GET", f"/events{query}").status == 400


def test_who_is_unknown_sees_nothing(house: House) -> None:
    assert house.ask("GET", "/events?topic=counter.a", known=False).status == 401


def test_a_topic_denied_within_the_pattern_is_withheld(house: House) -> None:
    house.policy.deny("ann", subscribe="counter.secret")
    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        house.bus.fire("counter.secret", 1)
        house.bus.fire("counter.changed", 2)
        assert listening.wait_for(1) == [2]
    assert [one.topic for one in house.denials] == ["counter.secret"]


def test_a_revocation_bites_what_waits_to_be_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eventkit.https.streams import Stream

    take = Stream.take

    def take_late(stream: Stream) -> Iterator[ek.Event | str]:
        for one in take(stream):
            house.policy.deny("ann", subscribe="counter.changed")
            yield one

    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        monkeypatch.setattr(Stream, "take", take_late)
        house.bus.fire("counter.changed", 1)
        house.bus.fire("counter.other", 2)
        assert listening.wait_for(1) == [2]
    assert [one.topic for one in house.denials] == ["counter.changed"]


def test_a_token_taken_back_ends_the_stream(house: House) -> None:
    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        house.tokens.revoke("ann")
        house.bus.fire("counter.changed", 1)
        listening.wait_over()
        assert listening.frames == []


def test_data_that_json_cannot_say_is_passed_over_with_a_remark(house: House) -> None:
    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        house.bus.fire("counter.changed", object())
        house.bus.fire("counter.changed", 2)
        assert listening.wait_for(1) == [2]
        assert [one for one in listening.remarks if "cannot be said in JSON" in one]


def test_a_stream_says_that_it_is_still_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.trigger, "heartbeat", 0.02)
    with Listening(house, "counter.>") as listening, listening._came:
        assert listening._came.wait_for(lambda: "still here" in listening.remarks, LONG)


def test_one_principal_has_so_many_streams(tmp_path: Path) -> None:
    with (
        served(tmp_path, max_streams=2) as house,
        Listening(house, "counter.>") as first,
        Listening(house, "counter.>") as second,
    ):
        first.wait_welcome()
        second.wait_welcome()
        answer = house.ask("GET", "/events?topic=counter.>")
        assert (answer.status, answer.headers["retry-after"]) == (429, "10")


def test_a_client_that_leaves_leaves_nothing_behind(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = threading.Event()
    forget = house.bus._forget

    def forget_and_tell(subscription: ek.Subscription) -> None:
        forget(subscription)
        forgotten.set()

    monkeypatch.setattr(house.bus, "_forget", forget_and_tell)
    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        assert len(house.bus._tree.match("counter.a")) == 1
    assert forgotten.wait(LONG)
    assert house.bus._tree.match("counter.a") == []


def test_who_reads_slowly_is_told_how_many_are_missing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        loop = house.trigger._loop
        blocked = loop.call_soon_threadsafe
        held = [0]
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *_: held.append(1))
        for number in range(1_500):
            house.bus.fire("counter.changed", number)
        monkeypatch.setattr(loop, "call_soon_threadsafe", blocked)
        (stream,) = house.trigger._streams.values()
        blocked(stream.ready.set)
        assert listening.wait_for(1_000)[0] == 500
        assert "dropped 500" in listening.remarks


def test_stopping_ends_the_streams(tmp_path: Path) -> None:
    with served(tmp_path) as house, Listening(house, "counter.>") as listening:
        listening.wait_welcome()
        house.trigger.stop()
        listening.wait_over()
