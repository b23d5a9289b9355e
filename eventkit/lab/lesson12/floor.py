"""Floor: where each visitor is, by what a system was seen to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..course.session import Table
from .grader.trial import FREE, ROOM

Visitor = int
DOORS = ("north", "south")


class Floor:
    """The places in the building. Each visitor is in exactly one of them.

    `hear(what, ...)` takes what the process of the system tells, `come` takes who is sent to a
    door, and `lost_process` takes that the process is gone. Of the process, only what it had told
    is known then: a visitor whom a door had accepted waits again.
    """

    def __init__(self, target: int):
        self.target = target
        self.count = self.notices = self.denied = 0
        self.answers: dict[Visitor, str] = {}
        self.at_door: list[Visitor] = []
        self.places: list[Visitor | None] = [None] * ROOM
        self.printers: list[Visitor | None] = [None] * FREE
        self.printed: list[Visitor] = []
        self.counted: list[Visitor] = []
        self.failed: list[Visitor] = []
        self.refused: list[Visitor] = []
        self.most = 0
        self._rows = (self.places, self.printers)
        self._crowds = (self.at_door, self.printed, self.counted, self.failed, self.refused)

    @property
    def doors(self) -> Counter[str]:
        """How the first report of each visitor ended: "in", or the name of the exception."""
        return Counter(self.answers.values())

    @property
    def waiting(self) -> list[Visitor]:
        """The visitors in the places."""
        return _present(self.places)

    @property
    def at_printers(self) -> list[Visitor]:
        """The visitors whose tickets are being printed."""
        return _present(self.printers)

    @property
    def unfinished(self) -> int:
        """The number of visitors who were accepted, and are neither counted nor given up."""
        over = {*self.counted, *self.failed}
        return sum(how == "in" and one not in over for one, how in self.answers.items())

    def come(self, visitor: Visitor) -> None:
        """Take a visitor who is reported at a door; one who has come before stays in place."""
        if not any(visitor in group for group in (*self._rows, *self._crowds)):
            self.at_door.append(visitor)

    def hear(self, what: str, *told: Any) -> None:
        """Take what the process tells. What has no place on the floor is ignored."""
        match what, *told:
            case "door", who, _, int(visitor), came if who in DOORS:
                self._answer(visitor, came)
            case "began", int(visitor):
                self._put(visitor, self.printers)
                self.most = max(self.most, len(self.at_printers))
            case "printed", int(visitor):
                self._add(visitor, self.printed)
            case "jammed", int(visitor):
                self._put(visitor, self.places)
            case topic, data:
                self._hear_event(topic, data)

    def lost_process(self) -> None:
        """Take back to the places everyone whose ticket was being printed."""
        for visitor in self.at_printers:
            self._put(visitor, self.places)

    def in_words(self) -> str:
        """Return what became of those who were accepted."""
        printed = f"{len(self.printed)} with a ticket and not yet counted, " if self.printed else ""
        return (
            f"{self.doors['in']} accepted: {len(self.waiting)} waiting, "
            f"{len(self.at_printers)} at the printers, {printed}{len(self.counted)} counted, "
            f"{len(self.failed)} given up."
        )

    def table(self) -> Table:
        """Return who is where, as a table."""
        lines = [[name, len(who), ranges(who)] for name, who in self._who_is_where()]
        lines += [
            ["at the printers, at most", self.most, ""],
            ["count on the screen", self.count, ""],
            [f"notice that {self.target} is reached", self.notices, ""],
            ["denied", self.denied, ""],
        ]
        return Table(["what", "how many", "visitors"], lines)

    def frame(self) -> dict[str, Any]:
        """Return what the picture shows."""
        return {
            "atDoor": self.at_door, "places": self.places, "printers": self.printers,
            "printed": self.printed, "counted": self.counted, "failed": self.failed,
            "refused": self.refused, "room": ROOM,
        }  # fmt: skip

    def _who_is_where(self) -> list[tuple[str, list[Visitor]]]:
        refusals = sorted({"QueueFull", *self.doors} - {"in"})
        return [
            ("at a door, without an answer", self.at_door),
            ("came in", self._answered("in")),
            *((f"refused: {how}", self._answered(how)) for how in refusals),
            ("waiting", self.waiting),
            ("at the printers", self.at_printers),
            ("ticket printed, not counted yet", self.printed),
            ("counted", self.counted),
            ("given up", self.failed),
        ]

    def _answered(self, how: str) -> list[Visitor]:
        return [one for one, came in self.answers.items() if came == how]

    def _hear_event(self, topic: str, data: Any) -> None:
        match topic, data:
            case "count.changed", {"count": int(count), "visitor": int(visitor)}:
                self.count = count
                self._add(visitor, self.counted)
            case "visitor.failed", {"visitor": int(visitor)}:
                self._add(visitor, self.failed)
            case "notice.full", _:
                self.notices += 1
            case "audit.denied", _:
                self.denied += 1

    def _answer(self, visitor: Visitor, came: str) -> None:
        if visitor in self.answers:
            return
        self.answers[visitor] = came
        if visitor in self.at_door:  # an accepted visitor may have moved on before fire returned
            if came == "in":
                self._put(visitor, self.places)
            else:
                self._add(visitor, self.refused)

    def _put(self, visitor: Visitor, row: list[Visitor | None]) -> None:
        """Give a visitor the first free place in a row, which grows if there is none."""
        self._leave(visitor)
        if None in row:
            row[row.index(None)] = visitor
        else:
            row.append(visitor)

    def _add(self, visitor: Visitor, crowd: list[Visitor]) -> None:
        self._leave(visitor)
        crowd.append(visitor)

    def _leave(self, visitor: Visitor) -> None:
        for row, size in zip(self._rows, (ROOM, FREE), strict=True):
            if visitor in row:
                row[row.index(visitor)] = None
                while len(row) > size and row[-1] is None:
                    row.pop()
        for crowd in self._crowds:
            if visitor in crowd:
                crowd.remove(visitor)


def ranges(visitors: Iterable[Visitor]) -> str:
    """Return numbers in words, such as "1–3, 7"."""
    found: list[list[int]] = []
    for one in sorted(visitors):
        if found and one == found[-1][1] + 1:
            found[-1][1] = one
        else:
            found.append([one, one])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in found)


def _present(row: list[Visitor | None]) -> list[Visitor]:
    return [one for one in row if one is not None]
