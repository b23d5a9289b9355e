"""The attacks of the attacker's console, each on its own bus, with or without the guard."""

from __future__ import annotations

import logging
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from msgspec.structs import replace

from ... import security
from ...bus import EventBus
from ...event import CloudEvent, Event
from ...executors.threads import Threads
from ...log import PermissionDenied, open_log
from .broken_ciphers import Unauthenticated, Unbound, flip
from .insecure_servers import Door, FalseNats, Posted, Tap, connect, post

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which Python has no name."""
DAY = 24 * 3600.0
SECRET = "meet me at eight"


class Outcome(NamedTuple):
    """What was sent, what the defence said, and whether the attack worked."""

    sent: str
    said: str
    got_through: bool


class Target:
    """The bus under attack: it has a policy and is served over HTTPS. Ann may press buttons and see
    the counter. `got` lists the handled events, `audit` the audit events.
    """

    def __init__(self) -> None:
        from ...https.trigger import HttpsTrigger

        self._ends = ExitStack()
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        self._late = 0.0
        self.ca = security.CertificateAuthority(
            self.folder / "house", clock=lambda: time.time() - self._late
        )
        self.policy = security.AccessPolicy()
        self.policy.allow("ann", publish="button.>", subscribe=["button.>", "counter.>"])
        self.bus = self._ends.enter_context(EventBus(self.policy))
        self.tokens = security.Tokens()
        self.token = self.tokens.issue("ann")
        self.got: list[Event] = []
        self.audit: list[Event] = []
        self.bus.subscribe("button.>", self.got.append)
        self.bus.subscribe("counter.>", self.got.append)
        self.bus.subscribe("audit.>", self.audit.append)
        context = self.ca.server_context(self.ca.server())
        self.trigger = self._ends.enter_context(HttpsTrigger(self.bus, context, tokens=self.tokens))

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ends.close()
        self.bus.assert_clean()

    def expired(self) -> security.Credentials:
        """Return a certificate that was valid for a day, two days ago, from an authority as old."""
        self._late = 2 * DAY
        self.ca = security.CertificateAuthority(
            self.folder / "old", clock=lambda: time.time() - self._late
        )
        own = self.ca.server()
        self._late = 0.0
        return own

    def door(self, take: Callable[[Posted], int], context: ssl.SSLContext | None = None) -> Door:
        """Start a server beside the real one. It runs until the target is closed."""
        return self._ends.enter_context(Door(take, context))

    def post(
        self, port: int, topic: str, data: object = None, token: str = "",
        context: ssl.SSLContext | None = None,
    ) -> int:  # fmt: skip
        connection = connect(port, context)
        try:
            return post(connection, topic, data, token)
        finally:
            connection.close()


class Attack(NamedTuple):
    """An attack, the guard against it in words, and how to try it."""

    guard: str
    attempt: Callable[[Target, bool], Outcome]


def attempt(name: str, guarded: bool = True) -> tuple[Outcome, int]:
    """Try one of ATTACKS on a new target. Return the outcome and the number of audit events.

    Raises ValueError if there is no such attack.
    """
    if name not in ATTACKS:
        raise ValueError(f"the attacks are {', '.join(ATTACKS)}; got {name!r}.")
    with Target() as target:
        outcome = ATTACKS[name].attempt(target, guarded)
    return outcome, len(target.audit)  # includes what was handled while closing


# On the line


def _pose(target: Target, own: security.Credentials, ca: security.CertificateAuthority,
          client: ssl.SSLContext, shown: str) -> Outcome:  # fmt: skip
    """Let Ann's client connect to a false server that shows these credentials."""
    taken: list[str] = []

    def take(posted: Posted) -> int:
        taken.append(posted.token)
        return 202

    door = target.door(take, ca.server_context(own))
    sent = f"Ann's client connects, and is shown {shown}"
    try:
        target.post(door.port, "button.click", 1, target.token, client)
    except ssl.SSLCertVerificationError as error:
        return Outcome(sent, f"the client hung up: {error.verify_message}", False)
    return Outcome(sent, "nothing: Ann's token was sent to it", taken == [target.token])


def _wrong_authority(target: Target, guarded: bool) -> Outcome:
    own = security.CertificateAuthority(target.folder / "theirs")
    client = target.ca.client_context()
    if not guarded:
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return _pose(target, own.server(), own, client, "a certificate that the attacker signed")


def _wrong_host(target: Target, guarded: bool) -> Outcome:
    client = target.ca.client_context()
    client.check_hostname = guarded
    own = target.ca.server("127.0.0.2")
    return _pose(target, own, target.ca, client, "the genuine certificate of another host")


def _expired(target: Target, guarded: bool) -> Outcome:
    own = target.expired()
    client = target.ca.client_context()
    if not guarded:
        client.verify_flags |= NO_CHECK_TIME
    return _pose(target, own, target.ca, client, "a certificate that expired yesterday")


def _listen(target: Target, guarded: bool) -> Outcome:
    client = target.ca.client_context() if guarded else None
    port = target.trigger.port if guarded else target.door(lambda posted: 202).port
    with Tap(port) as tap:
        target.post(tap.port, "button.click", SECRET, target.token, client)
    heard = SECRET.encode() in tap.heard
    said = "all of it, the token too" if heard else "nothing of the text"
    return Outcome("Ann's event, past an eavesdropper on the line", f"he can read {said}", heard)


# At the door


def _ask(target: Target, guarded: bool, token: str, topic: str,
         careless: Callable[[Posted], bool], sent: str) -> Outcome:  # fmt: skip
    """Send a request to the real server, or to one that checks only `careless`."""

    def take(posted: Posted) -> int:
        if not careless(posted):
            return 401
        target.bus.fire(posted.topic, posted.body)
        return 202

    port = target.trigger.port if guarded else target.door(take, _server_context(target)).port
    status = target.post(port, topic, 0, token, target.ca.client_context())
    return Outcome(sent, f"HTTP status {status}", [one.topic for one in target.got] == [topic])


def _server_context(target: Target) -> ssl.SSLContext:
    return target.ca.server_context(target.ca.server())


def _no_token(target: Target, guarded: bool) -> Outcome:
    return _ask(target, guarded, "", "button.click", lambda posted: True, "a click, and no token")


def _wrong_token(target: Target, guarded: bool) -> Outcome:
    sent = "a click, with a token that the attacker made up"
    return _ask(target, guarded, "made-up", "button.click", lambda posted: bool(posted.token), sent)


def _forbidden(target: Target, guarded: bool) -> Outcome:
    def is_somebody(posted: Posted) -> bool:
        return target.tokens.principal_of(posted.token) is not None

    sent = "counter.set, with Ann's genuine token"
    return _ask(target, guarded, target.token, "counter.set", is_somebody, sent)


# In the message


class Seals(Protocol):
    """A cipher for events."""

    def seal(self, event: CloudEvent) -> CloudEvent: ...

    def open(self, sealed: CloudEvent) -> CloudEvent: ...


def _from_ann(data: object) -> CloudEvent:
    return CloudEvent(id="1", source="/ann", type="button.click", time=datetime.now(UTC), data=data)


def _deliver(target: Target, cipher: Seals, sealed: CloudEvent, sent: str,
             aim: Callable[[CloudEvent], bool]) -> Outcome:  # fmt: skip
    """Let a receiver open an event that the attacker may have changed."""
    try:
        opened = cipher.open(sealed)
    except security.CipherError as error:
        target.bus.fire("audit.cipher", type(error).__name__)
        return Outcome(sent, f"{type(error).__name__}: {error}", False)
    said = f"nothing: opened as {opened.data} on {opened.type}"
    return Outcome(sent, said, aim(opened))


def _flipped(target: Target, guarded: bool) -> Outcome:
    key = security.Cipher.new_key()
    cipher = security.Cipher("1", key) if guarded else Unauthenticated(key)
    last = -17 if guarded else -1  # before the tag, which reveals changes
    sealed = flip(cipher.seal(_from_ann(1)), last, bit=3)
    sent = "Ann's sealed click, a 1, with one bit of it flipped"
    return _deliver(target, cipher, sealed, sent, lambda opened: opened.data == 9)


def _moved(target: Target, guarded: bool) -> Outcome:
    key = security.Cipher.new_key()
    cipher = security.Cipher("1", key) if guarded else Unbound(key)
    sealed = replace(cipher.seal(_from_ann(1)), type="counter.set")
    sent = "Ann's sealed click, moved to counter.set"
    return _deliver(target, cipher, sealed, sent, lambda opened: opened.type == "counter.set")


def _replayed(target: Target, guarded: bool) -> Outcome:
    guard = security.ReplayGuard() if guarded else None
    cipher = security.Cipher("1", security.Cipher.new_key(), guard=guard)
    sealed = cipher.seal(_from_ann(1))
    cipher.open(sealed)
    sent = "Ann's sealed click, a second time"
    return _deliver(target, cipher, sealed, sent, lambda opened: opened.data == 1)


def _stored(target: Target, guarded: bool) -> Outcome:
    """Read the server's log: TLS does not protect what is stored."""
    event = _from_ann(SECRET)
    if guarded:
        event = security.Cipher("1", security.Cipher.new_key()).seal(event)
    folder = target.folder / "log"
    folder.mkdir()
    with open_log(folder / "events.db") as log:
        log.append(event)
        found = any(SECRET.encode() in file.read_bytes() for file in folder.iterdir())
    said = "all of it" if found else "nothing of the text"
    return Outcome("nothing: he reads the server's log", f"he finds {said}", found)


# On NATS


def _tell(url: str, tls: ssl.SSLContext | None, topic: str, data: object) -> None:
    """Fire an event on Ann's own bus, which is bridged to this server.

    Failures are the point of the attack: they are raised and not logged.
    """
    from ...nats import Bridge

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return urlsplit(url).netloc not in record.getMessage()

    log = logging.getLogger("eventkit")
    log.addFilter(is_elsewhere)
    try:
        with EventBus() as anns, Bridge(anns, url, [topic], tls=tls) as bridge:
            anns.fire(topic, data)
            bridge.flush()
    finally:
        log.removeFilter(is_elsewhere)


def _denied_on_nats(target: Target, guarded: bool) -> Outcome:
    from ...nats import NatsServer

    rights: dict[str, Any] = {"policy": target.policy} if guarded else {"users": {"ann": {}}}
    tls = target.ca.client_context(target.ca.client("ann"))
    sent = "counter.set, to a NATS server, with Ann's genuine certificate"
    with NatsServer(tls=target.ca, **rights) as server:
        try:
            _tell(server.url, tls, "counter.set", 0)
        except PermissionDenied:
            target.bus.fire("audit.nats", server.name)
            return Outcome(sent, "PermissionDenied: the server does not allow it", False)
    return Outcome(sent, "nothing: the server took it", True)


def _downgraded(target: Target, guarded: bool) -> Outcome:
    from ...nats import NotTrusted

    tls = target.ca.client_context(target.ca.client("ann")) if guarded else None
    sent = "Ann's client connects, and is offered plaintext"
    with FalseNats() as impostor:
        try:
            _tell(f"nats://{impostor.address}", tls, "button.click", SECRET)
        except NotTrusted:
            return Outcome(sent, "the client hung up: it says nothing without TLS", False)
        heard = SECRET.encode() in impostor.heard
    return Outcome(sent, "nothing: Ann's event was sent to it", heard)


# On the bus


def _revoked(target: Target, guarded: bool) -> Outcome:
    """Revoke Ann's rights while an event for her waits in a queue."""
    handling, is_revoked = threading.Event(), threading.Event()
    seen: list[object] = []

    def show(event: Event) -> None:
        handling.set()
        is_revoked.wait(timeout=10)
        seen.append(event.data)

    who = target.bus.as_("ann") if guarded else target.bus
    who.subscribe("counter.>", show, executor=Threads(1))
    target.bus.fire("counter.changed", "before")
    target.bus.fire("counter.changed", "after")
    handling.wait(timeout=10)
    target.policy.revoke("ann")
    is_revoked.set()
    target.bus.drain(timeout=10)
    said = "nothing: it was delivered" if "after" in seen else "withheld, and recorded"
    return Outcome("nothing: Ann, revoked, waits for what is queued", said, "after" in seen)


ATTACKS: dict[str, Attack] = {
    "Certificate of a wrong authority": Attack(
        "the client believes one authority and checks", _wrong_authority
    ),
    "Certificate of another host": Attack("the client compares the host's name", _wrong_host),
    "Expired certificate": Attack("the client looks at the date", _expired),
    "Listen on the line": Attack("TLS on the line", _listen),
    "Read the log": Attack("events are sealed before they are stored", _stored),
    "No token": Attack("the server asks who it is", _no_token),
    "Made-up token": Attack("the server looks the token up", _wrong_token),
    "Topic that Ann may not use": Attack("the server asks the policy", _forbidden),
    "Flip a bit": Attack("the cipher authenticates: GCM, not CTR", _flipped),
    "Move to another topic": Attack("the cipher binds payload and topic", _moved),
    "Send it again": Attack("a replay guard remembers", _replayed),
    "Denied publish on NATS": Attack("the NATS server has the policy's rules", _denied_on_nats),
    "Plaintext instead of TLS": Attack("the client insists on TLS", _downgraded),
    "Wait in the queue": Attack("the bus asks again at delivery", _revoked),
}
