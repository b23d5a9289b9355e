"""Exceptions travel: each can be pickled and copied, as between processes it must be."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

import eventkit as ek

SAMPLES: dict[str, tuple[Any, ...]] = {
    "eventkit.errors.QueueFull": (ek.Event("a", 1), "it is full and refused"),
    "eventkit.errors.HandlersFailed": ("two of them", [ValueError("one"), KeyError("other")]),
    "eventkit.errors.DrainTimeout": (0.5, ["a handler"]),
    "eventkit.errors.Conflict": ("a", 3, 4),
    "eventkit.errors.Held": ("counter", 1.5),
    "eventkit.https.incoming.Refused": (401, "who are you?", {"Allow": "POST"}),
    "eventkit.nats.log.connection.Refused": ({"description": "no", "err_code": 10071},),
}  # of those that are not made of a text alone


PROGRAMS = (".__main__", ".lifeline")  # which begin to run when they are imported


def public_exceptions() -> dict[str, type[BaseException]]:
    """Every exception class that a module of the package has under a public name."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(ek.__path__, "eventkit."):
        if module.name.endswith(PROGRAMS):
            continue
        for name, thing in vars(importlib.import_module(module.name)).items():
            is_ours = inspect.isclass(thing) and thing.__module__ == module.name
            if is_ours and issubclass(thing, BaseException) and not name.startswith("_"):
                found[f"{module.name}.{name}"] = thing
    return found


def through_pickle(error: BaseException) -> Any:
    return pickle.loads(pickle.dumps(error))


WAYS: list[Callable[[BaseException], Any]] = [through_pickle, copy.copy, copy.deepcopy]


def test_those_that_users_meet_are_among_them() -> None:
    exported = [getattr(ek, name) for name in dir(ek)]
    exceptions = [one for one in exported if inspect.isclass(one) and issubclass(one, Exception)]
    assert {*exceptions} <= {*public_exceptions().values()}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_exceptions_come_through_whole(way: Callable[[BaseException], Any]) -> None:
    exceptions = public_exceptions()
    assert len(exceptions) > 20
    for name, kind in exceptions.items():
        error = kind(*SAMPLES.get(name, ("what went wrong",)))
        error.add_note("said later")
        other = way(error)
        assert type(other) is kind
        assert str(other) == str(error)
        assert contents(other) == contents(error), name


def contents(error: BaseException) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(error).items()}
