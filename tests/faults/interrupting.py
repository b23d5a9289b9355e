"""Interrupts at every place of a call: what Ctrl-C and a notebook's stop button do, without chance.

`sweep(Setting, call)` makes a setting, interrupts the call at its first place, and has the setting
check itself; then at the second place of a new setting, and so on to the end of the call. A place
is a line, or a bytecode instruction with `instructions=True`.

    class Setting:                      # anything with these three
        def call(self) -> object: ...   # what is interrupted
        def check(self) -> None: ...    # raises if something is broken now
        def close(self) -> None: ...    # always called

Left out are the instructions that leave a `with` block, and those that do nothing (a `try:` is
one): between a call and the next one the interpreter does not look for signals, so that nothing can
come in there, and what does nothing may be left out of the block that it stands in.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import gc
import inspect
import sys
import threading
import types
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol

import eventkit as ek

_PACKAGE = str(Path(ek.__file__).parent)
_USUAL = (threading, contextlib)


class Setting(Protocol):
    """One call, and how to see whether its interrupt has broken anything."""

    def call(self) -> object: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class BrokenByInterrupt(AssertionError):
    """What was found broken, and after an interrupt at which places."""


def sweep(
    make: Callable[[], Setting],
    *,
    instructions: bool = False,
    also: Collection[types.ModuleType] = (),
    step: int = 1,
) -> int:
    """Interrupt the call at every place (every `step`-th), each time in a new setting, and check.

    Places are those of eventkit, threading, contextlib and the modules in `also`. Returns how many
    there were; raises BrokenByInterrupt, which names all that broke something.
    """
    broken: list[str] = []
    place = 1
    while True:
        setting = make()
        try:
            where = interrupt(setting.call, place, instructions=instructions, also=also)
            if where is None:
                break
            problem = _problem(setting.check)
            if problem:
                broken.append(f"{where}: {problem}")
        finally:
            setting.close()
        place += step
    if broken:
        raise BrokenByInterrupt(f"{len(broken)} places of {place - 1}:\n  " + "\n  ".join(broken))
    return place - 1


def interrupt(
    call: Callable[[], object],
    place: int,
    *,
    instructions: bool = False,
    also: Collection[types.ModuleType] = (),
) -> str | None:
    """Make the call, with KeyboardInterrupt raised in this thread just before its place number
    `place`. Returns which that was, or None if the call has fewer. What the call raises
    afterwards, the interrupt or what became of it, is suppressed.
    """
    tracer = _Tracer(place, "opcode" if instructions else "line", {*_USUAL, *also})
    before = sys.gettrace()
    if instructions and (here := inspect.currentframe()):
        here.f_trace_opcodes = True  # Python 3.12 has none traced that were not asked for by now
    gc.disable()  # what it calls back is traced, too, and an interrupt there is swallowed
    sys.settrace(tracer.enter)
    try:
        call()
    except BaseException:
        if tracer.where is None:
            raise
    finally:
        sys.settrace(before)
        gc.enable()
    return tracer.where


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except BaseException as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return None


class _Tracer:
    """Counts places, and interrupts at one."""

    def __init__(self, place: int, kind: str, modules: Collection[types.ModuleType]) -> None:
        self.where: str | None = None
        self._left = place
        self._kind = kind
        self._files = {str(module.__file__) for module in modules}

    def enter(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        file = frame.f_code.co_filename
        if not (file.startswith(_PACKAGE) or file in self._files):
            return None
        frame.f_trace = self._at  # first: Python 3.13 traces no instructions without it
        frame.f_trace_opcodes = self._kind == "opcode"
        return self._at

    def _at(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        if event != self._kind or frame.f_lasti in _without_signals(frame.f_code):
            return self._at
        self._left -= 1
        if self._left:
            return self._at
        sys.settrace(None)
        code = frame.f_code
        self.where = f"{Path(code.co_filename).name}:{frame.f_lineno} ({code.co_name})"
        raise KeyboardInterrupt


@functools.cache
def _without_signals(code: types.CodeType) -> frozenset[int]:
    """Where the instructions of a code object are that call `__exit__(None, None, None)`, or do
    nothing.
    """
    instructions = [one for one in dis.get_instructions(code) if one.opname != "CACHE"]
    found = {one.offset for one in instructions if one.opname == "NOP"}
    for place in range(len(instructions) - 3):
        nones, rest = instructions[place : place + 3], instructions[place + 3 : place + 5]
        is_call = any(one.opname == "CALL" for one in rest[: 1 + (rest[0].opname == "PRECALL")])
        if is_call and all(one.opname == "LOAD_CONST" and one.argval is None for one in nones):
            found |= {one.offset for one in nones}
            found |= {one.offset for one in rest if one.opname in ("PRECALL", "CALL")}
    return frozenset(found)
