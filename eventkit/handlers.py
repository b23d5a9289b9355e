"""Handlers: their names, how they wait, and whether an executor can run them."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Literal, Protocol

from .event import Event

Handler = Callable[[Event], Any]

WaitsBy = Literal["await", "yield"] | None
"""How a handler lets others run while it waits: it awaits, as a coroutine function; it yields what
it waits for, as a generator function; or it does not (None)."""


class Runner(Protocol):
    """The attribute of an executor that decides which handlers it can run."""

    waits_by: WaitsBy


_KINDS = {"await": ("coroutine", "EventLoop()"), "yield": ("generator", "Selector()")}
_NOT_RUN = {
    types.CoroutineType: "a coroutine",
    types.GeneratorType: "a generator",
    types.AsyncGeneratorType: "an async generator",
}


def name_of(handler: Callable[..., Any]) -> str:
    """Return the name of a handler for messages and figures."""
    function = getattr(handler, "func", handler)  # a partial has the name of its function
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]


def waits_by(handler: Handler) -> WaitsBy:
    """Return how a handler waits: that of the function inside a `functools.partial`, or of the
    `__call__` of an object.
    """
    while isinstance(handler, functools.partial):
        handler = handler.func
    calls = (handler, type(handler).__call__)
    if any(inspect.iscoroutinefunction(call) for call in calls):
        return "await"
    return "yield" if any(inspect.isgeneratorfunction(call) for call in calls) else None


def check_handler(handler: Handler, executor: Runner) -> bool:
    """Return True if the handler waits by await or yield.

    Raises TypeError, which says what to do, if the handler cannot be called with an event or this
    executor cannot run it.
    """
    if not callable(handler):
        raise TypeError(f"a handler is a function of one argument, the event; got {handler!r}.")
    if isinstance(executor, type) or not hasattr(executor, "waits_by"):
        raise TypeError(
            f"executor is an instance such as Threads(4), or None for inline; got {executor!r}."
        )
    _check_signature(handler)
    way = waits_by(handler)
    if way and way != executor.waits_by:
        kind, other = _KINDS[way]
        raise TypeError(
            f"{name_of(handler)} is a {kind} function and {executor!r} would never {way} it. "
            f"Use executor={other}, or make it a plain function."
        )
    return way is not None


def _check_signature(handler: Handler) -> None:
    try:
        inspect.signature(handler).bind(None)
    except TypeError as problem:
        raise TypeError(
            f"handler {name_of(handler)} must take one argument, the event: {problem}."
        ) from None
    except (ValueError, SystemError):
        # No signature is known: a built-in, or two threads asked at once, which fails in some
        # versions of Python (github.com/python/cpython/issues/106905). It may take one argument.
        pass
    inner = handler.func if isinstance(handler, functools.partial) else handler
    if any(inspect.isasyncgenfunction(call) for call in (inner, type(inner).__call__)):
        raise TypeError(
            f"{name_of(handler)} is an async generator function, whose code nothing would run. "
            "Make it a coroutine function: await instead of yield."
        )


def check_returned(returned: object) -> None:
    """Raise TypeError if a handler returned a coroutine or generator, which nothing would run.

    A lambda that calls a coroutine function does that.
    """
    kind = _NOT_RUN.get(type(returned))
    if kind is None:
        return
    if isinstance(returned, types.CoroutineType | types.GeneratorType):
        returned.close()  # else Python warns that it was never awaited
    raise TypeError(
        f"the handler returned {kind}, which nothing runs, so its code has not run. Subscribe the "
        "coroutine or generator function itself, with executor=EventLoop() or Selector(), or a "
        "coroutine function that awaits it."
    )
