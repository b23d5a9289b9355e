"""Checks of events before they are written as JSON, and of JSON before it is read.

All encoders and decoders share these checks, so a decoder reads whatever an encoder accepts. The
checks do not recurse: data nested too deeply raises an error on any thread.
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
"""The most levels of nested lists and objects in an event's data.

msgspec recurses. The depth it can handle depends on the Python version, the caller and the thread's
stack: with a stack of 256 KiB, some versions crash at 800 levels.
"""

_CALLED = {
    "id": "an event's id (its source and id identify it)",
    "source": "an event's source (its source and id identify it)",
    "subject": "an event's key (its subject)",
}
_LEAVES = frozenset({str, int, bool, type(None)})  # types without contents to check
_STRINGS = frozenset({str})
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class TooDeep(ValueError, RecursionError):
    """Raised for more levels than `DEPTH`. Also a RecursionError, which encoders raise."""


def check_data(data: Any) -> None:
    """Raise TypeError or ValueError (such as TooDeep) for data that JSON cannot represent.

    That is NaN and infinity, bytes, keys that are not strings, and more than `DEPTH` nested lists
    and objects. Tuples, sets, dates, enums and dataclasses are accepted, and decoded as JSON's
    lists, strings and objects. Other types are left to the encoder: it writes some, such as
    Decimal, as strings and refuses the rest. Text that is not valid Unicode, and integers of more
    than 4,300 digits, are found when writing or reading.
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
    """Raise TooDeep if this JSON text has more than `depth` levels of nested lists and objects.

    A whole CloudEvent is one level deeper than its data. Text that is not valid JSON may pass.
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


def check_text(name: str, value: object, *, required: bool) -> None:
    if value is msgspec.UNSET and not required:
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
    """Return True for the most frequent case, a dict of strings, integers, booleans and None."""
    return _LEAVES.issuperset(map(type, data.values())) and _STRINGS.issuperset(map(type, data))


def _containers(level: Iterable[Collection[Any]]) -> Iterable[Any]:
    """Return the nested items that may have contents, each once. Raise ValueError for NaN."""
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
    """Return the contents of `item` as msgspec writes them. None: it is not a collection."""
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
    attributes = getattr(type(item), "__attrs_attrs__", None)  # the attrs package
    return None if attributes is None else [one.name for one in attributes]
