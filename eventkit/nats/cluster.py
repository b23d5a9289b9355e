"""NatsCluster: some nats-servers that keep copies of each other's data, to be killed one by one."""

from __future__ import annotations

import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

from ..checks import seconds, whole_number
from .server import NatsServer, ServerFailed

T = TypeVar("T")

_POLL = 0.02


class NatsCluster:
    """So many nodes on this machine, ready when the constructor returns.

        with NatsCluster(3) as cluster:
            cluster.leader().kill()

    Each node is a NatsServer: it can be killed, frozen, thawed and started again. With more than
    half of them alive, what was stored is there and more can be. `url` names all of them, so that
    a client goes on with another one when its own is gone.
    """

    def __init__(self, size: int = 3, *, timeout: float = 30.0) -> None:
        whole_number("size", size, "a number of nodes, of which 3 bear the loss of one", least=2)
        seconds("timeout", timeout, above_zero=True)
        self._timeout = timeout
        self._password = secrets.token_hex(12)
        ports = _free_ports(size)
        routes = [f"nats://route:{self._password}@127.0.0.1:{port}" for port in ports]
        with ExitStack() as started:
            self.nodes = tuple(
                started.enter_context(self._node(place, port, routes))
                for place, port in enumerate(ports, start=1)
            )
            self.wait_until_ready()
            self._nodes = started.pop_all()

    @property
    def url(self) -> str:
        """Where all the nodes are, with the password of a user who may do everything."""
        return ",".join(node.url for node in self.nodes)

    def leader(self) -> NatsServer:
        """The node that leads at this moment. TimeoutError if they find none."""
        return self._until(self._find_leader, "no leader")

    def leader_of(self, stream: str) -> NatsServer:
        """The node through which a stream is written at this moment."""
        return self._until(lambda: self._find_leader_of(stream), f"no leader of {stream!r}")

    def wait_until_ready(self) -> None:
        """Wait until all the nodes that run have found each other and caught up."""
        self.leader()
        self._until(lambda: all(map(_is_well, self.running())), "some node is not well")

    def running(self) -> list[NatsServer]:
        """The nodes that are there."""
        return [node for node in self.nodes if node.is_running]

    def close(self) -> None:
        """End all nodes, at once, as the last would wait for the others. Can be called twice."""
        for node in self.running():
            node.kill()
        self._nodes.close()

    def __enter__(self) -> NatsCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[NatsServer]:
        return iter(self.nodes)

    def _node(self, place: int, port: int, routes: list[str]) -> NatsServer:
        cluster = {
            "name": "eventkit",
            "listen": f"127.0.0.1:{port}",
            "authorization": {"user": "route", "password": self._password},
            "routes": routes,
        }
        return NatsServer(
            settings={"server_name": f"node-{place}", "cluster": cluster},
            password=self._password,
            timeout=self._timeout,
        )

    def _find_leader(self) -> NatsServer | None:
        names = {
            _asked(node, "jsz").get("meta_cluster", {}).get("leader") for node in self.running()
        }
        return self._named(names)

    def _find_leader_of(self, stream: str) -> NatsServer | None:
        names = {
            found.get("cluster", {}).get("leader")
            for node in self.running()
            for account in _asked(node, "jsz?streams=1").get("account_details", [])
            for found in account.get("stream_detail", [])
            if found["name"] == stream
        }
        return self._named(names)

    def _named(self, names: set[Any]) -> NatsServer | None:
        """The one node that all agree on, if it is there."""
        found = [node for node in self.running() if {node.name} == names - {None, ""}]
        return found[0] if found else None

    def _until(self, look: Callable[[], T | None], missing: str) -> T:
        deadline = time.monotonic() + self._timeout
        while not (found := look()):
            if time.monotonic() > deadline:
                raise ServerFailed(f"{missing} within {self._timeout} s among {self.running()}.")
            time.sleep(_POLL)
        return found


def _asked(node: NatsServer, path: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = node.monitor(path, timeout=0.5)
    except (OSError, ValueError):  # killed, frozen, or not well, which it says by an error
        return {}
    return answer


def _is_well(node: NatsServer) -> bool:
    return _asked(node, "healthz").get("status") == "ok"


def _free_ports(number: int) -> list[int]:
    """Return ports that are free. They are below those that outgoing connections are given, so
    that none is taken while its node is down.
    """
    ports: list[int] = []
    while len(ports) < number:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if port not in ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                ports.append(port)
    return ports
