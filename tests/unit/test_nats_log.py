"""What is special about a log on a NATS server; tests/contracts has the contract of all logs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import nats
import pytest

import eventkit as ek

LONG = 30.0
USERS = {
    "reader": {
        "publish": ["$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.*"],
        "subscribe": ["_INBOX.>"],
    }
}

_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ek.NatsServer]:
    with ek.NatsServer(users=USERS) as server:
        yield server


@pytest.fixture
def name() -> str:
    return f"test-{next(_numbers)}"


@pytest.fixture
def log(server: ek.NatsServer, name: str) -> Iterator[ek.EventLog]:
    with ek.open_log(server.url, name=name, timeout=LONG) as log:
        yield log


def test_logs_of_other_names_on_one_server_know_nothing_of_each_other(
    server: ek.NatsServer, log: ek.EventLog, name: str
) -> None:
    log.append(ek.Event("a"))

    with ek.open_log(server.url, name=f"{name}-other") as other:
        assert list(other.read()) == []


def test_a_log_that_is_not_there_is_not_made_if_that_is_not_wanted(
    server: ek.NatsServer, name: str
) -> None:
    with pytest.raises(ek.LogUnusable, match=f"no log {name!r}"):
        ek.open_log(server.url, name=name, create=False)


def test_replicas_without_a_cluster_are_refused_and_it_says_what_they_need(
    server: ek.NatsServer, name: str
) -> None:
    with pytest.raises(ek.LogUnusable, match=r"replicas=3: .*need a cluster"):
        ek.open_log(server.url, name=f"{name}-three", replicas=3)


def test_a_user_who_may_only_read_is_refused_at_once(
    server: ek.NatsServer, log: ek.EventLog, name: str
) -> None:
    log.append(ek.Event("a", 1))
    with ek.open_log(server.url_of("reader"), name=name, timeout=10 * LONG) as reader:
        assert [entry.data for entry in reader.read()] == [1]
        with pytest.raises(ek.PermissionDenied, match="publish to"):
            reader.append(ek.Event("a", 2))
        with pytest.raises(ek.PermissionDenied, match="publish to"):
            reader.consumer("mail")
    assert log.usage().events == 1


def test_a_wrong_password_is_refused_and_not_repeated(server: ek.NatsServer) -> None:
    with pytest.raises(ek.PermissionDenied) as caught:
        ek.open_log(f"nats://eventkit:secret@{server.address}")
    assert server.address in str(caught.value) and "secret" not in str(caught.value)


def test_a_server_is_believed_by_its_certificate_or_told_nothing(
    server: ek.NatsServer, tmp_path: Path
) -> None:
    ours, others = ek.CertificateAuthority(tmp_path / "a"), ek.CertificateAuthority(tmp_path / "b")
    keeper = {"keeper": {"publish": [">"], "subscribe": [">"]}}
    context = ours.client_context(ours.client("keeper"))
    with ek.NatsServer(tls=ours, users=keeper) as secured:
        with ek.open_log(secured.url, tls=context, timeout=LONG) as log:
            log.append(ek.Event("a", 1))
            assert [entry.data for entry in log.read()] == [1]
        with pytest.raises(ek.LogUnusable, match="no data was sent"):
            ek.open_log(secured.url, tls=others.client_context(), timeout=LONG)
        with pytest.raises(ValueError, match="needs tls="):
            ek.open_log(secured.url)
    with pytest.raises(ek.LogUnusable):
        ek.open_log(f"tls://{server.address}", tls=context, timeout=0.5)


def test_where_no_server_is_the_error_says_what_to_do() -> None:
    with pytest.raises(ek.LogUnusable, match=r"Start one, such as NatsServer\(\)"):
        ek.open_log("nats://127.0.0.1:1", timeout=0.2)


def test_a_server_that_does_not_answer_leaves_the_outcome_open_and_a_retry_stores_it_once() -> None:
    event = ek.Event("a", 1)
    with ek.NatsServer() as server, ek.open_log(server.url, timeout=0.5) as log:
        server.freeze()
        with pytest.raises(ek.OutcomeUnknown, match="do it again"):
            log.append(event)
        with pytest.raises(ek.LogUnusable, match=r"within 0\.5 s"):
            log.usage()
        server.thaw()  # by now the request was repeated several times
        with ek.open_log(server.url, timeout=LONG) as patient:
            sequence = patient.append(event)
            assert [entry.sequence for entry in patient.read()] == [sequence]


def test_what_is_appended_while_the_server_restarts_is_stored_once() -> None:
    with ek.NatsServer() as server, ek.open_log(server.url, timeout=LONG) as log:
        log.append(ek.Event("a", 0))
        server.kill()
        appending = threading.Thread(target=lambda: log.append(ek.Event("a", 1)))
        appending.start()
        server.start()
        appending.join(LONG)
        assert [entry.data for entry in log.read()] == [0, 1]


def test_the_server_itself_refuses_a_token_when_the_clock_of_its_holder_stands_still(
    server: ek.NatsServer, log: ek.EventLog, name: str
) -> None:
    now = time.time()
    with ek.open_log(server.url, name=name, clock=lambda: now) as slow:
        paused = slow.lock("counter", ttl=0.1)
        paused.acquire()
        slow.append(ek.Event("a"), fence=paused.token)
        newer = log.lock("counter", wait=LONG).acquire()
        with pytest.raises(ek.LeaseLost):
            slow.append(ek.Event("a"), fence=paused.token)
        log.append(ek.Event("a"), fence=newer)


def test_what_is_expected_and_a_fence_are_checked_together(log: ek.EventLog) -> None:
    first = log.append(ek.Event("a"))
    with log.lock("counter", ttl=LONG) as lock:
        second = log.append(ek.Event("a"), expect=first, fence=lock.token)
        with pytest.raises(ek.Conflict):
            log.append(ek.Event("a"), expect=first, fence=lock.token)
    with pytest.raises(ek.LeaseLost):
        log.append(ek.Event("a"), expect=second, fence=lock.token)


def test_a_retry_of_what_was_stored_under_a_lock_is_the_first_when_the_lock_is_gone(
    log: ek.EventLog,
) -> None:
    event = ek.Event("a")
    with log.lock("counter", ttl=LONG) as lock:
        first = log.append(event, fence=lock.token)

    assert log.append(event, fence=lock.token) == first


def test_a_token_is_good_in_every_opening_of_the_log(
    server: ek.NatsServer, log: ek.EventLog, name: str
) -> None:
    with log.lock("counter", ttl=LONG) as lock, ek.open_log(server.url, name=name) as other:
        other.append(ek.Event("a"), fence=lock.token)


def test_an_event_that_is_larger_than_the_server_takes_is_refused(log: ek.EventLog) -> None:
    with pytest.raises(ek.QuotaExceeded, match="more than the server takes"):
        log.append(ek.Event("a", "x" * 2_000_000))
    assert log.usage().events == 0


def test_a_forked_child_cannot_use_the_log(server: ek.NatsServer) -> None:
    code = (
        "import os, sys, eventkit as ek\n"
        "log = ek.open_log(sys.argv[1])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        log.append(ek.Event('a'))\n"
        "    except ek.LogClosed:\n"
        "        os._exit(7)\n"
        "    os._exit(1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "log.append(ek.Event('a'))\n"
    )
    if sys.platform == "win32":
        pytest.skip("no fork")
    subprocess.run([sys.executable, "-c", code, server.url], check=True, timeout=LONG)


def test_a_log_without_references_ends_its_thread(server: ek.NatsServer, name: str) -> None:
    before = set(threading.enumerate())
    log = ek.open_log(server.url, name=name)
    (thread,) = set(threading.enumerate()) - before
    del log
    thread.join(LONG)
    assert not thread.is_alive()


def test_a_consumer_and_a_lock_keep_the_log_open(server: ek.NatsServer, name: str) -> None:
    log = ek.open_log(server.url, name=name)
    log.append(ek.Event("a", 1))
    consumer, lock = log.consumer("mail"), log.lock("counter")
    del log
    assert [one.data for one in consumer.claim()] == [1]
    with lock:
        pass


def test_without_nats_py_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['nats'] = None\n"
        "import eventkit as ek\n"
        "try:\n"
        "    ek.open_log('nats://127.0.0.1:4222')\n"
        "except ImportError as problem:\n"
        "    print(problem)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=LONG,
    )
    assert "pip install 'eventkit-notebooks[nats]'" in said.stdout


def test_a_claim_on_a_consumer_that_was_removed_says_so(log: ek.EventLog) -> None:
    consumer = log.consumer("removed")
    log.append(ek.Event("a"))
    log.consumer("removed").remove()
    with pytest.raises(ek.log.LogError, match="was removed"):
        consumer.claim()


@pytest.mark.parametrize("where", [[1], [5], [1, 2, 5], [3, 4]], ids=str)
@pytest.mark.parametrize("body", [b"rubbish", b"", b"[1]", b"[" * 10**5], ids=lambda body: body[:5])
def test_a_damaged_entry_is_a_dead_letter_of_its_own(
    server: ek.NatsServer, log: ek.EventLog, name: str, where: list[int], body: bytes
) -> None:
    for number in range(1, 6):
        if number in where:
            asyncio.run(store(server.url, f"eventlog.{name}.event.a", body))
        else:
            log.append(ek.Event("a", number))
    consumer = log.consumer("mail", max_tries=2)

    claimed = [one for size in (1, 2, 9, 9) for one in consumer.claim(size)]

    assert [one.data for one in claimed] == [n for n in range(1, 6) if n not in where]
    consumer.ack(*claimed)
    dead = consumer.dead_letters()
    assert [(one.sequence, one.topic) for one in dead] == [(n, "eventkit.damaged") for n in where]
    assert {one.data for one in dead} == {body}
    assert consumer.put_back() == len(where)
    assert consumer.claim(9) == []
    assert consumer.discard(*where) == len(where)
    assert consumer.progress() == (0, 0, 0)


async def store(url: str, subject: str, body: bytes) -> None:
    client = await nats.connect(url)
    await client.jetstream().publish(subject, body)
    await client.close()


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "1", float("nan"), 2**63])
def test_numbers_are_checked_before_they_are_sent(log: ek.EventLog, wrong: Any) -> None:
    consumer = log.consumer("checked")
    calls: list[Callable[[], object]] = [
        lambda: log.append(ek.Event("a"), expect=wrong),
        lambda: log.append(ek.Event("a"), fence=wrong),
        lambda: consumer.put_back(wrong),
        lambda: consumer.discard(wrong),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="got"):
            call()
    assert log.usage().events == 0
