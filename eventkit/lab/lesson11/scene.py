"""Where an attack takes place, and the ways of its messages: what the console draws."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Place = Literal["ann", "client", "line", "door", "house", "disk", "reach", "attacker"]
"""From Ann to the house's disk. A guard stands in her client, at the door, or within the attacker's
reach: between him and what he wants to read.
"""

NAMES: dict[Place, str] = {
    "ann": "Ann",
    "client": "her client",
    "line": "the line",
    "door": "the door",
    "house": "the house",
    "disk": "its disk",
    "reach": "within reach",
    "attacker": "the attacker",
}


class Scene(NamedTuple):
    """The attacker's place, the guard's, and the place where the first message begins."""

    attacker: Place
    guard: Place
    begins: Place


class Route(NamedTuple):
    """Where a message was seen, in this order. If it was stopped, the last place is the guard's;
    `altered` says that the attacker had changed it.
    """

    places: tuple[Place, ...]
    stopped: bool = False
    altered: bool = False

    def words(self, guard: str) -> str:
        """Return the way in one line."""
        way = " → ".join(NAMES[place] for place in self.places)
        changed = ", altered" if self.altered else ""
        return f"{way}{changed}: " + (f"✗ stopped, {guard}" if self.stopped else "✓ arrived")

    def drawn(self) -> dict[str, Any]:
        """Return the way as the picture's script reads it."""
        return {"places": list(self.places), "stopped": self.stopped, "altered": self.altered}
