"""Forks: objects that hold locks or threads start over in a child process."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

_process = os.urandom(6).hex()


def process_id() -> str:
    """Return an id of this process that no other process has, now or later."""
    return _process


class Renewable(Protocol):
    """An object with locks or threads that the child of a fork cannot use."""

    def renew(self) -> None: ...


_renewable: set[weakref.ref[Renewable]] = set()  # callbacks of a WeakSet swallow interrupts


def renew_in_child(thing: Renewable) -> None:
    """Call `thing.renew()` in the child of each fork, for as long as `thing` exists."""
    _renewable.add(weakref.ref(thing, _renewable.discard))


def _renew_all() -> None:
    global _process
    _process = os.urandom(6).hex()
    for reference in list(_renewable):
        if (thing := reference()) is not None:
            thing.renew()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_all)
