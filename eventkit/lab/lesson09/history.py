"""A counter's history in a log, and the state after any of its events, by two projections."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from ...log import Entry, EventLog

PATTERN = "counter.>"
CLICKED = "counter.clicked"
RESET = "counter.reset"
THRESHOLD = 10


class Count(NamedTuple):
    """What the counter of lesson 02 knows: the count, and how often it reached the threshold."""

    value: int = 0
    reached: int = 0


def counted(state: Count, entry: Entry) -> Count:
    """One projection: the counter after this entry."""
    if entry.topic == RESET:
        return Count(0, state.reached)
    count = state.value + entry.data["count"]
    return Count(count, state.reached + (state.value < THRESHOLD <= count))


def pressed(presses: Mapping[str, int], entry: Entry) -> Mapping[str, int]:
    """Another: how many events came from each button."""
    name = "Reset" if entry.topic == RESET else entry.data["button"]
    return {**presses, name: presses.get(name, 0) + 1}


class Moment(NamedTuple):
    """Both states after the event with this sequence. One that is kept is a snapshot."""

    sequence: int = 0
    counter: Count = Count()
    presses: Mapping[str, int] = {}

    def after(self, entry: Entry) -> Moment:
        presses = pressed(self.presses, entry)
        return Moment(entry.sequence, counted(self.counter, entry), presses)


class Rebuilt(NamedTuple):
    """A moment, the event that led to it, and what it took: the snapshot's sequence, and how many
    entries were read after it.
    """

    moment: Moment = Moment()
    entry: Entry | None = None
    since: int = 0
    read: int = 0


class History:
    """Follows a log by `grow`, and rebuilds by `at` what was true after any event. Keeps a
    snapshot every `every` events, so that no rebuild reads more than that. For one thread.
    """

    def __init__(self, log: EventLog, every: int = 20) -> None:
        self.log = log
        self.every = every
        self.counts: list[tuple[int, int]] = [(0, 0)]  # (sequence, count), for the picture
        self._newest = Moment()
        self._snapshots = [self._newest]

    @property
    def last(self) -> int:
        """The newest sequence that is known."""
        return self._newest.sequence

    def grow(self) -> None:
        """Read what has been appended since the last time."""
        for entry in self.log.read(self.last, PATTERN):
            self._newest = self._newest.after(entry)
            self.counts.append((entry.sequence, self._newest.counter.value))
            if (len(self.counts) - 1) % self.every == 0:
                self._snapshots.append(self._newest)

    def at(self, sequence: int) -> Rebuilt:
        """What was true after the event of that sequence, or the last one before it."""
        place = bisect_right(self._snapshots, sequence, key=lambda one: one.sequence)
        moment, read = self._snapshots[place - 1], 0
        since = moment.sequence
        for entry in self.log.read(since, PATTERN, limit=sequence - since):
            if entry.sequence > sequence:
                break
            moment, read = moment.after(entry), read + 1
        return Rebuilt(moment, self._entry(moment.sequence), since, read)

    def after(self, sequence: int) -> int:
        """The sequence of the next event of the counter; the last one, if there is none."""
        place = bisect_right(self.counts, sequence, key=lambda one: one[0])
        return self.counts[place][0] if place < len(self.counts) else self.last

    def _entry(self, sequence: int) -> Entry | None:
        """The event of that sequence, which a snapshot does not hold."""
        return next(iter(self.log.read(sequence - 1, limit=1)), None) if sequence else None
