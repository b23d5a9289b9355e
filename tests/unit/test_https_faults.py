"""HttpsTrigger under faults: exits, hangs, invalid options, too few files."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import logging
import math
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit.https.server import TLS_FAILED, LimitedServer
from eventkit.https.workers import HandlerExited, Workers
from tests.secured import LONG, PLAIN, House, served

ROOT = Path(__file__).parents[2]


class NotAnException(BaseException):
    """A BaseException that is neither an Exception nor one of Python's own exits."""


EXITS = [
    SystemExit(1),
    KeyboardInterrupt(),
    GeneratorExit(),
    StopIteration(),
    StopAsyncIteration(),
    asyncio.CancelledError(),
    CancelledError(),
    RecursionError(),
    NotAnException(),
]


def raises(error: BaseException) -> Callable[[object], None]:
    def handler(event: object) -> None:
        raise type(error)(*error.args)

    return handler


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


# BaseExceptions


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
def test_a_handler_that_exits_gets_an_answer_and_the_next_request_is_served(
    tmp_path: Path, error: BaseException
) -> None:
    # A KeyboardInterrupt is recorded and raised in the caller of `publish`, here the request.
    status = 500 if isinstance(error, KeyboardInterrupt) else 202
    with served(tmp_path) as house:
        house.bus.subscribe("button.exit", raises(error))
        for _ in range(6):  # more than the number of threads
            assert house.post("button.exit").status == status
        assert house.post("button.click").status == 202
        letters = house.bus.dead_letters
        assert [letter.event.topic for letter in letters] == ["button.exit"] * 6
        assert {type(letter.error) for letter in letters} == {type(error)}
        letters.clear()


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
def test_a_listener_of_the_audit_that_exits_stops_nothing(
    tmp_path: Path, error: BaseException
) -> None:
    with served(tmp_path) as house:
        house.bus.subscribe("audit.refused", raises(error))
        for _ in range(3):
            assert house.ask("GET", "/nothing").status == 404
        assert house.post("button.click").status == 202
        assert house.recorded == [404] * 3
        house.bus.dead_letters.clear()


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
def test_workers_report_every_exit_as_an_exception(error: BaseException) -> None:
    workers = Workers(1, "test")
    with pytest.raises((type(error), HandlerExited)) as caught:
        workers.submit(raises(error), None).result(LONG)()
    assert isinstance(caught.value, Exception)
    assert workers.submit(lambda: 1).result(LONG)() == 1
    workers.stop()


def test_workers_do_not_pass_context_variables_on() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    workers = Workers(1, "test")
    for _ in range(2):
        workers.submit(variable.set, "set").result(LONG)
        assert workers.submit(variable.get).result(LONG)() == "none"
    workers.stop()


def test_workers_can_be_used_again_after_they_were_stopped() -> None:
    workers = Workers(2, "test")
    for _ in range(3):
        assert [workers.submit(int, n).result(LONG)() for n in range(5)] == [0, 1, 2, 3, 4]
        workers.stop()


def test_workers_do_with_the_threads_that_they_can_get(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(3, "test")
    assert workers.submit(int).result(LONG)() == 0
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        assert workers.submit(int).result(LONG)() == 0
        with pytest.raises(RuntimeError, match="new thread"):
            Workers(1, "none").submit(int)
    workers.stop()


def _no_thread(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


# Options


NUMBERS = [None, "64k", b"1", [], -1, math.nan, math.inf, -math.inf, True, object()]
WRONG: dict[str, list[Any]] = {
    "max_bytes": [*NUMBERS, 0, 1e5],
    "timeout": [*NUMBERS, 0, threading.TIMEOUT_MAX * 2],
    "rate": [*NUMBERS, 0],
    "burst": [*NUMBERS, 0, 1.5],
    "max_connections": [*NUMBERS, 0, 9.0],
    "port": [*NUMBERS, 65_536, 80.0],
    "host": [None, 1, b"127.0.0.1", ""],
    "tokens": ["planted-secret", 1, {}, ek.EventBus],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_option_of_the_wrong_kind_is_refused_at_once(name: str, value: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises((ValueError, TypeError), match=name) as caught:
        ek.HttpsTrigger(ek.EventBus(ek.AccessPolicy()), context, **{name: value})
    assert "planted-secret" not in str(caught.value)


@pytest.mark.parametrize("context", ["x", None, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)])
def test_a_context_that_is_no_servers_is_refused(context: Any) -> None:
    with pytest.raises(TypeError, match="server"):
        ek.HttpsTrigger(ek.EventBus(ek.AccessPolicy()), context)


@pytest.mark.parametrize("rate", [1e-9, 1e9])
def test_a_rate_may_be_very_small_or_large(tmp_path: Path, rate: float) -> None:
    with served(tmp_path, rate=rate, burst=1) as house:
        statuses = [house.post("button.click").status for _ in range(2)]
        assert statuses == ([202, 202] if rate > 1 else [202, 429])


# Start and stop


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
def test_what_ends_the_thread_while_it_starts_is_raised_by_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    house = House(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(house.trigger, "_new_server", lambda **_: raises(error)(None))
        with pytest.raises((type(error), RuntimeError, asyncio.CancelledError)):
            house.trigger.start()
        house.trigger.stop()
    with house.trigger:
        assert house.post("button.click").status == 202


def test_start_says_that_there_is_no_thread_and_works_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(RuntimeError, match="new thread"):
            house.trigger.start()
    with house.trigger:
        assert house.post("button.click").status == 202


def test_stop_returns_when_the_thread_has_ended_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: ended.set())
    house = House(tmp_path)
    house.trigger.start()
    assert house.trigger._life is not None
    loop = house.trigger._life._loop
    assert loop is not None
    loop.call_soon_threadsafe(loop.stop)
    assert ended.wait(LONG)
    house.trigger.stop()
    with house.trigger:
        assert house.post("button.click").status == 202


def test_a_handler_may_stop_the_trigger_that_called_it(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        house.bus.subscribe("button.stop", lambda event: house.trigger.stop())
        with pytest.raises((OSError, ssl.SSLError, ConnectionError)):
            house.post("button.stop")


def test_a_handler_that_hangs_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    code = """
import pathlib, sys, threading
from tests.secured import served
hang = lambda event: threading.Event().wait()
with served(pathlib.Path(sys.argv[1]), timeout=0.3) as house:
    house.bus.subscribe("button.hang", hang)
    house.bus.subscribe("audit.refused", hang)
    print(house.post("button.hang").status)
    print(house.ask("GET", "/").status)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=3 * LONG, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["504", "404"]


# Refusals before a handler has the request


def lines(house: House, *, first: str = "POST /topics/button.a HTTP/1.1", more: str = "") -> bytes:
    head = f"{first}\r\nHost: h\r\nAuthorization: Bearer {house.token}\r\n"
    return f"{head}Content-Type: application/json\r\n{more}\r\n".encode()


REFUSED = {
    "two framings": (400, {"more": "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"}),
    "two lengths": (400, {"more": "Content-Length: 1\r\nContent-Length: 2\r\n"}),
    "no length": (400, {"more": "Content-Length: x\r\n"}),
    "no colon": (400, {"more": "X\r\n"}),
    "control character": (400, {"more": "X: \x01\r\n"}),
    "no request": (400, {"first": "nonsense"}),
    "another version": (400, {"first": "POST /topics/button.a HTTP/2.0"}),
    "two hosts": (400, {"more": "Host: x\r\n"}),
    "large headers": (431, {"more": f"X: {'x' * 20_000}\r\n"}),
    "no UTF-8": (400, {"first": "POST /topics/button.%ff HTTP/1.1"}),
    "unknown method": (405, {"first": "BREW /events HTTP/1.1"}),
    "half a header": (408, {"more": "X: "}),
    "half a body": (408, {"more": "Content-Length: 9\r\n"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal_before_a_handler_is_recorded_once(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, change = REFUSED[name]
    patience = 0.5 if status == 408 else LONG
    with served(tmp_path, timeout=patience) as house, caplog.at_level(logging.DEBUG):
        text = lines(house, **change)
        house.raw(text[:-4] if name == "half a header" else text)
        wait_until(lambda: bool(house.refusals))
        assert house.post("button.click").status == 202
        assert house.recorded == [status]
        assert house.refusals[0].address == "127.0.0.1"
        assert house.token not in caplog.text + str(house.refusals)


def test_failed_handshakes_are_recorded(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        address = house.trigger.host, house.trigger.port
        with socket.create_connection(address, LONG) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            with suppress(ConnectionResetError):
                plain.recv(100)
        wait_until(lambda: house.recorded == [TLS_FAILED])
        other = ek.CertificateAuthority(tmp_path / "other")
        stranger = house.ca.client_context(other.client("ann"))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            house.ask("POST", "/topics/button.a", b"1", PLAIN, context=stranger)
        wait_until(lambda: house.recorded == [TLS_FAILED] * 2)
        assert all(one.reason.startswith("TLS: ") for one in house.refusals)


def test_a_newcomer_who_finds_no_place_is_recorded(tmp_path: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def handler(event: object) -> None:
        entered.set()
        release.wait(LONG)

    with served(tmp_path, max_connections=1) as house:
        house.bus.subscribe("button.slow", handler)
        thread = threading.Thread(target=house.post, args=("button.slow",))
        thread.start()
        assert entered.wait(LONG)
        with socket.create_connection((house.trigger.host, house.trigger.port), LONG) as late:
            assert late.recv(1) == b""
        wait_until(lambda: house.recorded == [503])
        release.set()
        thread.join(LONG)


def test_clients_that_just_come_and_go_leave_no_record(tmp_path: Path) -> None:
    with served(tmp_path, timeout=0.3) as house:
        address = house.trigger.host, house.trigger.port
        socket.create_connection(address, LONG).close()
        house.open_raw().close()
        with house.open_raw() as half:
            half.sendall(lines(house)[:-4])
        with house.open_raw() as half:
            half.sendall(lines(house, more="Content-Length: 9\r\n"))
        with house.open_raw() as idle:
            idle.sendall(lines(house, more="Content-Length: 1\r\n") + b"1")
            assert idle.recv(1_000).startswith(b"HTTP/1.1 202")
            assert idle.recv(1_000) == b""  # closed after the time-out
        assert house.post("button.click").status == 202
        assert house.ask("GET", "/").status == 404
        assert house.recorded == [404]


def test_a_flood_of_refusals_beside_a_stuck_listener_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("eventkit.https.trigger._RECORDS", 3)
    release = threading.Event()
    with served(tmp_path, timeout=0.1) as house, caplog.at_level(logging.WARNING):
        house.bus.subscribe("audit.refused", lambda event: release.wait(LONG))
        for _ in range(8):
            assert house.ask("GET", "/").status == 404
        assert house.trigger._auditor.waiting == 3
        assert caplog.text.count("too many refusals") == 4
        release.set()


# Connections and files


class NoFilesLeft(socket.socket):
    """A listening socket whose `accept` fails for lack of files, until `has_files` is set."""

    tries = 0
    has_files = False

    def accept(self) -> tuple[socket.socket, Any]:
        self.tries += 1
        if not self.has_files:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_without_free_files_the_server_waits_and_does_not_spin() -> None:
    async def main() -> None:
        listening = NoFilesLeft()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        server = LimitedServer(lambda request: None)
        server.serve(listening)
        with socket.create_connection(listening.getsockname(), LONG) as client:
            await asyncio.sleep(0.5)
            assert 1 <= listening.tries <= 20
            listening.has_files = True
            client.sendall(b"nonsense\r\n\r\n")
            client.setblocking(False)
            async with asyncio.timeout(LONG):
                said = await asyncio.get_running_loop().sock_recv(client, 100)
            assert said.startswith(b"HTTP/1.1 400")
        server.stop()
        await server.close_all_connections()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
def test_connections_are_at_most_half_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    for files, most in ((1_024, 512), (256, 128), (1, 1), (resource.RLIM_INFINITY, 1_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        server = LimitedServer(lambda request: None, max_connections=1_000)
        assert server.max_connections == most


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
def test_more_strangers_than_files_do_not_keep_a_client_out(tmp_path: Path) -> None:
    """The server runs in a process that may open 100 files, and 150 clients connect."""
    code = """
import pathlib, resource, sys
from tests.secured import served
with served(pathlib.Path(sys.argv[1])) as house:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    house.trigger.stop()
    house.trigger.start()
    print(house.trigger.port, house.token, house.ca.certificate, flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port, token, certificate = process.stdout.readline().split()
    context = ssl.create_default_context(cafile=certificate)
    strangers = [socket.create_connection(("127.0.0.1", int(port)), LONG) for _ in range(150)]
    try:
        for _ in range(3):
            assert _status(int(port), token, context) == 202
    finally:
        for one in strangers:
            one.close()
        _, errors = process.communicate(timeout=LONG)
    assert (process.returncode, errors) == (0, "")


def _status(port: int, token: str, context: ssl.SSLContext) -> int:
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=LONG, context=context)
    headers = {**PLAIN, "Authorization": f"Bearer {token}"}
    connection.request("POST", "/topics/button.click", b"1", headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_client_can_resume_no_session(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        context = house.ca.client_context(house.ca.client("ann"))
        address = house.trigger.host, house.trigger.port
        session = None
        for _ in range(2):
            plain = socket.create_connection(address, LONG)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as one:
                one.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert one.recv(12) == b"HTTP/1.1 404"
                assert not one.session_reused
                assert one.session is None or not one.session.has_ticket
                session = one.session
