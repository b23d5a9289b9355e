"""Bridge: events fired on one bus arrive on others, also on other machines, through a NATS server.

    fire ──▶ bus ──▶ queue ──▶ bridge loop ──▶ server ──▶ bridge loop ──▶ queue ──▶ bus ──▶ handler

A bridge has two threads. One runs the loop, which talks to the server. The other publishes what has
arrived, so a slow handler does not hold up the loop. Both queues are bounded, and a bridge reports
when one is full.

NATS delivers at most once: what is on its way when a connection breaks is lost. So an event counts
as sent only when the server has confirmed it, and the bridge reports every event that was not
confirmed when the connection broke.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from ..bus import EventBus
from ..checks import seconds, whole_number
from ..event import Event
from ..executors.queue import BusClosed
from ..forks import renew_in_child
from ..log import LogError, OutcomeUnknown, PermissionDenied
from ..subscription import Subscription
from ..topics import check_pattern, check_topic
from .client import (
    CONNECTION_ERRORS,
    DirectClient,
    NatsError,
    QuietLoop,
    denial_in,
    final_error,
    not_authenticated,
    offers_plaintext,
    options_for,
    places,
)
from .delivery import Delivery
from .receiving import Arrived as Arrived, Receiver, first_match
from .sending import Sender

_RECONNECT = 0.1  # seconds
_PING = 5  # seconds; nats-py gives up a server at the third ping without an answer
_LOOP_HAS_ENDED = (TimeoutError, CancelledError, RuntimeError)  # or is ending, after an interrupt
_log = logging.getLogger("eventkit")


class NotTrusted(ConnectionError):
    """The server could not be authenticated. No data was sent to it."""


class Bridge:
    """Connects a bus to every other bus that has a bridge to the same NATS server.

        Bridge(bus, server.url, outgoing=["button.>"], incoming=["counter.*"])

    Events that match a pattern in `outgoing` are sent. Events from other buses that match a pattern
    in `incoming` are published here as `Arrived` events, on a thread of the bridge. A bridge never
    sends an `Arrived` event and never receives its own events. It never sends topics that begin
    with `error.`, because their data are exceptions. Every subject on the server begins with
    `prefix`. Of the bridges that share a `group`, the server gives each event to one.

    Promised:

    - Each event is sent at most once, so none arrives twice.
    - The events of one thread arrive in the order in which it fired them.
    - The sender counts each accepted event in `sent`, `refused` or `lost`, and in `waiting` until
      then. Refused events become dead letters with PermissionDenied. Lost ones become dead letters
      with OutcomeUnknown, or with BusClosed if they were never sent.
    - The receiver counts each event that reaches it in `received`, `skipped` or `dropped`; one that
      a full or closed bus refuses is in `received` and in `dropped`.

    Not promised:

    - An event that is `sent` has reached the server. No bridge may have received it.
    - An event that is lost with OutcomeUnknown may have arrived.
    - `missed` counts events that other bridges sent and this one never got. A gap is noticed when
      the next event of the same sender and topic arrives. Nothing is known of events before the
      first one. Bridges in a group count no missed events.

    Losses are counted and reported, not prevented. Use an EventLog where every event must arrive.

    At most `capacity` events wait to be confirmed, and as many arrived ones for slow handlers. If
    there is no room, `fire` raises QueueFull, after up to `timeout` seconds if the server is
    connected. Arrived events without room are dropped. After an outage, a sender continues half a
    second after it has reconnected, so that receivers have reconnected first.

    A server that answers nothing for about three times `ping_interval` (an option of nats-py, 5 s
    here) is given up, and the bridge reconnects.

    With `tls`, such as an authority's `client_context`, a bridge sends nothing to a server that has
    not shown a valid certificate, at first and at each reconnection. The client's own certificate
    says who it is. When the server no longer accepts it, queued events become dead letters with
    PermissionDenied.

    Raises InvalidTopic for patterns, prefixes and groups that NATS would misroute; ConnectionError
    if no server answers within `timeout` seconds; NotTrusted, a ConnectionError, if the server
    could not be authenticated; PermissionDenied if the server refuses the client or one of its
    subscriptions; TypeError or ValueError for other arguments that are not allowed, such as a
    `tls://` address without `tls`.
    """

    def __init__(
        self,
        bus: EventBus,
        url: str,
        outgoing: Sequence[str] = (),
        incoming: Sequence[str] = (),
        *,
        tls: ssl.SSLContext | None = None,
        group: str | None = None,
        prefix: str = "eventkit",
        capacity: int = 10_000,
        timeout: float = 5.0,
        **options: Any,
    ) -> None:
        self._outgoing = _patterns("outgoing", outgoing)
        self._incoming = _patterns("incoming", incoming)
        for name in (prefix,) if group is None else (prefix, group):
            check_topic(name)
        whole_number("capacity", capacity, "a number of events")
        seconds("timeout", timeout, above_zero=True)
        options = {"ping_interval": _PING} | options_for(url, tls, options)
        self.bus = bus
        self.prefix = prefix
        self._prefix_length = len(prefix) + 1
        self.group = group
        self.capacity = capacity
        self._urls = url.split(",")
        self._timeout = timeout
        self._is_inherited = False  # by the child of a fork
        self._ending = threading.RLock()  # so that the thread of an interrupted close can repeat it
        self._refusals: list[PermissionDenied] = []
        self._subscriptions: list[Subscription] = []
        self._closing = self._is_closed = False
        self._is_rejected = False  # since the last connection
        self._has_tried = False  # to connect
        self._client = DirectClient(self._take)
        self._loop = QuietLoop()
        self._sender = Sender(
            self._client, self._loop, repr(self), source=bus.source, prefix=prefix,
            capacity=capacity, timeout=timeout, give_up=self._give_up,
        )  # fmt: skip
        self._receiver = Receiver(bus, repr(self), self._incoming, counts_gaps=group is None)
        self._delivery = Delivery(self._loop, capacity, self._receiver.deliver)
        try:
            renew_in_child(self)
            self._delivery.run(self._connect(options), timeout + 1)
            place_of = first_match(self._outgoing)
            for place, pattern in enumerate(self._outgoing):
                handler = self._handler(place, place_of)
                self._subscriptions.append(bus.subscribe(pattern, handler))
        except BaseException:
            self._end(timeout)
            raise

    # Figures

    @property
    def is_connected(self) -> bool:
        """Return True if the server can be reached, as far as is known."""
        return bool(self._client.is_connected)

    @property
    def waiting(self) -> int:
        """Return the number of accepted events that the server has not confirmed yet."""
        return self._sender.waiting

    @property
    def sent(self) -> int:
        """Return the number of events that the server has confirmed."""
        return self._sender.sent

    @property
    def refused(self) -> int:
        """Return the number of events that the server refused."""
        return self._sender.refused

    @property
    def lost(self) -> int:
        """Return the number of events that were not confirmed before an outage or `close`."""
        return self._sender.lost

    @property
    def received(self) -> int:
        """Return the number of events from other buses that this bus was given."""
        return self._receiver.received

    @property
    def dropped(self) -> int:
        """Return the number of arrived events without room, or that could not be fired."""
        return self._receiver.dropped

    @property
    def skipped(self) -> int:
        """Return the number of arrived events that this bus had sent itself."""
        return self._receiver.skipped

    @property
    def missed(self) -> int:
        """Return the number of events that never arrived, as far as later ones have shown."""
        return self._receiver.missed

    # Use

    def flush(self, timeout: float = 5.0) -> None:
        """Wait until the server has every event that was fired before.

        Raises PermissionDenied if the server refused an event since the last flush. Raises
        OutcomeUnknown if events were not confirmed within `timeout` seconds, or were lost with
        the connection during the call. Such events may have arrived. Raises BusClosed after
        `close`, and RuntimeError in a forked child.
        """
        self._check_process()
        seconds("timeout", timeout)
        if self._delivery.is_on_loop:
            raise RuntimeError("flush() on the bridge's own loop would wait for itself.")
        if self._closing:
            raise BusClosed(f"{self!r} is closed.")
        lost = self.lost
        try:
            self._delivery.run(self._sender.confirm_all(), timeout)
        except TimeoutError:
            raise OutcomeUnknown(
                f"{self.waiting} events were not confirmed by {self!r} within {timeout} s. They "
                "may have arrived, or may still arrive."
            ) from None
        if self._refusals:
            refusal, self._refusals = self._refusals[0], []
            raise refusal
        if self.lost > lost:
            raise OutcomeUnknown(
                f"{self.lost - lost} events were on their way when the connection of {self!r} "
                "ended. They are dead letters now, and may have arrived."
            )

    def close(self, timeout: float = 5.0) -> None:
        """Send the queued events, deliver what has arrived, and disconnect. Can be called twice.

        Events that cannot be sent within `timeout` seconds become dead letters.
        """
        seconds("timeout", timeout)
        if self._is_inherited or self._is_closed:
            return
        if not self._ending.acquire(blocking=False):
            return  # another thread is closing it
        try:
            self._close(timeout)
        finally:
            self._ending.release()

    def _close(self, timeout: float) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        if not self._closing:
            with suppress(LogError):
                self.flush(timeout)
        self._closing = True
        with suppress(*_LOOP_HAS_ENDED):
            self._delivery.run(self._client.disconnect(), timeout)
        self._end(timeout)
        self._is_closed = True
        self._sender.lose_unconfirmed(
            OutcomeUnknown(f"{self!r} was closed while this event was on its way.")
        )
        self._sender.lose_queued(BusClosed(f"{self!r} was closed before this event was sent."))

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Bridge to {places(self._urls)}>"

    def renew(self) -> None:
        """Refuse further use in a forked child: connection and threads are the parent's."""
        self._is_inherited = True

    def _check_process(self) -> None:
        if self._is_inherited:
            raise RuntimeError(
                f"{self!r} was made before this process was forked, and its connection is the "
                "parent's. Make a bus and a bridge in the child."
            )

    # Events

    def _handler(self, place: int, place_of: Callable[[str], int]) -> Callable[[Event], None]:
        """Return the handler of one outgoing pattern.

        It leaves events that match an earlier pattern to that pattern's handler.
        """

        def send(event: Event) -> None:
            if place and place_of(event.topic) != place:
                return
            if not (isinstance(event, Arrived) or event.topic.startswith("error.")):
                self._check_process()
                self._sender.put(event)

        send.__qualname__ = repr(self)
        return send

    def _take(self, number: int, subject: str, body: bytes, headers: bytes | None) -> bool:
        """Queue a message of one of the subscriptions for delivery. Called on the loop."""
        topic = subject[self._prefix_length :]
        if self._receiver.wants(number, topic, body) and not self._delivery.put(topic, body):
            self._receiver.drop(topic, self.capacity)
        return True

    def _give_up(self, event: Event, error: Exception) -> None:
        self._subscriptions[0].give_up(event, error)

    # The connection, on the loop

    async def _connect(self, options: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                while not self.is_connected:
                    await self._try_to_connect(options)
                for pattern in self._incoming:
                    subject = f"{self.prefix}.{pattern}"
                    await self._client.subscribe(subject, self.group or "")
                await self._sender.ping()  # `_end` cancels it if it takes too long
        except NotTrusted as problem:
            _log.warning("%s", problem)
            raise
        except (NatsError, OSError, TimeoutError) as problem:
            raise ConnectionError(
                f"no NATS server answers at {self!r} within {self._timeout} s "
                f"({self._client.problem or problem}). Start one, such as NatsServer(), and give "
                "its url."
            ) from problem
        if self._refusals:
            raise self._refusals[0]
        self._sender.pump()

    async def _try_to_connect(self, options: dict[str, Any]) -> None:
        self._has_tried = True
        try:
            await self._client.try_to_connect(
                self._urls, self._on_error, name=self.bus.source, no_echo=True,
                skip_subject_validation=True,  # every topic has been checked
                reconnect_time_wait=_RECONNECT, disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected, **options,
            )  # fmt: skip
        except (NatsError, OSError) as problem:
            cause = self._client.problem or problem
            if error := final_error(cause, repr(self), NotTrusted):
                raise error from cause
            if "tls" in options and await offers_plaintext(self._urls):
                why = not_authenticated(repr(self), "it offers plaintext")
                raise NotTrusted(why) from problem
            await asyncio.sleep(_RECONNECT)

    def _on_error(self, problem: Exception) -> None:
        if denial := denial_in(problem):
            self._on_denial(*denial)
        elif self.is_connected and not isinstance(problem, CONNECTION_ERRORS):
            _log.warning("%r: %s", self, problem)
        elif self._sender.breaks and (error := final_error(problem, repr(self), NotTrusted)):
            self._on_rejection(error)

    def _on_denial(self, what: str, subject: str) -> None:
        topic = subject.removeprefix(f"{self.prefix}.".lower())
        denied = PermissionDenied(f"{self!r}: the server does not allow this {what} on {topic!r}.")
        self._refusals.append(denied)
        self._sender.refuse(topic, denied)

    def _on_rejection(self, error: PermissionDenied | NotTrusted) -> None:
        """Keep queued events if the server is not trusted; give them up if it rejects the client.

        An impostor may go away again. A client that has lost its rights cannot send the events.
        """
        is_first, self._is_rejected = not self._is_rejected, True
        if is_first:
            _log.warning("%s", error)
        if isinstance(error, PermissionDenied) and (self._sender.refuse_queued(error) or is_first):
            self._refusals.append(error)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            _log.warning("%r: the connection broke; events wait until it is restored.", self)
        self._sender.disconnected()

    async def _on_reconnected(self) -> None:
        self._is_rejected = False
        self._sender.reconnected()

    def _end(self, timeout: float) -> None:
        self._closing = True
        try:
            if self._has_tried:  # else nats-py has nothing to close
                with suppress(*_LOOP_HAS_ENDED):
                    self._delivery.run(self._client.end(timeout), timeout + 1)
        finally:
            self._delivery.close(timeout)


def _patterns(name: str, patterns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise TypeError(f"{name} is a list of patterns, such as [{patterns!r}]; got {patterns!r}.")
    for pattern in patterns:
        check_pattern(pattern)
    return tuple(dict.fromkeys(patterns))
