"""Access: who may publish and subscribe to which topics, and the bus as they see it.

    policy = ek.AccessPolicy()
    policy.allow("ann", publish="button.>", subscribe=["counter.>"])
    policy.deny("ann", publish="button.reset")

    bus = ek.EventBus(policy)
    ann = bus.as_("ann")

Rules use the same patterns as subscriptions, so a NATS server can enforce most policies; it refuses
the others. What no rule allows is denied.
"""

from __future__ import annotations

import functools
import inspect
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_args

import msgspec

from ..checks import is_number, name as check_name
from ..errors import PermissionDenied
from ..event import Event
from ..forks import renew_in_child
from ..handlers import Handler, name_of
from ..subscription import Subscription
from ..topics import TopicTree, check_pattern, check_topic

Action = Literal["publish", "subscribe"]
Patterns = str | Iterable[str]

H = TypeVar("H", bound=Handler)
Admits = Callable[[Event], Event | None]
DENIED = "audit.denied"
_RESERVED = ("audit.", "error.")
_DECISIONS = 100_000


class Rule(NamedTuple):
    """Allows or denies a principal an action on the topics that match a pattern."""

    action: Action
    pattern: str
    allowed: bool


class AccessPolicy:
    """The rules for each principal.

    What no rule allows is denied. A rule that denies overrides every rule that allows. A change
    applies from the next decision on, also to events that wait in a queue.

    All methods may be called from any thread. Decisions are cached until the next change, so a
    repeated decision is one dict lookup without a lock.
    """

    def __init__(self) -> None:
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._decided: dict[tuple[str, Action, str], bool] = {}
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Make a new lock, in a forked child: a thread of the parent may have held the old one."""
        self._lock = threading.Lock()

    def allow(self, principal: str, *, publish: Patterns = (), subscribe: Patterns = ()) -> None:
        """Also allow a principal to publish and subscribe to topics that match the patterns.

        Raises ValueError unless the principal's name consists of 1 to 64 letters, digits, - and _,
        as in certificates, and there is a pattern. Raises InvalidTopic for an invalid pattern, and
        TypeError for what is no pattern at all.
        """
        self._add(principal, publish, subscribe, allowed=True)

    def deny(self, principal: str, *, publish: Patterns = (), subscribe: Patterns = ()) -> None:
        """Deny these to a principal, even if another rule allows them. Raises as `allow` does."""
        self._add(principal, publish, subscribe, allowed=False)

    def revoke(self, principal: str) -> None:
        """Remove all rules for a principal, so that everything is denied."""
        with self._lock:
            self._replace({name: of for name, of in self._rules.items() if name != principal})

    def allows(self, principal: str, action: Action, topic: str) -> bool:
        """Return True if the principal may do this to this topic now.

        Raises InvalidTopic, and ValueError for an unknown action.
        """
        decided = self._decided  # before the rules: old decisions must not get into a new dict
        try:
            return decided[principal, action, topic]
        except (KeyError, TypeError):  # not decided yet, or not a topic
            check_topic(topic)
        verdicts = self._tree(principal, action).match(topic)
        if len(decided) >= _DECISIONS:  # keep memory flat if callers invent topics
            self._decided = decided = {}
        decided[principal, action, topic] = verdict = bool(verdicts) and all(verdicts)
        return verdict

    def allows_pattern(self, principal: str, pattern: str) -> bool:
        """Return True if the principal may subscribe to a pattern: one rule allows all its topics,
        and no rule denies all of them. Rules that deny some of them are applied event by event.
        """
        rules = [rule for rule in self.rules(principal) if rule.action == "subscribe"]
        verdicts = {rule.allowed for rule in rules if covers(rule.pattern, pattern)}
        return verdicts == {True}

    def identity(self, bus: Bus, principal: str) -> Identity:
        """Return a bus as this principal may use it; see `EventBus.as_`."""
        return Identity(bus, self, principal)

    def principals(self) -> list[str]:
        """Return the names of all principals with a rule, sorted."""
        return sorted(self._rules)

    def rules(self, principal: str) -> tuple[Rule, ...]:
        """Return the rules for a principal, in the order in which they were added."""
        return self._rules.get(principal, ())

    def __repr__(self) -> str:
        count = sum(len(rules) for rules in self._rules.values())
        return f"<AccessPolicy of {count} rules for {len(self._rules)} principals>"

    def _add(
        self, principal: str, publish: Patterns, subscribe: Patterns, *, allowed: bool
    ) -> None:
        check_principal(principal)
        given: list[tuple[Action, Patterns]] = [("publish", publish), ("subscribe", subscribe)]
        added = [
            Rule(action, pattern, allowed)
            for action, patterns in given
            for pattern in _each(patterns)
        ]
        if not added:
            raise ValueError("give patterns to publish= or subscribe=; to deny all, revoke().")
        for rule in added:
            check_pattern(rule.pattern)
        with self._lock:
            self._replace({**self._rules, principal: (*self.rules(principal), *added)})

    def _replace(self, rules: dict[str, tuple[Rule, ...]]) -> None:
        self._rules = rules  # first: decisions in the new dict are made by the new rules
        self._decided = {}

    def _tree(self, principal: str, action: Action) -> TopicTree[bool]:
        if action not in get_args(Action):
            raise ValueError(f"an action is one of {get_args(Action)}; got {action!r}.")
        tree: TopicTree[bool] = TopicTree()
        for rule in self.rules(principal):
            if rule.action == action:
                tree.add(rule.pattern, rule.allowed)
        return tree


def _each(patterns: object) -> Iterable[str]:
    if isinstance(patterns, str):
        return [patterns]
    if not isinstance(patterns, Iterable) or isinstance(patterns, bytes):
        raise TypeError(f"give a pattern or some patterns, such as ['a.*']; got {patterns!r}.")
    return patterns


def check_principal(name: object) -> None:
    """Raise ValueError unless this name is allowed in a policy and in a certificate."""
    check_name("principal", name, "ann")


def check_hours(hours: object, most: float) -> float:
    """Return `hours` if it is more than 0 and at most `most`. Raise ValueError otherwise."""
    if not is_number(hours) or not 0 < hours <= most:
        raise ValueError(
            f"hours is a number: more than 0 hours, at most {most:,.0f}; got {hours!r}."
        )
    return hours


def check_clock(clock: object) -> None:
    """Raise TypeError unless `clock` can be called for the time in seconds."""
    if not callable(clock):
        raise TypeError(f"clock is a function that returns seconds; got {type(clock).__name__}.")


def principal_of(certificate: dict[str, object] | None) -> str | None:
    """Return the name in a client's certificate, or None if a policy could not contain it.

    `certificate` is what `ssl` returns for a certificate that it has verified.
    """
    subject: object = (certificate or {}).get("subject", ())
    assert isinstance(subject, tuple)
    names = [value for part in subject for kind, value in part if kind == "commonName"]
    try:
        (name,) = names
        check_principal(name)
    except ValueError:
        return None
    return str(name)


def is_current(certificate: dict[str, object], now: float) -> bool:
    """Return True if this certificate, as for `principal_of`, is valid at a time in seconds since
    1970. TLS checks the dates once, in the handshake, and a connection can outlive them.
    """
    begins, ends = (str(certificate[name]) for name in ("notBefore", "notAfter"))
    return ssl.cert_time_to_seconds(begins) <= now <= ssl.cert_time_to_seconds(ends)


def covers(wide: str, narrow: str) -> bool:
    """Return True if every topic that matches the pattern `narrow` also matches `wide`."""
    words, inner = wide.split("."), narrow.split(".")
    for place, word in enumerate(words):
        if word == ">":
            return place < len(inner)
        if place == len(inner) or inner[place] == ">" or word not in ("*", inner[place]):
            return False
    return len(words) == len(inner)


class Bus(Protocol):
    """The part of a bus that identities use."""

    @property
    def source(self) -> str: ...

    def fire(self, topic: str, data: Any = None, *, key: str | None = None) -> Event: ...

    def publish(self, event: Event) -> None: ...

    def request(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event: ...

    def subscribe(self, pattern: str, handler: Handler, **options: Any) -> Subscription: ...

    def refuse_request(self, event: Event, error: Exception) -> None: ...


class Denial(msgspec.Struct, frozen=True):
    """The data of an event on `audit.denied`. It has the topic, and never the data of an event."""

    principal: str
    action: Action
    topic: str
    reason: str


class Identity:
    """A bus as one principal sees it. Made by `EventBus.as_`.

    What the policy denies raises PermissionDenied and is recorded as an event on `audit.denied`.

    The policy is checked on publishing and subscribing, and again before a handler is called. An
    event that the principal may no longer see by then is withheld. No exception can report that,
    but an audit event is fired, and if the event was a request, its caller gets PermissionDenied.

    Topics that begin with `audit.` or `error.` are reserved for the bus: no identity may publish
    there. An error event carries the event that failed, so only principals who may see both see it.

    This protects against mistakes, and against clients that connect through a socket. It does not
    protect against code in this process, which can reach every Python object.
    """

    def __init__(self, bus: Bus, policy: AccessPolicy, principal: str) -> None:
        check_principal(principal)
        self.principal = principal
        self._bus = bus
        self._policy = policy

    def fire(self, topic: str, data: Any = None, *, key: str | None = None) -> Event:
        """As `EventBus.fire`, if the principal may publish on the topic."""
        event = Event(topic, data, key=key)
        self.publish(event)
        return event

    def publish(self, event: Event) -> None:
        """As `EventBus.publish`, if the principal may publish on the event's topic."""
        self._check_publish(event.topic)
        self._bus.publish(event)

    def request(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event:
        """As `EventBus.request`, if the principal may publish on the topic and subscribe to that
        of the answer.
        """
        self._check_publish(topic)
        answer = self._bus.request(topic, data, timeout, key=key)
        if not self.may_see(answer.topic):
            raise self._denied("subscribe", answer.topic, "no rule allows it, or one denies it")
        return answer

    def subscribe(
        self, pattern: str, handler: H, *, emits: str | None = None, **options: Any
    ) -> Subscription:
        """As `EventBus.subscribe`, if the principal may subscribe to the whole pattern and publish
        on `emits`. Events on denied topics within the pattern are withheld.
        """
        check_pattern(pattern)
        if not self._policy.allows_pattern(self.principal, pattern):
            raise self._denied("subscribe", pattern, "no rule allows it, or one denies it")
        if emits is not None:
            self._check_publish(emits)
        guarded = _guard(handler, self._admits(emits), self._passes_on(emits))
        return self._bus.subscribe(pattern, guarded, emits=emits, **options)

    def processor(self, pattern: str, **options: Any) -> Callable[[H], H]:
        """Decorator: as `subscribe`, for a function whose results are events."""

        def register(handler: H) -> H:
            self.subscribe(pattern, handler, **options)
            return handler

        return register

    def listener(self, pattern: str, **options: Any) -> Callable[[H], H]:
        """Decorator: as `subscribe`, for a function that emits nothing."""
        if options.get("emits") is not None:
            raise ValueError("a listener emits nothing; use processor(..., emits=...) instead.")
        return self.processor(pattern, **options)

    def may_see(self, topic: str) -> bool:
        """Return True if the principal may see events on this topic now."""
        allows = self._policy.allows
        while allows(self.principal, "subscribe", topic):
            if not topic.startswith("error."):
                return True
            topic = topic.removeprefix("error.")
        return False

    def may_see_all_of(self, event: Event) -> bool:
        """Return True if the principal may see the event and every event that it carries: the
        events of a batch, or the one that failed in an error event.
        """
        return self.may_see(event.topic) and all(map(self.may_see_all_of, _carried_by(event)))

    def withhold(self, event: Event) -> PermissionDenied:
        """Record that an event was withheld from the principal. Return the error for it."""
        return self._denied("subscribe", event.topic, "no rule allows it now, or one denies it")

    def __repr__(self) -> str:
        return f"<Identity {self.principal!r} on {self._bus.source}>"

    def _check_publish(self, topic: str) -> None:
        if not self._policy.allows(self.principal, "publish", topic):
            raise self._denied("publish", topic, "no rule allows it, or one denies it")
        if topic.startswith(_RESERVED):
            raise self._denied("publish", topic, "audit. and error. are reserved for the bus")

    def _denied(self, action: Action, topic: str, reason: str) -> PermissionDenied:
        denial = Denial(self.principal, action, topic, reason)
        if action == "publish" or not topic.removeprefix("error.").startswith("audit."):
            self._bus.fire(DENIED, denial)  # withholding a record is not recorded again
        verb = "publish on" if action == "publish" else "see"
        return PermissionDenied(f"{self.principal} may not {verb} {topic!r}: {reason}.")

    # The wrapper around a handler

    def _admits(self, emits: str | None) -> Admits:
        """Return a function that returns the part of an event that the handler may see now: all of
        it, part of a batch, or None. It records what it withholds.
        """

        def admits(event: Event) -> Event | None:
            if self.may_see_all_of(event):
                return event
            batch = event.data if _is_batch(event) else ()
            seen = tuple(one for one in batch if self.may_see_all_of(one))
            for denied in [one for one in batch if one not in seen] or [event]:
                self._tell_requester(event, emits, self.withhold(denied))
            return msgspec.structs.replace(event, topic=seen[0].topic, data=seen) if seen else None

        return admits

    def _passes_on(self, emits: str | None) -> Callable[[Event, Any], Any]:
        def passes_on(event: Event, result: Any) -> Any:
            if emits is not None and result is not None:
                try:
                    self._check_publish(emits)
                except PermissionDenied as denial:
                    self._tell_requester(event, emits, denial)
                    return None
            return result

        return passes_on

    def _tell_requester(self, event: Event, emits: str | None, denial: PermissionDenied) -> None:
        if emits is not None:
            self._bus.refuse_request(event, denial)


def _is_batch(event: Event) -> bool:
    data = event.data
    return type(data) is tuple and bool(data) and all(isinstance(one, Event) for one in data)


def _carried_by(event: Event) -> tuple[Event, ...]:
    """Return the events inside this one."""
    if _is_batch(event):
        batch: tuple[Event, ...] = event.data
        return batch
    failed = getattr(event.data, "event", None) if event.topic.startswith("error.") else None
    return (failed,) if isinstance(failed, Event) else ()


def _guard(handler: Handler, admits: Admits, passes_on: Callable[[Event, Any], Any]) -> Handler:
    """Return a handler that checks the policy first. It is of the same kind: a plain, coroutine or
    generator function. A subscription with a flow calls `admits` before an event enters the flow.
    """

    def guarded(event: Event) -> Any:
        seen = admits(event)
        if seen is None:
            return None
        return passes_on(event, handler(seen))

    async def guarded_coroutine(event: Event) -> Any:
        seen = admits(event)
        if seen is None:
            return None
        return passes_on(event, await handler(seen))

    def guarded_generator(event: Event) -> Any:
        seen = admits(event)
        if seen is None:
            return None
        return passes_on(event, (yield from handler(seen)))

    if not callable(handler):
        return handler  # the bus raises an error that explains the problem
    chosen: Handler = guarded
    calls = (handler, type(handler).__call__)
    if any(inspect.iscoroutinefunction(call) for call in calls):
        chosen = guarded_coroutine
    elif any(inspect.isgeneratorfunction(call) for call in calls):
        chosen = guarded_generator
    functools.update_wrapper(chosen, handler, updated=())
    chosen.__qualname__ = name_of(handler)
    chosen.admits = admits  # type: ignore[attr-defined]
    return chosen
