"""What may go over a wire or into a log: checks made before JSON is written, and before it is read.

Every entry uses the same checks, so that what an encoder accepts its decoder can read, and reads as
the same value. They do not recurse: data of any depth is refused with an error, on any thread.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from typing import Any

import msgspec

DEPTH = 100
"""How many lists and objects may lie in each other in an event's data.

msgspec recurses. How deep it can go depends on the Python version, on the caller and on the
thread's stack: with 256 KiB some Pythons crash at 800 levels.
"""

_CALLED = {
    "id": "an event's id (its source and id identify it)",
    "source": "an event's source (its source and id identify it)",
    "subject": "an event's key (its subject)",
}
_LEAVES = frozenset({str, int, bool, type(None)})  # need no look inside
_STRINGS = frozenset({str})
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class TooDeep(ValueError, RecursionError):
    """More levels than `DEPTH`. A RecursionError as well: that is what encoders raise."""


def check_data(data: Any) -> None:
    """Raise TypeError or ValueError (TooDeep is one) unless JSON can keep `data`.

    Refused are NaN and infinity, bytes, keys that are not strings, and more than `DEPTH` lists and
    objects in each other. Tuples, sets, dates, enums and dataclasses are accepted, and read as the
    lists, strings and objects that JSON has. What JSON has no form for, the encoder refuses.
    """
    if type(data) in _LEAVES or (type(data) is dict and _is_flat(data)):
        return
    level: list[Collection[Any]] = [[data]]
    for _ in range(DEPTH + 1):
        level = [inner for one in _containers(level) if (inner := _contents(one)) is not None]
        if not level:
            return
    raise TooDeep(
        f"data has more than {DEPTH} levels of lists and objects, or contains itself: make it "
        "flatter, or store it elsewhere and say in the event where."
    )


def check_json(raw: bytes | str, depth: int = DEPTH) -> None:
    """Raise TooDeep if this JSON text has more than `depth` lists and objects in each other.

    A whole CloudEvent is one level deeper than its data. Texts that are no JSON may pass.
    """
    text = raw if isinstance(raw, bytes) else raw.encode(errors="replace")
    if text.count(b"[") + text.count(b"{") <= depth:
        return
    brackets = _STRING.sub(b"", text).translate(_AS_LISTS, _NO_BRACKETS)
    too_deep = b"[" * (depth + 1)
    for _ in range(depth):
        if not brackets or too_deep in brackets:
            break
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    if brackets:
        raise TooDeep(f"this JSON has more than {depth} levels, or brackets without partners.")


def check_text(name: str, value: object, *, needed: bool) -> None:
    if value is msgspec.UNSET and not needed:
        return
    called = _CALLED.get(name, name)
    if not isinstance(value, str):
        raise TypeError(f"{called} is a string; got {value!r}.")
    if not value:
        raise ValueError(f"{called} is a string that is not empty.")


def check_time(time: object) -> None:
    if not isinstance(time, datetime):
        raise TypeError(f"time is a datetime; got {time!r}.")
    if time.tzinfo is UTC:
        return
    written = msgspec.json.encode(time)
    if time.utcoffset() is None or msgspec.json.decode(written, type=datetime) != time:
        raise ValueError(f"time needs an offset from UTC in whole minutes; got {time!r}.")


def _is_flat(data: dict[Any, Any]) -> bool:
    """Return True if nothing in this needs a closer look: the usual case, found out quickly."""
    return _LEAVES.issuperset(map(type, data.values())) and _STRINGS.issuperset(map(type, data))


def _containers(level: Iterable[Collection[Any]]) -> Iterable[Any]:
    """Return what in these collections has contents itself, each once. Raise for NaN."""
    found = {}
    for items in level:
        if _LEAVES.issuperset(map(type, items)):
            continue
        for item in items:
            if type(item) is float:
                if not isfinite(item):
                    raise ValueError(f"JSON has no {item!r}: send None, or a string.")
            elif type(item) not in _LEAVES:
                found[id(item)] = item
    return found.values()


def _contents(item: Any) -> Collection[Any] | None:
    """Return what lies inside of `item` when msgspec writes it; None if that is no collection."""
    if isinstance(item, dict):
        for key in item:
            if not isinstance(key, str):
                raise TypeError(f"keys in JSON are strings; got {key!r}. Use str({key!r}).")
        return item.values()
    if isinstance(item, list | tuple | set | frozenset):
        return item
    if isinstance(item, Enum):
        return [item.value]
    if isinstance(item, bytes | bytearray | memoryview):
        raise TypeError("JSON has no bytes: send them as all of an event's data, or as a string.")
    if isinstance(item, msgspec.Raw):
        raise TypeError("data is a value and not msgspec.Raw: decode it first.")
    names = _field_names(item)
    return None if names is None else [getattr(item, name, None) for name in names]


def _field_names(item: Any) -> Iterable[str] | None:
    if isinstance(item, msgspec.Struct):
        return item.__struct_fields__
    if dataclasses.is_dataclass(item):
        return [field.name for field in dataclasses.fields(item)]
    attributes = getattr(type(item), "__attrs_attrs__", None)  # of the package attrs
    return None if attributes is None else [one.name for one in attributes]
