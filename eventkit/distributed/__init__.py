"""The bus across machines: a real nats-server for experiments, and the bridge that joins a bus.

Names are loaded when they are first used: a server needs no client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bridge import Arrived as Arrived, Bridge as Bridge, NotTrusted as NotTrusted
    from .cluster import NatsCluster as NatsCluster
    from .server import NatsServer as NatsServer, ServerFailed as ServerFailed

_HOME = {
    "Arrived": "bridge",
    "Bridge": "bridge",
    "NatsCluster": "cluster",
    "NatsServer": "server",
    "NotTrusted": "bridge",
    "ServerFailed": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"eventkit.distributed has no {name!r}. It has: {', '.join(_HOME)}.")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
