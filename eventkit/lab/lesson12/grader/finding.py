"""Finding: what is wrong with a submission. Facts: what a scenario saw it do."""

from __future__ import annotations

from typing import Any, NamedTuple

Facts = dict[str, Any]
HANGS = "it hangs"


class Finding(NamedTuple):
    """A fault: what was expected, what was seen, and where to look."""

    expected: str
    seen: str
    look_at: str
