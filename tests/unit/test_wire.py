"""What may go over a wire or into a log."""

from __future__ import annotations

import dataclasses
import enum
import math
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import msgspec
import pytest

import eventkit as ek
from eventkit.event import check_cloud_event, check_event, to_cloud
from eventkit.wire import DEPTH, check_data, check_json
from tests import arbitrary


class Struct(msgspec.Struct):
    value: Any


@dataclasses.dataclass
class Record:
    value: Any


class Choice(enum.Enum):
    SOUND = "sound"
    UNSOUND = math.nan


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner,),
    "object": lambda inner: {"key": inner},
    "struct": Struct,
    "dataclass": Record,
}


def nested(wrap: Callable[[Any], Any], levels: int, inner: Any = 1) -> Any:
    for _ in range(levels):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("inner", [1, "]", None, datetime(2026, 1, 1, tzinfo=UTC)])
def test_data_may_be_as_deep_as_the_limit_and_no_deeper(
    wrap: Callable[[Any], Any], inner: Any
) -> None:
    deepest = nested(wrap, DEPTH, inner)
    check_data(deepest)
    check_json(msgspec.json.encode(deepest))
    with pytest.raises(ValueError, match=str(DEPTH)):
        check_data(wrap(deepest))
    with pytest.raises(ValueError, match=str(DEPTH)):
        check_json(msgspec.json.encode(wrap(deepest)))


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("levels", [0, 1, 2, DEPTH // 2, DEPTH - 1])
@pytest.mark.parametrize(
    "wrong",
    [math.nan, math.inf, -math.inf, {1: "a"}, {None: 1}, {True: 1}, {1.5: 1}, {b"a": 1},
     {"1": "a", 1: "b"}, b"a", bytearray(b"a"), Choice.UNSOUND,
     pytest.param(msgspec.Raw(b"[["), id="raw")],
    ids=str,
)  # fmt: skip
def test_what_json_would_change_is_found_at_every_depth(
    wrap: Callable[[Any], Any], levels: int, wrong: Any
) -> None:
    with pytest.raises((TypeError, ValueError), match=r"JSON|levels|Raw"):
        check_data(nested(wrap, levels, wrong))


@pytest.mark.parametrize(
    "right", [None, True, "", 1.5, [], {}, {"a": [1, {"b": (2.5,)}]}, Choice.SOUND, {1, 2}]
)
def test_what_json_can_keep_is_accepted(right: Any) -> None:
    check_data(right)


def test_data_that_contains_itself_is_refused() -> None:
    twice: list[Any] = []
    twice += [twice, twice]
    with pytest.raises(ValueError, match="itself"):
        check_data(twice)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ('["[[[[", {"}": "\\"[["}]', 2),
        ('"[[[["', 0),
        ('{"a":[]},{"b":[]}', 2),
        ('["\\\\",["\\\\\\"]"]]', 2),
        ('["é[", ["ü]"]]', 2),
    ],
)
def test_brackets_in_strings_are_no_levels(text: str, levels: int) -> None:
    for raw in (text, text.encode()):
        check_json(raw, levels)
        if levels:
            with pytest.raises(ValueError, match="levels"):
                check_json(raw, levels - 1)


@pytest.mark.parametrize("text", ['"\\"' * 200_000 + "[" * 200, "[" * 400_000, '{"' * 200_000])
def test_a_text_made_to_take_long_takes_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="levels"):
        check_json("[" * 200 + text)


def sound(**changed: Any) -> ek.CloudEvent:
    return ek.CloudEvent(**({"id": "1", "source": "/a", "type": "a.b"} | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 1}, {"id": ""}, {"id": None}, {"source": b"/a"}, {"source": ""}, {"type": 5},
        {"subject": 42}, {"subject": 0}, {"subject": ""}, {"subject": None}, {"cause": 7},
        {"specversion": "0.3"}, {"time": "2026-01-01T00:00:00Z"}, {"time": 5}, {"time": None},
        {"time": datetime(2026, 1, 1)},
        {"time": datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=30)))},
        {"data": math.nan}, {"data": object, "data_base64": b""}, {"data_base64": "YQ=="},
    ],
    ids=str,
)  # fmt: skip
def test_attributes_that_would_not_be_read_as_they_are_are_refused(changed: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        check_cloud_event(sound(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"subject": "k", "cause": "7"}, {"data": [1.5]}, {"data_base64": b""},
        {"time": datetime(2026, 1, 1, tzinfo=UTC)},
        {"time": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))},
    ],
    ids=str,
)  # fmt: skip
def test_sound_attributes_are_accepted(changed: Any) -> None:
    check_cloud_event(sound(**changed))


def test_the_deepest_data_is_written_and_read_on_a_small_stack(tmp_path: Any) -> None:
    program = """
        import sys, threading
        import eventkit as ek
        from eventkit.wire import DEPTH

        def nested(levels):
            data = 1
            for level in range(levels):
                data = [data] if level % 2 else {"a": data}
            return data

        # Kept to the end, since Python 3.13 itself crashes if it frees them on a small stack.
        too_deep = [nested(levels) for levels in (DEPTH + 1, 10_000, 100_000)]

        def work(log):
            log.append(ek.Event("a", nested(DEPTH)))
            for data in too_deep:
                try:
                    log.append(ek.Event("a", data))
                except ValueError as problem:
                    print("refused")
            print([entry.data == nested(DEPTH) for entry in log.read()])

        with ek.open_log(sys.argv[1]) as log:
            threading.stack_size(256 * 1024)
            worker = threading.Thread(target=work, args=[log])
            worker.start()
            worker.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "log.db")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.split("\n")[:-1] == [*["refused"] * 3, "[True]"], done.stderr


def test_an_event_is_refused_exactly_when_its_cloud_event_would_be() -> None:
    random, refused = Random(16), 0
    for _ in range(3_000):
        event = arbitrary.event(random)
        if isinstance(event, ek.Event) and type(event.time) is int and abs(event.time) < 10**18:
            problem = problem_of(check_event, event)
            refused += problem is not None
            if event.key != "" and event.data is not msgspec.UNSET:  # left out of CloudEvents
                wire = to_cloud(event, "/here")
                assert type(problem) is type(problem_of(check_cloud_event, wire)), (event, problem)
            else:
                assert problem is not None
    assert refused > 100


def problem_of(check: Callable[[Any], None], event: Any) -> Exception | None:
    try:
        check(event)
    except (TypeError, ValueError) as problem:
        return problem
    return None
