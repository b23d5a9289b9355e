"""AccessPolicy: who may publish and subscribe to which topics. Default is deny.

    policy = ek.AccessPolicy()
    policy.allow("ann", publish="button.>", subscribe=["counter.>"])
    policy.deny("ann", publish="button.reset")

    bus = ek.EventBus(policy)
    ann = bus.as_("ann")

Rules are written in the patterns that subscriptions are written in, so that a NATS server can be
given the same ones.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from ..forks import renew_in_child
from ..topics import TopicTree, check_pattern, check_topic

Action = Literal["publish", "subscribe"]
Patterns = str | Iterable[str]

_DECISIONS = 100_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Rule(NamedTuple):
    """Whether a principal is allowed an action on the topics that fit a pattern."""

    action: Action
    pattern: str
    allowed: bool


class AccessPolicy:
    """What each principal is allowed and denied.

    What no rule allows is denied, and a rule that denies beats every rule that allows. A change
    counts from the next decision on, also for events that are waiting in a queue.

    All methods may be called from any thread. A decision is remembered until the next change, so
    asking again costs one look into a dict, without a lock.
    """

    def __init__(self) -> None:
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._decided: dict[tuple[str, Action, str], bool] = {}
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Get a new lock: in the child of a fork, a thread that is not there may hold the old."""
        self._lock = threading.Lock()

    def allow(self, principal: str, *, publish: Patterns = (), subscribe: Patterns = ()) -> None:
        """Let a principal publish and subscribe to topics that fit these patterns, too.

        A principal's name is of letters, digits, - and _, as it stands in certificates. Raises
        ValueError, and InvalidTopic for a pattern that is none.
        """
        self._add(principal, publish, subscribe, allowed=True)

    def deny(self, principal: str, *, publish: Patterns = (), subscribe: Patterns = ()) -> None:
        """Keep a principal from these, whatever is allowed. Raises as `allow` does."""
        self._add(principal, publish, subscribe, allowed=False)

    def revoke(self, principal: str) -> None:
        """Forget every rule about a principal, who is thereby denied everything."""
        with self._lock:
            self._replace({name: of for name, of in self._rules.items() if name != principal})

    def allows(self, principal: str, action: Action, topic: str) -> bool:
        """Whether the principal may do this to this topic now. Raises InvalidTopic."""
        decided = self._decided  # before the rules: an old decision must not get into a new dict
        try:
            return decided[principal, action, topic]
        except (KeyError, TypeError):  # not asked before, or no topic at all
            check_topic(topic)
        verdicts = self._tree(principal, action).match(topic)
        if len(decided) >= _DECISIONS:  # a caller makes up topics: memory stays flat
            self._decided = decided = {}
        decided[principal, action, topic] = verdict = bool(verdicts) and all(verdicts)
        return verdict

    def allows_pattern(self, principal: str, pattern: str) -> bool:
        """Whether the principal may subscribe to a pattern: one rule allows all its topics, and
        none denies them all. Those that are denied in part are sorted out event by event.
        """
        rules = [rule for rule in self.rules(principal) if rule.action == "subscribe"]
        verdicts = {rule.allowed for rule in rules if covers(rule.pattern, pattern)}
        return verdicts == {True}

    def principals(self) -> list[str]:
        """Return the names of all principals with a rule, sorted."""
        return sorted(self._rules)

    def rules(self, principal: str) -> tuple[Rule, ...]:
        """The rules about a principal, in the order in which they were made."""
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
            raise ValueError("give patterns to publish= or subscribe=; to take all, revoke().")
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
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"a principal has a name of letters, digits, - and _, up to 64, such as 'ann'; "
            f"got {name!r}."
        )


def check_hours(hours: object, most: float) -> float:
    """Return `hours` if it is more than 0 and at most `most`. Raise ValueError otherwise."""
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= most:
        raise ValueError(
            f"hours is a number: more than 0 hours, at most {most:,.0f}; got {hours!r}."
        )
    return hours


def check_clock(clock: object) -> None:
    """Raise TypeError unless `clock` can be called for the time in seconds."""
    if not callable(clock):
        raise TypeError(f"clock is a function that returns seconds; got {type(clock).__name__}.")


def principal_of(certificate: dict[str, object] | None) -> str | None:
    """Return the name in a client's certificate, in the form in which `ssl` gives one that it has
    checked. None if that name could not be in a policy.
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
    1970. TLS looks at the dates once, in the handshake; a connection can live longer than that.
    """
    begins, ends = (str(certificate[name]) for name in ("notBefore", "notAfter"))
    return ssl.cert_time_to_seconds(begins) <= now <= ssl.cert_time_to_seconds(ends)


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that fits the pattern `narrow` fits `wide`."""
    words, inner = wide.split("."), narrow.split(".")
    for place, word in enumerate(words):
        if word == ">":
            return place < len(inner)
        if place == len(inner) or inner[place] == ">" or word not in ("*", inner[place]):
            return False
    return len(words) == len(inner)
