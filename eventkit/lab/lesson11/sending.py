"""What a client of the house does: it posts an event over a connection of its own."""

from __future__ import annotations

import ssl
from contextlib import closing
from typing import Any

import msgspec

from ...event import CloudEvent
from .insecure_servers import connect, post


def send(
    port: int, context: ssl.SSLContext | None, topic: str, data: Any = None, token: str = ""
) -> int:
    """Post JSON to a topic, over TLS if there is a context, and return the status of the answer.

    Raises OSError if the connection fails, or its subclass ssl.SSLError before anything is sent.
    """
    with closing(connect(port, context)) as connection:
        return post(connection, topic, data, token)


def send_event(port: int, context: ssl.SSLContext, event: CloudEvent, token: str) -> int:
    """Post a whole event over TLS, sealed or not, and return the status of the answer."""
    headers = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {token}"}
    with closing(connect(port, context)) as connection:
        connection.request("POST", "/events", msgspec.json.encode(event), headers)
        return connection.getresponse().status
