"""The audit of the house as a table."""

from __future__ import annotations

from collections.abc import Iterable

from ...event import Event
from ..course.session import Table


def audit_table(audit: Iterable[Event]) -> Table:
    """Return a row for each audit event: who was refused, and what."""
    return Table(["audit event", "who", "what"], [_row(event) for event in audit])


def _row(event: Event) -> list[str]:
    record = event.data
    why = f"{record.status} {record.reason}" if event.topic == "audit.refused" else record.topic
    return [event.topic, record.principal or "an unknown client", why]
