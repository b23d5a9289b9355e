"""The slow service: a real server in a process of its own, which ends with its owner."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from eventkit.lab.processes.slow_service import AnswerTime, SlowService

from .conftest import LONG

OWNER = """
import sys, time
from eventkit.lab.processes.slow_service import SlowService
service = SlowService()
print(service.address[1], flush=True)
time.sleep(600)
"""


class Client:
    """A connection that asks and hears."""

    def __init__(self, service: SlowService):
        self.sock = socket.create_connection(service.address, timeout=LONG)
        self._answers = self.sock.makefile("rb")

    def ask(self, line: bytes = b"work\n") -> None:
        self.sock.sendall(line)

    def hear(self) -> bytes:
        return self._answers.readline()

    def close(self) -> None:
        self._answers.close()
        self.sock.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def ask(service: SlowService, clients: ExitStack, number: int) -> list[Client]:
    """So many connections that have each asked, and not yet heard."""
    made = [Client(service) for _ in range(number)]
    for client in made:
        clients.callback(client.close)
        client.ask()
    return made


def times(service: SlowService, clients: ExitStack, number: int) -> list[float]:
    """Seconds until each of so many requests, sent one after another, was answered."""
    (client,) = ask(service, clients, 1)
    client.hear()
    took = []
    for _ in range(number):
        began = time.perf_counter()
        client.ask()
        assert client.hear() == b"done\n"
        took.append(time.perf_counter() - began)
    return took


def test_it_answers_when_the_answer_time_is_over(clients: ExitStack) -> None:
    with SlowService(answer=0.05) as service:
        assert min(times(service, clients, 5)) > 0.045


def test_all_who_ask_at_once_wait_at_the_same_time(clients: ExitStack) -> None:
    with SlowService(answer=2.0) as service:
        began = time.perf_counter()
        heard = [client.hear() for client in ask(service, clients, 50)]
        assert heard == [b"done\n"] * 50
        assert time.perf_counter() - began < 50 * 2.0 / 4
        assert service.stats() == {"served": 50, "refused": 0, "most": 50}


def test_one_connection_is_answered_one_request_after_another(clients: ExitStack) -> None:
    with SlowService(answer=0.05) as service:
        (client,) = ask(service, clients, 1)
        client.ask(b"work\nwork\n")
        began = time.perf_counter()
        assert [client.hear() for _ in range(3)] == [b"done\n"] * 3
        assert time.perf_counter() - began > 0.12
        assert service.stats()["most"] == 1


def test_a_line_may_come_in_pieces(clients: ExitStack) -> None:
    with SlowService(answer=0.001) as service:
        (client,) = ask(service, clients, 1)
        client.hear()
        for piece in (b"wo", b"r", b"k\nwork", b"\n"):
            client.ask(piece)
            time.sleep(0.01)
        assert [client.hear(), client.hear()] == [b"done\n"] * 2


def test_who_has_said_all_still_gets_the_answer(clients: ExitStack) -> None:
    with SlowService(answer=0.05) as service:
        (client,) = ask(service, clients, 1)
        client.sock.shutdown(socket.SHUT_WR)
        assert [client.hear(), client.hear()] == [b"done\n", b""]


def test_who_goes_away_in_the_middle_disturbs_nobody(clients: ExitStack) -> None:
    with SlowService(answer=0.05) as service:
        gone, stays = ask(service, clients, 2)
        gone.close()
        assert stays.hear() == b"done\n"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["uniform", "exponential"])
def test_answer_times_vary_and_a_seed_repeats_them(kind: AnswerTime, clients: ExitStack) -> None:
    with SlowService(answer=0.3, kind=kind) as service:
        took = []
        for seed in (1, 1, 2):
            service.set(seed=seed)
            took.append(times(service, clients, 12))
    first, again, another = took
    assert statistics.pstdev(first) > 0.012
    assert 2 * apart(first, again) < apart(first, another)


def apart(some: list[float], others: list[float]) -> float:
    """How far the answers of two series are from each other, in the median."""
    return statistics.median(abs(one - other) for one, other in zip(some, others, strict=True))


def test_uniform_answers_stay_within_their_bounds(clients: ExitStack) -> None:
    with SlowService(answer=0.04, kind="uniform") as service:
        assert min(times(service, clients, 20)) > 0.018


def test_above_its_limit_it_is_busy_and_says_so_at_once(clients: ExitStack) -> None:
    with SlowService(answer=2.0, limit=3) as service:
        heard = []
        asked = ask(service, clients, 5)
        began = time.perf_counter()
        heard = [client.hear() for client in reversed(asked)]
        assert sorted(heard) == [b"busy\n"] * 2 + [b"done\n"] * 3
        assert time.perf_counter() - began > 0.3
        assert service.stats() == {"served": 3, "refused": 2, "most": 3}


def test_a_place_that_is_free_again_is_given_again(clients: ExitStack) -> None:
    with SlowService(answer=0.01, limit=1) as service:
        assert len(times(service, clients, 5)) == 5
        assert service.stats()["refused"] == 0


def test_settings_hold_from_the_next_request_on(clients: ExitStack) -> None:
    with SlowService(answer=60) as service:
        (waits,) = ask(service, clients, 1)
        while service.stats()["most"] == 0:
            time.sleep(0.001)
        service.set(answer=0.01, limit=2)
        (asks,) = ask(service, clients, 1)
        assert asks.hear() == b"done\n"
        service.set(limit=1)
        (refused,) = ask(service, clients, 1)
        assert refused.hear() == b"busy\n"
        waits.sock.settimeout(0.01)
        with pytest.raises(TimeoutError):
            waits.hear()


def test_a_stall_answers_nobody_and_all_afterwards(clients: ExitStack) -> None:
    with SlowService(answer=0.01) as service:
        began = time.perf_counter()
        service.stall(2.0)
        asked = ask(service, clients, 3)
        assert service.stats()["served"] == 0
        assert [client.hear() for client in asked] == [b"done\n"] * 3
        assert time.perf_counter() - began > 1.9


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"answer": 0}, "a time in seconds, more than 0; got 0"),
        ({"answer": -1.0}, "more than 0; got -1.0"),
        ({"kind": "normal"}, r"one of \('fixed', 'uniform', 'exponential'\); got 'normal'"),
        ({"limit": 0}, "1 or more requests, or None; got 0"),
    ],
)
def test_bad_settings_are_refused_before_anything_starts(
    settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        SlowService(**settings)  # type: ignore[arg-type]
    with SlowService() as service, pytest.raises(ValueError, match=says):
        service.set(**settings)


def test_an_unknown_setting_is_named() -> None:
    with SlowService() as service:
        with pytest.raises(TypeError, match=r"answer, kind, limit and seed; got \['speed'\]"):
            service.set(speed=3)
        assert service.stats()["served"] == 0


def test_it_may_be_told_and_asked_from_many_threads() -> None:
    with SlowService() as service:
        said: list[dict[str, int]] = []
        threads = [threading.Thread(target=lambda: said.append(service.stats())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert said == [{"served": 0, "refused": 0, "most": 0}] * 20


def is_gone(address: tuple[str, int]) -> bool:
    """Whether nobody listens there any more, soon."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_close_ends_the_server_and_can_be_called_twice() -> None:
    service = SlowService()
    service.close()
    service.close()
    assert is_gone(service.address)
    assert service._process.returncode is not None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_server_whose_owner_is_killed_ends_too() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        address = ("127.0.0.1", int(owner.stdout.readline()))
        socket.create_connection(address, timeout=LONG).close()
        os.kill(owner.pid, signal.SIGKILL)
    assert is_gone(address)


def test_a_server_that_cannot_start_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventkit.lab.processes.slow_service.__file__", "/no/such/file.py")
    with pytest.raises(RuntimeError, match="did not start"):
        SlowService()
