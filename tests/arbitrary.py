"""Arbitrary events, most of them sound and many of them not, for tests of every entry.

`event(random)` makes one, and `as_read(data)` is what such data is after a journey through JSON.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import msgspec

import eventkit as ek

_TEXT = ("a", "order.paid", "ü", "😀", "\0", "\u2028", '"\\', "]}", "x" * 300, "NaN", "\x7f")
_NUMBERS = (0, -1, 2**53, 2**63, 2**64, -(2**64), 10**300, 0.0, -0.0, 0.1, 5e-324, 1.7e308, 1e22)
_ODD = (math.nan, math.inf, -math.inf, object(), "\ud800", 10**5000, -(10**4299), 1j, msgspec.UNSET)
_MOMENT = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)


def event(random: Random) -> ek.Event | ek.CloudEvent:
    """Return an event whose attributes may be of any kind."""
    return _event(random) if random.random() < 0.6 else _cloud_event(random)


def data(random: Random) -> Any:
    """Return arbitrary data, a tenth of it bytes and a tenth of it nested deeply."""
    chance = random.random()
    if chance < 0.1:
        return random.randbytes(random.randrange(20))
    if chance < 0.2:
        return _nested(random, random.randrange(130))
    return _value(random, 3)


def as_read(value: Any) -> Any:
    """Return `value` as JSON has it: tuples are lists."""
    if isinstance(value, list | tuple):
        return [as_read(one) for one in value]
    if isinstance(value, dict):
        return {key: as_read(one) for key, one in value.items()}
    return value


def _event(random: Random) -> ek.Event:
    fields: dict[str, Any] = {}
    if random.random() < 0.1:
        fields["time"] = random.choice((0, -1, 10**18, -(10**18), 10**30, math.nan, 1.5, None, "1"))
    if random.random() < 0.1:
        number = random.getrandbits(62)  # not one that was there before
        fields["id"] = random.choice((number, -number, 2**70 + number, f"ü{number}", ""))
    return ek.Event("a.b", data(random), key=_name(random), **fields)


def _cloud_event(random: Random) -> ek.CloudEvent:
    fields: dict[str, Any] = {"id": str(random.random()), "source": "/other", "type": "a.b"}
    fields[random.choice(("data", "data_base64"))] = data(random)
    for name in ("id", "source", "subject", "cause", "type", "specversion"):
        if random.random() < 0.05:
            fields[name] = _name(random)
    if isinstance(fields["id"], str) and fields["id"]:
        fields["id"] += str(random.getrandbits(62))
    if random.random() < 0.5:
        fields["time"] = _time(random)
    return ek.CloudEvent(**fields)


def _name(random: Random) -> Any:
    if random.random() < 0.9:
        return random.choice((None, *_TEXT))
    return random.choice(("", 0, 42, 1.5, True, b"k", "\ud800", ("k",), object()))


def _time(random: Random) -> Any:
    zone = timezone(timedelta(minutes=random.randrange(-1439, 1440)))
    odd_zone = timezone(timedelta(seconds=random.randrange(-86399, 86400)))
    moment = _MOMENT + timedelta(microseconds=random.randrange(-(10**15), 10**15))
    return random.choice(
        (moment, moment.astimezone(zone), moment.astimezone(odd_zone), moment.replace(tzinfo=None),
         datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone), "2026-11-28", 5)
    )  # fmt: skip


def _value(random: Random, levels: int) -> Any:
    chance = random.random()
    if levels and chance < 0.2:
        return [_value(random, levels - 1) for _ in range(random.randrange(5))]
    if levels and chance < 0.4:
        return {_key(random): _value(random, levels - 1) for _ in range(random.randrange(5))}
    if levels and chance < 0.45:
        return (_value(random, levels - 1),)
    if chance < 0.47:
        return random.choice(_ODD)
    return random.choice((None, True, False, random.random(), *_NUMBERS, *_TEXT))


def _key(random: Random) -> Any:
    if random.random() < 0.02:
        return random.choice((1, None, 1.5, True, b"k", ("k",)))
    return random.choice((*_TEXT, "", "1", "null"))


def _nested(random: Random, levels: int) -> Any:
    value: Any = random.choice((1, None, [], {}, "]", "}"))
    for _ in range(levels):
        value = random.choice(([value], {"[{": value}, (value,), [1, value, "["]))
    return value
