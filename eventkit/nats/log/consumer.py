"""NatsConsumer: claims, leases, acknowledgements and dead letters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from ...checks import seconds
from ...log import (
    Consumer,
    Delivery,
    LogUnusable,
    Progress,
    check_claim,
    check_sequences,
    claim_lost,
    consumer_gone,
    other_pattern,
)
from ...log.paging import Row, entry_of, entry_or_bytes, report_damaged
from .store import EXPECTED, Store

T = TypeVar("T")


class Given(msgspec.Struct, array_like=True):
    """A claimed entry that is not acknowledged. Without `due` it is a dead letter."""

    tries: int
    due: float | None
    claim: int


class State(msgspec.Struct):
    """A consumer's state, stored as one message on the server."""

    topic: str
    max_tries: int
    position: int
    """Every entry up to this one was claimed at least once."""
    given: dict[int, Given]

    def is_dead(self, given: Given, now: float) -> bool:
        """Return True if the entry will not be delivered again by itself."""
        return given.due is None or (given.due <= now and given.tries >= self.max_tries)

    def dead(self, now: float, among: Iterable[int] = ()) -> list[int]:
        """Return the sequences of dead letters, all or among those given, oldest first."""
        chosen = set(among) & self.given.keys() or (() if among else self.given.keys())
        return sorted(one for one in chosen if self.is_dead(self.given[one], now))

    def due(self, now: float) -> list[int]:
        """Return the sequences whose lease or delay has ended, the longest due first."""
        waiting = (
            (given.due, sequence)
            for sequence, given in self.given.items()
            if given.due is not None and given.due <= now and given.tries < self.max_tries
        )
        return [sequence for _, sequence in sorted(waiting)]


_decode = msgspec.json.Decoder(State).decode


class NatsConsumer(Consumer):
    """A consumer whose state is on the server.

    A change names the version that was read. The server refuses the change if another client was
    faster, and then the state is read again. So an entry is claimed by one client at a time.
    """

    def __init__(self, store: Store, name: str, topic: str, max_tries: int) -> None:
        self.name = name
        self.topic = topic
        self.max_tries = max_tries
        self._store = store

    def enrol(self, after: int) -> None:
        """Create the consumer, or check and update the existing one."""
        while not self._try_to_enrol(after):
            pass

    def _try_to_enrol(self, after: int) -> bool:
        state, revision = self._load()
        if state is None:
            return self._save(State(self.topic, self.max_tries, after, {}), 0)
        if state.topic != self.topic:
            raise other_pattern(self.name, state.topic, self.topic)
        if state.max_tries == self.max_tries:
            return True
        state.max_tries = self.max_tries
        return self._save(state, revision)

    def claim(self, n: int = 1, lease: float = 30.0, *, wait: float = 0.0) -> list[Delivery]:
        check_claim(n, lease, wait)
        mark = int.from_bytes(os.urandom(6), "big")

        def attempt() -> list[Delivery]:
            found = self._change(lambda state: self._claim(state, n, lease, mark), None)
            if found is None:
                raise consumer_gone(self.name)
            for sequence, claimed in found.items():
                if isinstance(claimed, LogUnusable):
                    report_damaged(sequence, claimed)
            return [claimed for claimed in found.values() if isinstance(claimed, Delivery)]

        return self._store.until(attempt, wait)

    def _claim(
        self, state: State, n: int, lease: float, mark: int
    ) -> dict[int, Delivery | LogUnusable]:
        """Claim until a readable entry is found. Damaged entries become dead letters."""
        found: dict[int, Delivery | LogUnusable] = {}
        while not any(isinstance(claimed, Delivery) for claimed in found.values()):
            now = self._store.clock()
            rows = self._due_rows(state, n, now)
            if len(rows) < n:
                rows += self._store.page(state.position, state.topic, n - len(rows))
            if not rows:
                break
            for row in rows:
                sequence, due = row[0], None
                tries = state.given[sequence].tries + 1 if sequence in state.given else 1
                try:
                    found[sequence] = Delivery(entry_of(*row), tries, mark)
                    due = now + lease
                except LogUnusable as problem:
                    found[sequence] = problem
                state.given[sequence] = Given(tries, due, mark)
                state.position = max(state.position, sequence)
        return found

    def _due_rows(self, state: State, n: int, now: float) -> list[Row]:
        """Return rows whose lease or delay has ended. Forget those that were trimmed."""
        rows = []
        for sequence in state.due(now)[:n]:
            if row := self._store.row(sequence):
                rows.append(row)
            else:
                del state.given[sequence]
        return rows

    def ack(self, *deliveries: Delivery) -> None:
        self._settle(deliveries, lambda state, sequence: state.given.pop(sequence))

    def nack(self, *deliveries: Delivery, delay: float = 0.0) -> None:
        seconds("delay", delay)

        def put_off(state: State, sequence: int) -> None:
            given = state.given[sequence]
            due = self._store.clock() + delay if given.tries < state.max_tries else None
            state.given[sequence] = Given(given.tries, due, 0)

        self._settle(deliveries, put_off)

    def extend(self, *deliveries: Delivery, lease: float = 30.0) -> None:
        seconds("lease", lease, above_zero=True)

        def prolong(state: State, sequence: int) -> None:
            state.given[sequence].due = self._store.clock() + lease

        self._settle(deliveries, prolong)

    def dead_letters(self) -> list[Delivery]:
        state, _ = self._load()
        if state is None:
            return []
        dead = [(self._store.row(one), one) for one in state.dead(self._store.clock())]
        return [
            Delivery(entry_or_bytes(*row), state.given[one].tries, state.given[one].claim)
            for row, one in dead
            if row
        ]

    def put_back(self, *sequences: int) -> int:
        def put_back(state: State, sequence: int) -> None:
            state.given[sequence] = Given(0, 0.0, 0)

        return self._change_dead(sequences, put_back)

    def discard(self, *sequences: int) -> int:
        return self._change_dead(sequences, lambda state, sequence: state.given.pop(sequence))

    def progress(self) -> Progress:
        state, _ = self._load()
        if state is None:
            raise consumer_gone(self.name)
        waiting = self._store.count(state.position, state.topic)
        dead = len(state.dead(self._store.clock()))
        return Progress(waiting, len(state.given) - dead, dead)

    def remove(self) -> None:
        store = self._store
        store.ask(
            f"STREAM.PURGE.{store.consumers_stream}",
            changes=True,
            filter=store.consumer_subject(self.name),
        )

    def first_needed(self, end: int) -> int:
        """Return the first entry that is not acknowledged, or `end + 1` if there is none."""
        state, _ = self._load()
        if state is None:
            return end + 1
        waiting = (row[0] for row in self._store.page(state.position, state.topic, 1))
        return min([end + 1, *waiting, *state.given])

    def forget_until(self, end: int) -> None:
        """Forget the entries up to `end`, which were removed."""

        def work(state: State) -> bool:
            gone = [sequence for sequence in state.given if sequence <= end]
            for sequence in gone:
                del state.given[sequence]
            return bool(gone)

        self._change(work, False)

    def _settle(
        self, deliveries: tuple[Delivery, ...], change: Callable[[State, int], object]
    ) -> None:
        lost: list[int] = []

        def work(state: State) -> bool:
            lost.clear()
            for one in deliveries:
                given = state.given.get(one.sequence)
                if given is None or given.claim != one.claim:
                    lost.append(one.sequence)
                else:
                    change(state, one.sequence)
            return len(lost) < len(deliveries)

        if not self._change(work, None) and not lost:
            lost = [one.sequence for one in deliveries]
        if lost:
            raise claim_lost(self.name, lost)

    def _change_dead(
        self, sequences: tuple[int, ...], change: Callable[[State, int], object]
    ) -> int:
        """Change the dead letters among `sequences`, or all if none is given. Return how many."""
        check_sequences(sequences)

        def work(state: State) -> int:
            dead = state.dead(self._store.clock(), sequences)
            for one in dead:
                change(state, one)
            return len(dead)

        return self._change(work, 0)

    def _change(self, work: Callable[[State], T], without: T | None) -> T:
        """Return the result of `work`, after storing the state that it has changed.

        Nothing is stored if the result is false. `work` is called again if another client has
        changed the state meanwhile. Return `without` if the consumer does not exist.
        """
        while True:
            state, revision = self._load()
            if state is None:
                return without  # type: ignore[return-value]
            result = work(state)
            if not result or self._save(state, revision):
                return result

    def _load(self) -> tuple[State | None, int]:
        message = self._store.load(self.name)
        return (None, 0) if message is None else (_decode(message.body), message.sequence)

    def _save(self, state: State, revision: int) -> bool:
        """Store the state. Return False if another client has changed it since it was read."""
        subject = self._store.consumer_subject(self.name)
        body = msgspec.json.encode(state)
        return self._store.put(subject, body, {EXPECTED: str(revision)}) is not None


def states(store: Store) -> list[tuple[str, State]]:
    """Return the names of all consumers of a log, and their states."""
    loaded = [(name, store.load(name)) for name in store.names()]
    return [(name, _decode(message.body)) for name, message in loaded if message]
