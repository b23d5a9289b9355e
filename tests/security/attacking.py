"""The description of an attack: what it tries, how it is refused, and how to remove its guard."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from eventkit.https.server import TLS_FAILED
from tests.secured import Answer, House

Taking = Callable[[House, pytest.MonkeyPatch], object]
Met = int | type[Exception] | tuple[type[Exception], ...]


class Refusal(Exception):
    """An attack was refused with an HTTP status."""


class Attack(NamedTuple):
    """One attack, and how to remove the guard against it.

    `tries` returns True if the attack succeeded, and raises the errors it meets. `refused` is the
    HTTP status or error expected with the guard. `recorded` returns True if the refusal was
    recorded. `without` and `options_without` remove the guard.
    """

    layer: str
    tries: Callable[[House], bool]
    refused: Met
    without: Taking
    options: dict[str, Any]
    options_without: dict[str, Any]

    def recorded(self, house: House, log: list[logging.LogRecord]) -> bool:
        if isinstance(self.refused, int):
            return self.refused in house.recorded
        if self.layer == "tls":
            return TLS_FAILED in house.recorded
        if self.layer == "nats":
            return house.nats_has_noted or any(one.name == "eventkit" for one in log)
        return len(house.bus.dead_letters if self.layer == "message" else house.denials) > 0


ATTACKS: dict[str, Attack] = {}


def attack(
    layer: str,
    refused: Met,
    without: Taking = lambda house, patch: None,
    options: dict[str, Any] | None = None,
    options_without: dict[str, Any] | None = None,
) -> Callable[[Callable[[House], bool]], Callable[[House], bool]]:
    """Add the decorated function to the table of attacks, under its name."""

    def register(tries: Callable[[House], bool]) -> Callable[[House], bool]:
        ATTACKS[tries.__name__] = Attack(
            layer, tries, refused, without, options or {}, options_without or {}
        )
        return tries

    return register


def patched(*changes: tuple[Any, str, Any]) -> Taking:
    """Return a function that removes a guard by patching something lax in its place."""

    def take_away(house: House, patch: pytest.MonkeyPatch) -> None:
        for where, name, value in changes:
            patch.setattr(where, name, value)

    return take_away


def always(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


def met(answer: Answer | int) -> None:
    """Raise Refusal for a status of 400 or more."""
    status = answer if isinstance(answer, int) else answer.status
    if status >= 400:
        raise Refusal(status)
