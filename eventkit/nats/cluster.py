"""NatsCluster: several nats-servers on this machine, for experiments with replication."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

from ..checks import seconds, whole_number
from .server import NatsServer, ServerFailed, wait_until

T = TypeVar("T")

_POLL = 0.02  # seconds


class NatsCluster:
    """A cluster of `size` nodes on this machine, ready when the constructor returns.

        with NatsCluster(3) as cluster:
            cluster.leader().kill()

    Each node is a NatsServer: it can be killed, frozen, thawed and started again. `url` names all
    of them, so that a client reconnects to another node when its own has gone.

    Promised: a log with a replica on every node (`open_log(..., replicas=size)`) loses no
    acknowledged event, and can be read and written, while more than half of the nodes run.

    Not promised: events of a Bridge are not stored. Those on their way through a node that dies
    may be lost, which the bridges count and report. While a leader is being elected, appends wait,
    and raise OutcomeUnknown after the log's `timeout`: append again. All nodes share one machine
    and one disk, so this is not a cluster for production.

    Raises ServerFailed if the nodes are not ready within `timeout` seconds.
    """

    def __init__(self, size: int = 3, *, timeout: float = 30.0) -> None:
        whole_number("size", size, "the number of nodes (3 tolerate the loss of one)", least=2)
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
        """Return the addresses of all nodes, with the password of a user who may do everything."""
        return ",".join(node.url for node in self.nodes)

    def leader(self) -> NatsServer:
        """Return the current leader. Raises ServerFailed if the nodes do not elect one."""
        return self._until(self._find_leader, "no leader")

    def leader_of(self, stream: str) -> NatsServer:
        """Return the current leader of a stream, through which it is written."""
        return self._until(lambda: self._find_leader_of(stream), f"no leader of {stream!r}")

    def wait_until_ready(self) -> None:
        """Wait until all running nodes have found each other and caught up."""
        self.leader()
        self._until(lambda: all(map(_is_healthy, self.running())), "some node is not healthy")

    def running(self) -> list[NatsServer]:
        """Return the nodes whose process runs; a frozen one does."""
        return [node for node in self.nodes if node.is_running]

    def close(self) -> None:
        """Kill all nodes: a node that stops in order waits for the others. Can be called twice."""
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
            _monitor(node, "jsz").get("meta_cluster", {}).get("leader") for node in self.running()
        }
        return self._named(names)

    def _find_leader_of(self, stream: str) -> NatsServer | None:
        names = {
            found.get("cluster", {}).get("leader")
            for node in self.running()
            for account in _monitor(node, "jsz?streams=1").get("account_details", [])
            for found in account.get("stream_detail", [])
            if found["name"] == stream
        }
        return self._named(names)

    def _named(self, names: set[Any]) -> NatsServer | None:
        """Return the one node that all agree on, if it runs."""
        found = [node for node in self.running() if {node.name} == names - {None, ""}]
        return found[0] if found else None

    def _until(self, attempt: Callable[[], T | None], missing: str) -> T:
        if found := wait_until(attempt, self._timeout, _POLL):
            return found
        raise ServerFailed(f"{missing} within {self._timeout} s among {self.running()}.")


def _monitor(node: NatsServer, path: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = node.monitor(path, timeout=0.5)
    except (OSError, ValueError):  # killed, frozen, or unhealthy, which is an HTTP error
        return {}
    return answer


def _is_healthy(node: NatsServer) -> bool:
    return _monitor(node, "healthz").get("status") == "ok"


def _free_ports(number: int) -> list[int]:
    """Return free ports below the range of outgoing connections.

    So no other program takes one of them while its node is down.
    """
    ports: list[int] = []
    while len(ports) < number:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if port not in ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                ports.append(port)
    return ports
