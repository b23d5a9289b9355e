"""NatsLog: the EventLog contract on JetStream."""

from __future__ import annotations

from collections.abc import Iterable

from ...event import CloudEvent, Event
from ...log import (
    Conflict,
    Consumer,
    Lock,
    Usage,
    check_append,
    check_consumer,
    check_lock,
    check_quota,
    check_trim,
    pack,
)
from ...log.paging import PagedLog
from ...topics import check_topic
from .connection import Headers, Refused
from .consumer import NatsConsumer, states
from .lock import NatsLock, find_held
from .store import EXPECTED, EXPECTED_IN_ALL, EXPECTED_OF, WRONG_SEQUENCE, Store


class NatsLog(PagedLog):
    """An EventLog on JetStream. The connection ends with the last reference to its store."""

    store: Store

    def __init__(self, store: Store) -> None:
        self.store = store

    def __repr__(self) -> str:
        return f"<log {self.store.stream!r} at {self.store.connection!r}>"

    def append(
        self, event: Event | CloudEvent, *, expect: int | None = None, fence: int | None = None
    ) -> int:
        check_append(expect, fence)
        packed = pack(event)
        if expect is None and fence is None:
            return self.store.add(packed, {})
        while (first := self.store.find(packed)) is None:
            conditions = self._conditions(packed.topic, expect, fence)
            try:
                return self.store.add(packed, conditions)
            except Refused as refused:
                if refused.code not in WRONG_SEQUENCE:
                    raise  # else another client has changed something: check again
        return first

    def _conditions(self, topic: str, expect: int | None, fence: int | None) -> Headers:
        """Return the conditions for the server to check. Raises Conflict or LeaseLost."""
        if fence is None:
            return {} if expect is None else self._expected(topic, expect)
        if expect is None:
            held = find_held(self.store, fence)
            return {EXPECTED: str(held.revision), EXPECTED_OF: held.subject}
        # the server checks only one condition: an unchanged stream implies both
        everything = self.store.info()["state"]["last_seq"]
        self._expected(topic, expect)
        find_held(self.store, fence)
        return {EXPECTED_IN_ALL: str(everything)}

    def _expected(self, topic: str, expect: int) -> Headers:
        if (found := self.last_sequence_of(topic)) != expect:
            raise Conflict(topic, expect, found)
        return {EXPECTED: str(expect)}

    def append_all(self, events: Iterable[Event | CloudEvent]) -> list[int]:
        return self.store.add_all([pack(event) for event in events])

    @property
    def last_sequence(self) -> int:
        last = self.store.last_on(self.store.subject_of(">"))
        return last.sequence if last else int(self.store.info()["state"]["last_seq"])

    def last_sequence_of(self, topic: str) -> int:
        check_topic(topic)
        last = self.store.last_on(self.store.subject_of(topic))
        return last.sequence if last else 0

    def consumer(
        self, name: str, topic: str = ">", *, max_tries: int = 5, after: int = 0
    ) -> Consumer:
        check_consumer(name, topic, max_tries, after)
        consumer = NatsConsumer(self.store, name, topic, max_tries)
        consumer.enrol(after)
        return consumer

    def consumers(self) -> list[Consumer]:
        return list(self._consumers())

    def _consumers(self) -> list[NatsConsumer]:
        return [
            NatsConsumer(self.store, name, state.topic, state.max_tries)
            for name, state in states(self.store)
        ]

    def lock(self, name: str, ttl: float = 10.0, *, wait: float = 0.0) -> Lock:
        check_lock(name, ttl, wait)
        self.store.check_open()
        return NatsLock(self.store, name, ttl, wait)

    def set_quota(self, events: int | None = None, bytes: int | None = None) -> None:
        check_quota(events, bytes)
        self.store.set_quota(events, bytes)

    def usage(self) -> Usage:
        return self.store.usage()

    def trim(
        self, *, keep: int | None = None, older_than: float | None = None, unread: bool = False
    ) -> int:
        check_trim(keep, older_than)
        consumers = self._consumers()
        end = self.last_sequence
        if not unread:
            end = min([end, *(one.first_needed(end) - 1 for one in consumers)])
        removed, end = self._count_to_trim(keep, older_than, end)
        if removed:
            self.store.purge(end)
            for one in consumers:
                one.forget_until(end)
        return removed

    def _count_to_trim(
        self, keep: int | None, older_than: float | None, end: int
    ) -> tuple[int, int]:
        """Return how many entries can be removed, and the sequence of the last of them."""
        too_young = float("inf") if older_than is None else self.store.clock() - older_than
        most = float("inf") if keep is None else self.usage().events - keep
        removed = last = 0
        for entry in self.read():
            if removed >= most or entry.sequence > end or entry.stored >= too_young:
                break
            removed, last = removed + 1, entry.sequence
        return removed, last

    def close(self) -> None:
        self.store.close()
