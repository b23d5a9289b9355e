"""What runs in a worker process of `Processes`: one event after another, until the parent ends."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from contextvars import Context
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from ..event import Event
from ..handlers import Handler, check_returned, name_of

Answer = tuple[Any, BaseException | None, str]
"""What the handler returned; or what it raised, with the traceback's text."""


def work(pipe: Connection, lifeline: Connection, parent: int) -> None:
    """Answer each request on `pipe`. Ends with the parent process, in the middle of a handler
    if need be.
    """
    threading.Thread(target=_end_with_parent, args=(lifeline, parent), daemon=True).start()
    _ignore_interrupts()
    with suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _end_with_parent(lifeline: Connection, parent: int) -> None:
    """Wait until the parent has ended, then end this process. The pipe says so at once, unless
    another child of the parent holds a copy of its end; so the parent's id is checked, too.
    """
    with suppress(OSError):
        while not lifeline.poll(1.0) and os.getppid() == parent:
            pass
    os._exit(1)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent. A program that a handler starts can still be interrupted."""
    signal.signal(signal.SIGINT, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _answer(request: bytes) -> bytes:
    try:
        handler, event = _read(request)
        returned = Context().run(handler, event)
        check_returned(returned)
        return _pack_result(handler, returned)
    except BaseException as error:
        return _pack_error(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()


def _read(request: bytes) -> tuple[Handler, Event]:
    try:
        handler, event = pickle.loads(request)
    except Exception as problem:
        raise TypeError(
            f"the handler or its event could not be read in the worker process: {problem!r}. "
            "Both must be made of what the process can import or was sent."
        ) from problem
    return handler, event


def _pack_result(handler: Handler, returned: Any) -> bytes:
    answer: Answer = (returned, None, "")
    try:
        return bytes(cloudpickle.dumps(answer))
    except Exception as problem:
        raise TypeError(
            f"{name_of(handler)} returned {type(returned).__qualname__}, which cannot be sent back "
            f"from the worker process: {problem}. Return plain data."
        ) from problem


def _pack_error(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    try:
        packed = bytes(cloudpickle.dumps((None, error, text)))
        if type(pickle.loads(packed)[1]) is type(error):
            return packed
    except BaseException:
        pass  # some exceptions cannot be pickled, others not read again
    name = type(error).__qualname__
    stand_in = RuntimeError(
        f"the handler raised {name}, which cannot be sent between processes; see its traceback."
    )
    return bytes(cloudpickle.dumps((None, stand_in, text)))
