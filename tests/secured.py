"""A bus that is served over HTTPS on loopback, with everything around it, for tests."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import eventkit as ek
from eventkit.https.trigger import Refusal
from eventkit.security import Denial, Tokens

LONG = 20  # seconds within which everything happens unless something is broken
CLOUD = {"specversion": "1.0", "id": "1", "source": "/test", "type": "button.click", "data": 1}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
PLAIN = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        return problem


class House:
    """What the bus carried, what was refused, and a client who may do something and not all."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.ca = ek.CertificateAuthority(folder / "ca")
        self.policy = ek.AccessPolicy()
        self.policy.allow("ann", publish="button.>", subscribe="counter.>")
        self.bus = ek.EventBus(self.policy)
        self.tokens = Tokens()
        self.token = self.tokens.issue("ann")
        self.got: list[ek.Event] = []
        self.refusals: list[Refusal] = []
        self.denials: list[Denial] = []
        self.bus.subscribe("button.>", self.got.append)
        self.bus.subscribe("audit.refused", lambda event: self.refusals.append(event.data))
        self.bus.subscribe("audit.denied", lambda event: self.denials.append(event.data))
        given = {"rate": 1e6, "burst": 10**6, **options}
        context = given.pop("context", None) or self.ca.server_context(self.ca.server())
        self.trigger = ek.HttpsTrigger(self.bus, context, tokens=self.tokens, **given)
        self.other: ek.CertificateAuthority | None = None
        self._nats: ek.NatsServer | None = None

    @property
    def recorded(self) -> list[int]:
        """The status of each request that was turned down, as the audit has it."""
        return [one.status for one in self.refusals]

    @property
    def nats(self) -> ek.NatsServer:
        """A NATS server under the same policy and authority, started when it is first wanted."""
        if self._nats is None:
            self._nats = ek.NatsServer(tls=self.ca, policy=self.policy)
        return self._nats

    @property
    def nats_has_noted(self) -> bool:
        """Whether the server has written down something that went against its rules."""
        if self._nats is None:
            return False
        closed = self._nats.monitor("connz?state=closed")["connections"]
        failures = [one for one in closed if one["reason"] == "TLS Handshake Failure"]
        return bool(failures) or "[ERR]" in self._nats.log

    def end_nats(self) -> None:
        """The next one has what was changed meanwhile."""
        if self._nats is not None:
            self._nats.close()
            self._nats = None

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def connect(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self.trigger.host,
            self.trigger.port,
            timeout=LONG,
            context=context or self.ca.client_context(),
        )

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        context: ssl.SSLContext | None = None,
        known: bool = True,
    ) -> Answer:
        """One request on a connection of its own, with ann's token unless it is not `known`."""
        connection = self.connect(context)
        try:
            sent = {**(self.bearer if known else {}), **(headers or {})}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read())
        finally:
            connection.close()

    def post(self, topic: str, data: Any = None, **headers: str) -> Answer:
        return self.ask("POST", f"/topics/{topic}", json.dumps(data).encode(), {**PLAIN, **headers})

    def post_cloud(self, event: Any = CLOUD, **options: Any) -> Answer:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.ask("POST", "/events", body, STRUCTURED, **options)

    def raw(self, text: bytes, *, until: bytes = b"") -> bytes:
        """What comes back for these very bytes, until the server hangs up or `until` has come."""
        with self.open_raw() as connection:
            connection.sendall(text)
            got = b""
            while not (until and until in got):
                try:
                    more = connection.recv(65_536)
                except (ConnectionResetError, ssl.SSLEOFError):
                    break
                if not more:
                    break
                got += more
            return got

    def open_raw(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self.trigger.host, self.trigger.port), LONG)
        return self.ca.client_context().wrap_socket(plain, server_hostname=self.trigger.host)


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[House]:
    house = House(folder, **options)
    with house.bus, house.trigger:
        yield house
    house.end_nats()
