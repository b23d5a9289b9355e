"""HttpsTrigger with other software: the cloudevents SDK, and a tester of OpenAPI descriptions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent

from eventkit.https.trigger import Received
from tests.secured import House, served
from tests.security.openapi import describe


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with served(tmp_path) as house:
        yield house


def sent(house: House, message: HTTPMessage) -> Received:
    assert house.ask("POST", "/events", message.body, dict(message.headers)).status == 202
    (event,) = house.got
    assert isinstance(event, Received) and event.original is not None
    return event


def sdk_event(data: object, kind: str = "application/json") -> SdkEvent:
    attributes = {
        "id": "A234-1234",
        "source": "https://example.com/cloudevents",
        "type": "button.click",
        "specversion": "1.0",
        "subject": "Kundin ä 7",
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "datacontenttype": kind,
        "extension1": "kept by nobody",
    }
    return SdkEvent(attributes, data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "data"),
    [
        (to_structured, {"count": 1}),
        (to_structured, [1, None]),
        (to_structured, "text"),
        (to_binary, {"count": 1}),
    ],
)
def test_what_the_sdk_sends_is_accepted(house: House, mode: Any, data: object) -> None:
    event = sent(house, mode(sdk_event(data), JSONFormat()))
    assert (event.data, event.key) == (data, "Kundin ä 7")
    assert event.original is not None
    assert event.original.id == "A234-1234"
    assert event.original.time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("mode", [to_structured, to_binary])
def test_bytes_that_the_sdk_sends_are_accepted(house: House, mode: Any) -> None:
    message = mode(sdk_event(b"\x00\xff", "application/octet-stream"), JSONFormat())
    assert sent(house, message).data == b"\x00\xff"


@pytest.mark.long
def test_it_does_what_its_description_says(house: House, tmp_path: Path) -> None:
    house.policy.allow("ann", publish=">")
    described = tmp_path / "openapi.json"
    described.write_bytes(describe(house.trigger.max_bytes))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(described)]
    where = ["--url", house.trigger.url, "--tls-verify", str(house.ca.certificate)]
    how = ["--header", f"Authorization: Bearer {house.token}"]
    count = os.environ.get("EVENTKIT_FUZZ", "30")
    limits = ["--max-examples", count, "--seed", "1", "--no-color", "--generation-database=none"]
    done = subprocess.run(
        [*command, *where, *how, *limits], capture_output=True, encoding="utf-8", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
