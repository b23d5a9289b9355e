"""The attacks of the attacker's console, each on its own bus, with or without the guard."""

from __future__ import annotations

import logging
import ssl
import tempfile
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
from ...log import PermissionDenied
from .broken_ciphers import Opens, Unauthenticated, Unbound, flip
from .disk import new_disk
from .impostor import NO_CHECK_TIME, expired_certificate, tempt
from .insecure_servers import Door, FalseNats, Posted, Tap
from .revoking import seen_of_two
from .scene import Place, Route, Scene
from .sending import send

SECRET = "meet me at eight"


class Outcome(NamedTuple):
    """What was sent, what the defence said, whether the attack worked, and where each message was
    seen.
    """

    sent: str
    said: str
    got_through: bool
    routes: tuple[Route, ...] = ()


class Target:
    """The bus under attack: it has a policy and is served over HTTPS. Ann may press buttons and see
    the counter. `got` lists the handled events, `audit` the audit events.
    """

    def __init__(self) -> None:
        from ...https.trigger import HttpsTrigger

        self._ends = ExitStack()
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        self.ca = security.CertificateAuthority(self.folder / "house")
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

    def door(self, take: Callable[[Posted], int], context: ssl.SSLContext | None = None) -> Door:
        """Start a server beside the real one. It runs until the target is closed."""
        return self._ends.enter_context(Door(take, context))


class Attack(NamedTuple):
    """An attack, the guard against it in words, how to try it, and where it takes place."""

    guard: str
    attempt: Callable[[Target, bool], Outcome]
    scene: Scene


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
    sent = f"Ann's client connects, and is shown {shown}"
    theft = tempt(ca.server_context(own), client, target.token)
    if theft.why_not:
        return Outcome(sent, f"the client hung up: {theft.why_not}", False, _HUNG_UP)
    return Outcome(sent, "nothing: Ann's token was sent to it", theft.stolen, _STOLEN)


_HUNG_UP = (Route(("ann", "client"), stopped=True),)
_STOLEN = (Route(("ann", "line", "attacker")),)


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
    ca, own = expired_certificate(target.folder / "old")
    client = ca.client_context()
    if not guarded:
        client.verify_flags |= NO_CHECK_TIME
    return _pose(target, own, ca, client, "a certificate that expired yesterday")


def _listen(target: Target, guarded: bool) -> Outcome:
    client = target.ca.client_context() if guarded else None
    port = target.trigger.port if guarded else target.door(lambda posted: 202).port
    with Tap(port) as tap:
        status = send(tap.port, client, "button.click", SECRET, target.token)
    heard = SECRET.encode() in tap.heard
    said = "all of it, the token too" if heard else "nothing of the text"
    routes = _passed("ann", "line", arrived=status == 202), _reached("line", heard)
    sent = "Ann's event, past an eavesdropper on the line"
    return Outcome(sent, f"he can read {said}", heard, routes)


def _passed(*stations: Place, arrived: bool, altered: bool = False) -> Route:
    """Return a message's way to the house, or to the guard at its door."""
    return Route((*stations, "house" if arrived else "door"), not arrived, altered)


def _reached(place: Place, read: bool) -> Route:
    """Return the way of what the attacker reads at a place, unless a guard keeps it from him."""
    return Route((place, "attacker" if read else "reach"), not read)


# At the door


def _ask(target: Target, guarded: bool, token: str, topic: str,
         careless: Callable[[Posted], bool], sent: str,
         sender: Place = "attacker") -> Outcome:  # fmt: skip
    """Send a request to the real server, or to one that checks only `careless`."""

    def take(posted: Posted) -> int:
        if not careless(posted):
            return 401
        target.bus.fire(posted.topic, posted.body)
        return 202

    port = target.trigger.port if guarded else target.door(take, _server_context(target)).port
    status = send(port, target.ca.client_context(), topic, 0, token)
    arrived = [one.topic for one in target.got] == [topic]
    route = _passed(sender, "line", arrived=arrived)
    return Outcome(sent, f"HTTP status {status}", arrived, (route,))


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
    return _ask(target, guarded, target.token, "counter.set", is_somebody, sent, "ann")


# In the message


class Seals(Opens, Protocol):
    """A cipher that seals events, too."""

    def seal(self, event: CloudEvent) -> CloudEvent: ...


def _from_ann(data: object) -> CloudEvent:
    return CloudEvent(id="1", source="/ann", type="button.click", time=datetime.now(UTC), data=data)


def _opened(target: Target, cipher: Opens, sealed: CloudEvent) -> tuple[CloudEvent | None, str]:
    """Return what a receiver gets out of an event, None if it refuses it, and what it says."""
    try:
        opened = cipher.open(sealed)
    except security.CipherError as error:
        target.bus.fire("audit.cipher", type(error).__name__)
        return None, f"{type(error).__name__}: {error}"
    return opened, f"nothing: opened as {opened.data} on {opened.type}"


def _changed(target: Target, cipher: Seals, change: Callable[[CloudEvent], CloudEvent], sent: str,
             aim: Callable[[CloudEvent], bool]) -> Outcome:  # fmt: skip
    """Let the attacker change what Ann has sealed, and a receiver open it."""
    genuine = cipher.seal(_from_ann(1))
    arriving = change(genuine)
    opened, said = _opened(target, cipher, arriving)
    arrived, altered = opened is not None, arriving != genuine
    route = _passed("ann", "line", "attacker", "line", arrived=arrived, altered=altered)
    return Outcome(sent, said, opened is not None and aim(opened), (route,))


def _flipped(target: Target, guarded: bool) -> Outcome:
    key = security.Cipher.new_key()
    cipher = security.Cipher("1", key) if guarded else Unauthenticated(key)
    last = -17 if guarded else -1  # before the tag, which reveals changes
    sent = "Ann's sealed click, a 1, with one bit of it flipped"
    return _changed(
        target, cipher, lambda sealed: flip(sealed, last, bit=3), sent,
        lambda opened: opened.data == 9,
    )  # fmt: skip


def _moved(target: Target, guarded: bool) -> Outcome:
    key = security.Cipher.new_key()
    cipher = security.Cipher("1", key) if guarded else Unbound(key)
    sent = "Ann's sealed click, moved to counter.set"
    return _changed(
        target, cipher, lambda sealed: replace(sealed, type="counter.set"), sent,
        lambda opened: opened.type == "counter.set",
    )  # fmt: skip


def _replayed(target: Target, guarded: bool) -> Outcome:
    guard = security.ReplayGuard() if guarded else None
    cipher = security.Cipher("1", security.Cipher.new_key(), guard=guard)
    sealed = cipher.seal(_from_ann(1))
    first = _passed("ann", "line", arrived=cipher.open(sealed).data == 1)
    opened, said = _opened(target, cipher, sealed)
    second = _passed("attacker", "line", arrived=opened is not None)
    sent = "Ann's sealed click, a second time"
    return Outcome(sent, said, opened is not None, (first, second))


def _stored(target: Target, guarded: bool) -> Outcome:
    """Read the server's log: TLS does not protect what is stored."""
    event = _from_ann(SECRET)
    if guarded:
        event = security.Cipher("1", security.Cipher.new_key()).seal(event)
    with new_disk(target.folder / "log") as disk:
        disk.log.append(event)
        found = SECRET.encode() in disk.files()
        stored = Route(("house", "disk"), stopped=disk.events() != [event])
    said = "all of it" if found else "nothing of the text"
    routes = stored, _reached("disk", found)
    return Outcome("nothing: he reads the server's log", f"he finds {said}", found, routes)


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
            said = "PermissionDenied: the server does not allow it"
            return Outcome(sent, said, False, (_passed("ann", "line", arrived=False),))
    return Outcome(
        sent, "nothing: the server took it", True, (_passed("ann", "line", arrived=True),)
    )


def _downgraded(target: Target, guarded: bool) -> Outcome:
    from ...nats import NotTrusted

    tls = target.ca.client_context(target.ca.client("ann")) if guarded else None
    sent = "Ann's client connects, and is offered plaintext"
    with FalseNats() as impostor:
        try:
            _tell(f"nats://{impostor.address}", tls, "button.click", SECRET)
        except NotTrusted:
            said = "the client hung up: it says nothing without TLS"
            return Outcome(sent, said, False, _HUNG_UP)
        heard = SECRET.encode() in impostor.heard
    return Outcome(sent, "nothing: Ann's event was sent to it", heard, _STOLEN)


# On the bus


def _revoked(target: Target, guarded: bool) -> Outcome:
    """Revoke Ann's rights while an event for her waits in a queue."""
    anns = target.bus.as_("ann") if guarded else target.bus
    seen = "after" in seen_of_two(target.bus, target.policy, anns)
    said = "nothing: it was delivered" if seen else "withheld, and recorded"
    route = Route(("house", "line", "ann") if seen else ("house", "door"), stopped=not seen)
    return Outcome("nothing: Ann, revoked, waits for what is queued", said, seen, (route,))


_IMPOSTOR = Scene(attacker="line", guard="client", begins="ann")
_STRANGER = Scene(attacker="line", guard="door", begins="attacker")
_CARRIER = Scene(attacker="line", guard="door", begins="ann")
_ANN = Scene(attacker="ann", guard="door", begins="ann")

ATTACKS: dict[str, Attack] = {
    "Certificate of a wrong authority": Attack(
        "the client believes one authority and checks", _wrong_authority, _IMPOSTOR
    ),
    "Certificate of another host": Attack(
        "the client compares the host's name", _wrong_host, _IMPOSTOR
    ),
    "Expired certificate": Attack("the client looks at the date", _expired, _IMPOSTOR),
    "Listen on the line": Attack("TLS on the line", _listen, Scene("line", "reach", "ann")),
    "Read the log": Attack(
        "events are sealed before they are stored", _stored, Scene("disk", "reach", "house")
    ),
    "No token": Attack("the server asks who it is", _no_token, _STRANGER),
    "Made-up token": Attack("the server looks the token up", _wrong_token, _STRANGER),
    "Topic that Ann may not use": Attack("the server asks the policy", _forbidden, _ANN),
    "Flip a bit": Attack("the cipher authenticates: GCM, not CTR", _flipped, _CARRIER),
    "Move to another topic": Attack("the cipher binds payload and topic", _moved, _CARRIER),
    "Send it again": Attack("a replay guard remembers", _replayed, _CARRIER),
    "Denied publish on NATS": Attack(
        "the NATS server has the policy's rules", _denied_on_nats, _ANN
    ),
    "Plaintext instead of TLS": Attack("the client insists on TLS", _downgraded, _IMPOSTOR),
    "Wait in the queue": Attack(
        "the bus asks again at delivery", _revoked, Scene("ann", "door", "house")
    ),
}
