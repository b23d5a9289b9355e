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
    "QueueFull": (ek.Event("a", 1), "it is full and refused"),
    "HandlersFailed": ("two of them", [ValueError("one"), KeyError("other")]),
    "DrainTimeout": (0.5, ["a handler"]),
}  # of those that are not made of a text alone


def public_exceptions() -> dict[str, type[BaseException]]:
    """Every exception class that a module of the package has under a public name."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(ek.__path__, "eventkit."):
        if module.name.endswith("__main__"):
            continue
        for name, thing in vars(importlib.import_module(module.name)).items():
            is_ours = inspect.isclass(thing) and thing.__module__ == module.name
            if is_ours and issubclass(thing, BaseException) and not name.startswith("_"):
                found[f"{module.name}.{name}"] = thing
    return found


def through_pickle(error: BaseException) -> Any:
    return pickle.loads(pickle.dumps(error))


EXCEPTIONS = public_exceptions()
WAYS: list[Callable[[BaseException], Any]] = [through_pickle, copy.copy, copy.deepcopy]


def test_those_that_users_meet_are_among_them() -> None:
    listed = {name for name in ek.__all__ if _is_exception(getattr(ek, name))}
    assert listed <= {kind.__name__ for kind in EXCEPTIONS.values()}


def _is_exception(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_comes_through_whole(
    kind: type[BaseException], way: Callable[[BaseException], Any]
) -> None:
    error = kind(*SAMPLES.get(kind.__name__, ("what went wrong",)))
    error.add_note("said later")
    other = way(error)
    assert type(other) is kind
    assert str(other) == str(error)
    assert vars(other).keys() == vars(error).keys()
    assert {name: repr(value) for name, value in vars(other).items()} == {
        name: repr(value) for name, value in vars(error).items()
    }
