"""Finding: what is wrong with a submission. Facts: what it was seen to do."""

from __future__ import annotations

from typing import Any, NamedTuple

Facts = dict[str, Any]
HANGS = "it hangs"


class Finding(NamedTuple):
    """What is wrong: what was expected, what was seen, and where to look."""

    expected: str
    seen: str
    look_at: str
