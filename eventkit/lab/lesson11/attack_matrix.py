"""What the tries have shown: a matrix of attacks and guards, and the sum in one line."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from ..panels.panel import BLOCKING, LISTENER
from .attacks import ATTACKS, Outcome


class Try(NamedTuple):
    """An attack that was tried, its outcome, and the number of audit events it left."""

    name: str
    guarded: bool
    outcome: Outcome
    audited: int


def cell(tries: Sequence[Try], name: str, guarded: bool) -> tuple[str, str]:
    """Return what the last try of this attack, with or without its guard, showed: words and colour.

    Without a try there is no colour.
    """
    for number, one in reversed([*enumerate(tries, 1)]):
        if (one.name, one.guarded) == (name, guarded):
            end, colour = _end(one)
            left = f", {counted(one.audited, 'audit event')}" if one.audited else ""
            return f"{end} (try {number}{left})", colour
    return "not tried", ""


def _end(one: Try) -> tuple[str, str]:
    return ("✗ got through", BLOCKING) if one.outcome.got_through else ("✓ stopped", LISTENER)


def headline(tries: Sequence[Try]) -> str:
    """Return the sum of all tries in one line."""
    if not tries:
        return "No attack yet"
    through = sum(one.outcome.got_through for one in tries) or "none"
    guards = sum(one.guarded for one in tries)
    return f"{counted(len(tries), 'attack')}, {counted(guards, 'guard')} on: {through} got through"


def counted(number: int, noun: str) -> str:
    """Return the number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def matrix(tries: Sequence[Try]) -> str:
    """Return the matrix as HTML: a row for each attack, and its guard on and off as columns."""
    heads = "".join(f"<th scope='col' {_LEFT}>{head}</th>" for head in _HEADS)
    rows = "".join(_row(tries, name) for name in ATTACKS)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


_LEFT = "style='text-align:left'"
_HEADS = ("attack", "its guard", "guard on", "guard off")


def _row(tries: Sequence[Try], name: str) -> str:
    guard = html.escape(ATTACKS[name].guard)
    ends = "".join(_cell(*cell(tries, name, guarded)) for guarded in (True, False))
    return f"<tr><th scope='row' {_LEFT}>{name}</th><td {_LEFT}>{guard}</td>{ends}</tr>"


def _cell(words: str, colour: str) -> str:
    filled = f";background:{colour};color:#000" if colour else ""
    return f"<td style='text-align:left{filled}'>{words}</td>"
