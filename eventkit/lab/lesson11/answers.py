"""What ciphers and servers answer to the same attacks, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...event import CloudEvent
from ..course.session import Table
from .broken_ciphers import Opens, refusal


def opened(cipher: Opens, events: Mapping[str, CloudEvent]) -> dict[str, str]:
    """Return by name whether a cipher opens each event, or the error with which it refuses it."""
    return {name: refusal(cipher, event) or "opens" for name, event in events.items()}


def answers_table(what: str, answers: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table with a row for each attack and a column for each defence."""
    attacks = next(iter(answers.values()))
    rows = [[name, *(column[name] for column in answers.values())] for name in attacks]
    return Table([what, *answers], rows)
