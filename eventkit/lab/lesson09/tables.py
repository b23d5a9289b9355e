"""The lesson's tables."""

from __future__ import annotations

from ...log import EventLog
from ..course.session import Table


def log_table(log: EventLog) -> Table:
    """Return a row for each entry of a log."""
    return Table(
        ["sequence", "when", "topic", "data"],
        [
            [entry.sequence, f"{entry.event.time:%H:%M}", entry.topic, entry.data or ""]
            for entry in log.read()
        ],
    )
