"""Finding: what is wrong with a submission. Facts: what a scenario saw it do."""

from __future__ import annotations

from typing import Any, NamedTuple

Facts = dict[str, Any]
HANGS = "it hangs"
THE_FILE = "the file itself"


class Finding(NamedTuple):
    """A fault: what was expected, what was seen, and where to look."""

    expected: str
    seen: str
    look_at: str

    @property
    def is_of_the_file(self) -> bool:
        """True if the file could not even be read to its end, so that nothing in it was run."""
        return THE_FILE in self.look_at
