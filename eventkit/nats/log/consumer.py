"""NatsConsumer: claims, leases, acknowledgements and dead letters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from ...log import (
    Consumer,
    Delivery,
    LogUnusable,
    Progress,
    check_claim,
    check_seconds,
    check_sequences,
    claim_lost,
    consumer_gone,
    other_pattern,
)
from ...log.paging import Row, entry_of, entry_or_bytes, report_damaged
from .connection import Refused
from .store import EXPECTED, WRONG_SEQUENCE, Store

T = TypeVar("T")


class Given(msgspec.Struct, array_like=True):
    """An entry that was claimed and is not acknowledged. Without `due` it is a dead letter."""

    tries: int
    due: float | None
    claim: int


class Memory(msgspec.Struct):
    """What a consumer remembers: one message on the server."""

    topic: str
    max_tries: int
    position: int
    """Up to here everything was claimed at least once."""
    given: dict[int, Given]

    def is_dead(self, given: Given, now: float) -> bool:
        return given.due is None or (given.due <= now and given.tries >= self.max_tries)

    def dead(self, now: float, among: Iterable[int] = ()) -> list[int]:
        """Dead letters, all or among those named, oldest first."""
        chosen = set(among) & self.given.keys() or (() if among else self.given.keys())
        return sorted(one for one in chosen if self.is_dead(self.given[one], now))

    def due(self, now: float) -> list[int]:
        """What was put back or left lying, the longest first."""
        waiting = (
            (given.due, sequence)
            for sequence, given in self.given.items()
            if given.due is not None and given.due <= now and given.tries < self.max_tries
        )
        return [sequence for _, sequence in sorted(waiting)]


_decode = msgspec.json.Decoder(Memory).decode


class NatsConsumer(Consumer):
    """A memory on the server. A change names the version that was read, and is refused if another
    client has changed it meanwhile; then it is read again. So one entry has one claimer.
    """

    def __init__(self, log: object, store: Store, name: str, topic: str, max_tries: int) -> None:
        self.name = name
        self.topic = topic
        self.max_tries = max_tries
        self._log = log  # a log without references is closed
        self._store = store

    def enrol(self, after: int) -> None:
        """Be there from now on, as the consumer that there was or a new one."""
        while not self._try_to_enrol(after):
            pass

    def _try_to_enrol(self, after: int) -> bool:
        memory, revision = self._load()
        if memory is None:
            return self._save(Memory(self.topic, self.max_tries, after, {}), 0)
        if memory.topic != self.topic:
            raise other_pattern(self.name, memory.topic, self.topic)
        if memory.max_tries == self.max_tries:
            return True
        memory.max_tries = self.max_tries
        return self._save(memory, revision)

    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        check_claim(n, lease, wait)
        mark = int.from_bytes(os.urandom(6), "big")

        def attempt() -> list[Delivery]:
            found = self._change(lambda memory: self._claim(memory, n, lease, mark), None)
            if found is None:
                raise consumer_gone(self.name)
            for sequence, claimed in found.items():
                if isinstance(claimed, LogUnusable):
                    report_damaged(sequence, claimed)
            return [claimed for claimed in found.values() if isinstance(claimed, Delivery)]

        return self._store.until(attempt, wait)

    def _claim(
        self, memory: Memory, n: int, lease: float, mark: int
    ) -> dict[int, Delivery | LogUnusable]:
        """Claim until there is something that can be read. What cannot be is a dead letter."""
        found: dict[int, Delivery | LogUnusable] = {}
        while not any(isinstance(claimed, Delivery) for claimed in found.values()):
            now = self._store.clock()
            rows = self._due_rows(memory, n, now)
            if len(rows) < n:
                rows += self._store.page(memory.position, memory.topic, n - len(rows))
            if not rows:
                break
            for row in rows:
                sequence, due = row[0], None
                tries = memory.given[sequence].tries + 1 if sequence in memory.given else 1
                try:
                    found[sequence] = Delivery(entry_of(*row), tries, mark)
                    due = now + lease
                except LogUnusable as problem:
                    found[sequence] = problem
                memory.given[sequence] = Given(tries, due, mark)
                memory.position = max(memory.position, sequence)
        return found

    def _due_rows(self, memory: Memory, n: int, now: float) -> list[Row]:
        """What was put back or left lying. What was trimmed meanwhile is forgotten."""
        rows = []
        for sequence in memory.due(now)[:n]:
            if row := self._store.row(sequence):
                rows.append(row)
            else:
                del memory.given[sequence]
        return rows

    def ack(self, *deliveries: Delivery) -> None:
        self._settle(deliveries, lambda memory, sequence: memory.given.pop(sequence))

    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        check_seconds("delay", delay)

        def put_off(memory: Memory, sequence: int) -> None:
            given = memory.given[sequence]
            due = self._store.clock() + delay if given.tries < memory.max_tries else None
            memory.given[sequence] = Given(given.tries, due, 0)

        self._settle(deliveries, put_off)

    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        check_seconds("lease", lease, above=0)

        def prolong(memory: Memory, sequence: int) -> None:
            memory.given[sequence].due = self._store.clock() + lease

        self._settle(deliveries, prolong)

    def dead_letters(self) -> list[Delivery]:
        memory, _ = self._load()
        if memory is None:
            return []
        dead = [(self._store.row(one), one) for one in memory.dead(self._store.clock())]
        return [
            Delivery(entry_or_bytes(*row), memory.given[one].tries, memory.given[one].claim)
            for row, one in dead
            if row
        ]

    def put_back(self, *sequences: int) -> int:
        check_sequences(sequences)

        def work(memory: Memory) -> int:
            dead = memory.dead(self._store.clock(), sequences)
            for one in dead:
                memory.given[one] = Given(0, 0.0, 0)
            return len(dead)

        return self._change(work, 0)

    def discard(self, *sequences: int) -> int:
        check_sequences(sequences)

        def work(memory: Memory) -> int:
            dead = memory.dead(self._store.clock(), sequences)
            for one in dead:
                del memory.given[one]
            return len(dead)

        return self._change(work, 0)

    def progress(self) -> Progress:
        memory, _ = self._load()
        if memory is None:
            return Progress(0, 0, 0)
        waiting = self._store.count(memory.position, memory.topic)
        dead = len(memory.dead(self._store.clock()))
        return Progress(waiting, len(memory.given) - dead, dead)

    def remove(self) -> None:
        store = self._store
        store.ask(
            f"STREAM.PURGE.{store.consumers_stream}",
            changes=True,
            filter=store.memory_of(self.name),
        )

    def first_needed(self, end: int) -> int:
        """The first entry that is not acknowledged; the one behind `end` if there is none."""
        memory, _ = self._load()
        if memory is None:
            return end + 1
        waiting = (row[0] for row in self._store.page(memory.position, memory.topic, 1))
        return min([end + 1, *waiting, *memory.given])

    def forget_until(self, end: int) -> None:
        """Entries up to there are gone."""

        def work(memory: Memory) -> bool:
            gone = [sequence for sequence in memory.given if sequence <= end]
            for sequence in gone:
                del memory.given[sequence]
            return bool(gone)

        self._change(work, False)

    def _settle(
        self, deliveries: tuple[Delivery, ...], change: Callable[[Memory, int], object]
    ) -> None:
        lost: list[int] = []

        def work(memory: Memory) -> bool:
            lost.clear()
            for one in deliveries:
                given = memory.given.get(one.sequence)
                if given is None or given.claim != one.claim:
                    lost.append(one.sequence)
                else:
                    change(memory, one.sequence)
            return len(lost) < len(deliveries)

        if not self._change(work, None) and not lost:
            lost = [one.sequence for one in deliveries]
        if lost:
            raise claim_lost(self.name, lost)

    def _change(self, work: Callable[[Memory], T], without: T | None) -> T:
        """What `work` returns, after what it has changed is stored; if it is something.

        It is called again if another client has changed the memory meanwhile.
        """
        while True:
            memory, revision = self._load()
            if memory is None:
                return without  # type: ignore[return-value]
            result = work(memory)
            if not result or self._save(memory, revision):
                return result

    def _load(self) -> tuple[Memory | None, int]:
        message = self._store.load(self.name)
        return (None, 0) if message is None else (_decode(message.body), message.sequence)

    def _save(self, memory: Memory, revision: int) -> bool:
        """Return False if another client has changed it since it was read."""
        conditions = {EXPECTED: str(revision)}
        try:
            subject = self._store.memory_of(self.name)
            self._store.put(subject, msgspec.json.encode(memory), conditions)
        except Refused as refused:
            if refused.code not in WRONG_SEQUENCE:
                raise
            return False
        return True


def memories(store: Store) -> list[tuple[str, Memory]]:
    """All consumers of a log by name, and what they remember."""
    loaded = [(name, store.load(name)) for name in store.names()]
    return [(name, _decode(message.body)) for name, message in loaded if message]
