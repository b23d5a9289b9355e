"""Identity: the bus as one principal may use it, and the record of what was denied."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ..event import Event
from ..handlers import Handler, name_of
from ..log import PermissionDenied
from ..subscription import Subscription
from ..topics import check_pattern
from .access import AccessPolicy, Action, check_principal

if TYPE_CHECKING:
    from ..bus import EventBus

H = TypeVar("H", bound=Handler)
Admits = Callable[[Event], Event | None]
DENIED = "audit.denied"
_RESERVED = ("audit.", "error.")


class Denial(msgspec.Struct, frozen=True):
    """What an event on `audit.denied` carries: who was kept from what. Never what they sent."""

    principal: str
    action: Action
    topic: str
    reason: str


class Identity:
    """A bus as one principal sees it. Made by `EventBus.as_`.

    Whatever the policy denies raises PermissionDenied and is recorded as an event on
    `audit.denied`. The policy is asked when something is published or subscribed to, and again
    when a handler is about to be called: an event that may no longer be seen by then is withheld,
    which no exception can report any more, but the audit event is fired, and a
    request gets PermissionDenied.

    Topics that begin with `audit.` or `error.` are the bus's own: no identity may publish there.
    An error event carries the event that failed, so who may not see the one may not see the other.

    This keeps honest code within its limits, and callers on the far side of a socket. It is no
    prison for code in this process, which can reach whatever Python can.
    """

    def __init__(self, bus: EventBus, policy: AccessPolicy, principal: str) -> None:
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
            raise self._denied("subscribe", answer.topic, "the answer is not theirs to see")
        return answer

    def subscribe(
        self, pattern: str, handler: H, *, emits: str | None = None, **options: Any
    ) -> Subscription:
        """As `EventBus.subscribe`, if the principal may subscribe to all of the pattern and
        publish on `emits`. Topics within it that are denied are withheld, event by event.
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
        """Whether events on this topic may reach the principal now."""
        allows = self._policy.allows
        while allows(self.principal, "subscribe", topic):
            if not topic.startswith("error."):
                return True
            topic = topic.removeprefix("error.")
        return False

    def may_see_all_of(self, event: Event) -> bool:
        """Return True if the principal may see the event and every event that it carries: those
        of a batch, and what failed in an error event.
        """
        return self.may_see(event.topic) and all(map(self.may_see_all_of, _carried_by(event)))

    def withhold(self, event: Event) -> PermissionDenied:
        """Record that an event did not reach the principal; the error that says so."""
        return self._denied("subscribe", event.topic, "it may not be seen by now")

    def __repr__(self) -> str:
        return f"<Identity {self.principal!r} on {self._bus.source}>"

    def _check_publish(self, topic: str) -> None:
        if not self._policy.allows(self.principal, "publish", topic):
            raise self._denied("publish", topic, "no rule allows it, or one denies it")
        if topic.startswith(_RESERVED):
            raise self._denied("publish", topic, "audit. and error. are the bus's own")

    def _denied(self, action: Action, topic: str, reason: str) -> PermissionDenied:
        denial = Denial(self.principal, action, topic, reason)
        if action == "publish" or not topic.removeprefix("error.").startswith("audit."):
            self._bus.fire(DENIED, denial)  # to withhold a record is no cause for another
        verb = "publish on" if action == "publish" else "see"
        return PermissionDenied(f"{self.principal} may not {verb} {topic!r}: {reason}.")

    # What stands around a handler

    def _admits(self, emits: str | None) -> Admits:
        """Return what says how much of an event the handler gets now: all, part of a batch, or
        nothing. What is withheld is recorded.
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
            self._bus._replies.refuse(event.id, denial)


def _is_batch(event: Event) -> bool:
    data = event.data
    return type(data) is tuple and bool(data) and all(isinstance(one, Event) for one in data)


def _carried_by(event: Event) -> tuple[Event, ...]:
    """Return the events that a handler of this one gets with it."""
    if _is_batch(event):
        batch: tuple[Event, ...] = event.data
        return batch
    failed = getattr(event.data, "event", None) if event.topic.startswith("error.") else None
    return (failed,) if isinstance(failed, Event) else ()


def _guard(handler: Handler, admits: Admits, passes_on: Callable[[Event, Any], Any]) -> Handler:
    """The handler behind a check, of the same kind: plain, coroutine or generator function. A
    subscription with a flow finds the check in `admits`, to ask it before an event enters.
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
        return handler  # the bus says what is wrong with it
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
