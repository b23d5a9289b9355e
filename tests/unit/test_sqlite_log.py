"""What is SQLite's own in a log: what is refused and left alone, and who may write when."""

from __future__ import annotations

import copy
import os
import pickle
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit.log import Conflict, Held, pack
from eventkit.log.sqlite import SqliteLog, file
from eventkit.log.sqlite.file import VERSION
from eventkit.log.sqlite.file_lock import FileLock
from eventkit.testing import wait_until
from tests.tiers import rounds

LONG = 20.0
ENTRIES = 200
ROUNDS = rounds("EVENTKIT_LOG_OPENINGS", quick=20, long=400)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A log of some pages that is closed."""
    with ek.open_log(path) as log:
        log.append_all(ek.Event("a", "x" * 200 + str(number)) for number in range(ENTRIES))
    return path


def refused(path: Path, says: str, **options: bool) -> None:
    """Opening raises LogUnusable, and not a byte of the file is changed."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ek.LogUnusable, match=says):
        ek.open_log(path, **options)
    assert (path.read_bytes() if path.is_file() else None) == before


# What is no log


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("Dear diary, today nothing happened. " * 100, encoding="utf-8")

    refused(path, "not a log, or is damaged")


def test_a_file_of_one_letter_is_refused(path: Path) -> None:
    path.write_text("x", encoding="utf-8")

    refused(path, "damaged")


def test_another_programs_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table diary (day text)")

    refused(path, "not an eventkit log")


def test_a_database_of_another_application_is_refused_though_it_is_empty(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma application_id = 77")

    refused(path, "not an eventkit log")


def test_a_newer_log_is_refused_and_says_what_to_do(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as database:
        database.execute(f"pragma user_version = {VERSION + 1}")

    refused(filled, f"version {VERSION + 1}, and this eventkit knows version {VERSION}")


TO_VERSION_1 = """
    create table identities (
        source text not null, id text not null, sequence integer not null, primary key (source, id)
    ) without rowid;
    create table topics (
        topic text not null, sequence integer not null, primary key (topic, sequence)
    ) without rowid;
    insert into identities select source, id, sequence from events where sequence <= 3;
    insert into topics select topic, sequence from events where sequence <= 3;
    insert into settings values ('indexed', 3);
    drop index events_by_identity;
    drop index events_of_topic;
    pragma user_version = 1;
"""


def test_a_log_of_version_1_is_opened_with_all_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    events = [ek.Event("a", 1), ek.Event("b", 2), ek.Event("a", 3), ek.Event("a", 4)]
    with ek.open_log(path) as log:
        log.append_all(events)
        assert log.consumer("mail").claim()[0].sequence == 1
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TO_VERSION_1)

    for _ in range(2):
        with ek.open_log(path) as log:
            assert [entry.event.data for entry in log.read()] == [1, 2, 3, 4]
            assert [entry.sequence for entry in log.read(topic="a")] == [1, 3, 4]
            assert log.append_all(events) == [1, 2, 3, 4]
            assert log.last_sequence_of("b") == 2
            assert log.usage().events == 4
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma user_version").fetchone() == (VERSION,)


@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_log_is_refused(filled: Path, part: float) -> None:
    os.truncate(filled, int(filled.stat().st_size * part))

    refused(filled, "damaged")


def test_a_log_with_a_page_of_rubbish_says_so_when_it_is_read(filled: Path) -> None:
    with open(filled, "r+b") as file:
        file.seek(filled.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))

    with ek.open_log(filled) as log, pytest.raises(ek.LogUnusable, match="damaged"):
        [*log.read(), *log.read(topic="a")]


SOUND = b'{"specversion":"1.0","id":"1","source":"/a","type":"a","data":1}'
DAMAGED: dict[str, object] = {
    "text": "rubbish",
    "nothing": b"",
    "a number": 5,
    "bytes that are no UTF-8": SOUND.replace(b'"data":1', b'"data":"\xff"'),
    "text that is no UTF-8": "cast(x'7b22ff' as text)",
    "a flipped bit": SOUND.replace(b"{", b"z", 1),
    "cut off": SOUND[:-3],
    "JSON of another kind": b"[1]",
    "no id": SOUND.replace(b'"id":"1",', b""),
    "an id that is no string": SOUND.replace(b'"id":"1"', b'"id":1'),
    "a key that is no string": SOUND.replace(b'"data":1', b'"subject":42'),
    "a time without offset": SOUND.replace(b'"data":1', b'"time":"2026-01-01T00:00:00"'),
    "a topic that is none": SOUND.replace(b'"type":"a"', b'"type":"a..b"'),
    "too deep": SOUND.replace(b":1}", b":" + b"[" * 200 + b"]" * 200 + b"}"),
    "so deep that Python ends": SOUND.replace(b":1}", b":" + b"[" * 10**5 + b"]" * 10**5 + b"}"),
}


def damage(path: Path, sequences: list[int], body: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for sequence in sequences:
            if isinstance(body, str) and body.startswith("cast("):
                database.execute(f"update events set body = {body} where sequence = {sequence}")
            else:
                database.execute("update events set body = ? where sequence = ?", (body, sequence))


@pytest.mark.parametrize("where", [[1], [5], [10], [1, 2, 9, 10], [4, 5, 6]], ids=str)
@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_reported_by_itself(
    path: Path, where: list[int], body: object, caplog: pytest.LogCaptureFixture
) -> None:
    def reported() -> list[int]:
        said = " ".join(record.message for record in caplog.records)
        caplog.clear()
        return [int(number) for number in re.findall(r"skipped entry (\d+)", said)]

    with ek.open_log(path) as log:
        log.append_all(ek.Event("a", number) for number in range(1, 11))
        damage(path, where, body)
        sound = [number for number in range(1, 11) if number not in where]
        consumer = log.consumer("mail", max_tries=2)

        assert [entry.data for entry in log.read()] == sound
        assert reported() == where
        assert [entry.data for entry in log.follow(timeout=0)] == sound
        assert reported() == where
        seen: list[object] = []
        with ek.EventBus() as bus:
            bus.subscribe(">", lambda event: seen.append(event.data))
            log.replay(bus)
        assert (seen, reported()) == (sound, where)

        claimed = [one for size in (1, 3, 1, 20, 20) for one in consumer.claim(size)]
        assert [one.data for one in claimed] == sound
        assert reported() == where
        consumer.ack(*claimed)
        assert consumer.progress() == (0, 0, len(where))
        assert [(one.sequence, one.topic) for one in consumer.dead_letters()] == [
            (sequence, "eventkit.damaged") for sequence in where
        ]
        assert all(isinstance(one.data, bytes) for one in consumer.dead_letters())
        assert consumer.put_back() == len(where)
        assert consumer.claim(20) == []
        assert consumer.discard(*where) == len(where)
        assert consumer.progress() == (0, 0, 0)


def test_the_command_line_leaves_out_a_damaged_entry_and_names_it(filled: Path) -> None:
    damage(filled, [3], "rubbish")
    with ek.open_log(filled) as log:
        log.consumer("mail").claim(ENTRIES)

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "eventkit", "log", str(filled), *options]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True)

    listed = run("--limit", "10")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == [
        *("1", "2"), *(str(number) for number in range(4, 11))
    ]  # fmt: skip
    assert "skipped entry 3" in listed.stderr
    assert run("--dead", "mail").stdout.split("\t")[:3:2] == ["3", "eventkit.damaged"]


def test_a_consumer_that_was_removed_says_so(path: Path) -> None:
    with ek.open_log(path) as log, ek.open_log(path) as other:
        consumer = log.consumer("mail")
        log.append(ek.Event("a"))
        other.consumer("mail").remove()
        for ask in (consumer.claim, consumer.progress, lambda: consumer.claim(3, wait=LONG)):
            with pytest.raises(ek.LogError, match="removed"):
                ask()
        assert len(log.consumer("mail").claim()) == 1


NO_COUNT = (-1, 1.0, True, "1", float("nan"), 2**63)
NO_TIMEOUT: tuple[Any, ...] = (
    -1,
    True,
    "1",
    float("nan"),
    threading.TIMEOUT_MAX * 2,
)  # infinity is no limit
NO_SECONDS: tuple[Any, ...] = (*NO_TIMEOUT, float("inf"))


def test_numbers_are_checked_at_the_door(path: Path) -> None:
    with ek.open_log(path) as log, ek.EventBus() as bus:
        log.append(ek.Event("a"))
        consumer = log.consumer("mail")
        (claimed,) = consumer.claim()
        counts: list[Callable[[Any], object]] = [
            lambda wrong: log.append(ek.Event("a"), expect=wrong),
            lambda wrong: log.append(ek.Event("a"), fence=wrong),
            lambda wrong: log.read(wrong),
            lambda wrong: log.read(limit=wrong),
            lambda wrong: log.follow(wrong),
            lambda wrong: log.replay(bus, after=wrong),
            lambda wrong: log.consumer("x", max_tries=wrong),
            lambda wrong: log.consumer("x", after=wrong),
            lambda wrong: log.set_quota(events=wrong),
            lambda wrong: log.set_quota(bytes=wrong),
            lambda wrong: log.trim(keep=wrong),
            lambda wrong: consumer.claim(wrong),
            lambda wrong: consumer.put_back(wrong),
            lambda wrong: consumer.discard(wrong),
        ]
        times: list[Callable[[Any], object]] = [
            lambda wrong: log.lock("x", wrong),
            lambda wrong: log.lock("x", wait=wrong),
            lambda wrong: log.trim(older_than=wrong),
            lambda wrong: consumer.claim(lease=wrong),
            lambda wrong: consumer.claim(wait=wrong),
            lambda wrong: consumer.nack(claimed, delay=wrong),
            lambda wrong: consumer.extend(claimed, lease=wrong),
        ]
        speeds: list[Callable[[Any], object]] = [lambda wrong: log.replay(bus, speed=wrong)]
        for calls, values in (
            (counts, NO_COUNT),
            (times, NO_SECONDS),
            (speeds, (0, -1, True, "1", float("nan"), float("inf"))),
        ):
            for call in calls:
                for value in values:
                    with pytest.raises(ValueError, match="got"):
                        call(value)
        for value in NO_TIMEOUT:
            with pytest.raises(ValueError, match="got"):
                log.follow(timeout=value)
        assert log.last_sequence == 1


@pytest.mark.parametrize(
    "error",
    [
        Conflict("a", 1, 2), Held("x", 1.5), ek.QuotaExceeded("full"), ek.LeaseLost("late"),
        ek.OutcomeUnknown("?"), ek.LogUnusable("!"), ek.LogClosed("closed"),
        ek.PermissionDenied("no"), ek.LogError("other"),
    ],
    ids=repr,
)  # fmt: skip
def test_errors_can_be_pickled_and_copied(error: Exception) -> None:
    error.add_note("a note")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert (str(other), vars(other)) == (str(error), vars(error))


def test_an_empty_file_becomes_a_log(path: Path) -> None:
    path.touch()

    with ek.open_log(path) as log:
        assert log.append(ek.Event("a")) == 1


def test_a_folder_and_a_path_in_no_folder_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(tmp_path / "none" / "log.db", "there is no folder")


needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@needs_links
def test_a_hard_link_to_a_log_is_refused_and_the_name_that_it_had_is_not(filled: Path) -> None:
    other = filled.with_name("other.db")
    os.link(filled, other)
    refused(other, "hard link")
    with ek.open_log(filled) as log:
        assert log.append(ek.Event("a")) == ENTRIES + 1
    filled.unlink()
    with ek.open_log(other) as log:  # the only name now
        assert log.last_sequence == ENTRIES + 1


@needs_links
def test_a_log_that_is_open_cannot_be_opened_by_a_hard_link(path: Path) -> None:
    with ek.open_log(path) as log:
        os.link(path, path.with_name("other.db"))
        with pytest.raises(ek.LogUnusable, match="hard link"):
            ek.open_log(path.with_name("other.db"))
        log.append(ek.Event("a"))


@needs_links
@pytest.mark.parametrize("exists", [True, False])
def test_all_symbolic_links_to_a_log_share_one_lock(path: Path, exists: bool) -> None:
    if exists:
        ek.open_log(path).close()
    folder = path.with_name("folder")
    folder.mkdir()
    link = folder / "link.db"
    link.symlink_to(path)
    with ek.open_log(link) as one, ek.open_log(path) as two:
        assert [one.append(ek.Event("a")), two.append(ek.Event("a"))] == [1, 2]
    assert sorted(folder.iterdir()) == [link]


@needs_links  # Windows removes no open file
@pytest.mark.parametrize("what", ["log.db", "log.db-wal"])
@pytest.mark.parametrize("how", ["removed", "replaced", "moved"])
def test_a_log_whose_file_is_gone_acknowledges_nothing_more(
    path: Path, what: str, how: str
) -> None:
    name = path.with_name(what)
    other = path.with_name("other")
    log = ek.open_log(path)
    consumer = log.consumer("mail")
    log.append(ek.Event("a"))
    list(log.read())
    if how == "removed":
        name.unlink()
    elif how == "moved":
        name.rename(other)
    else:
        other.write_bytes(name.read_bytes())
        other.replace(name)
    for ask in (
        lambda: log.append(ek.Event("a")),
        lambda: log.append_all([ek.Event("a")]),
        consumer.claim,
        log.lock("x").acquire,
    ):
        with pytest.raises(ek.LogUnusable, match="removed, or replaced"):
            ask()
    log.close()


@needs_links
def test_closing_a_log_that_was_replaced_leaves_the_new_one_alone(path: Path) -> None:
    """In a process of its own, since Python closes what is left at its end."""
    program = """
        import os, sys, eventkit as ek
        path = sys.argv[1]
        old = ek.open_log(path)
        old.append(ek.Event("old"))
        for end in ("", "-wal", "-shm"):
            os.rename(path + end, path + ".old" + end)
        print("moved", flush=True)
        sys.stdin.readline()
        old.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with ek.open_log(path) as log:
            log.append(ek.Event("new"))
            process.communicate("\n", timeout=LONG)
            assert process.returncode == 0
            assert log.append(ek.Event("new")) == 2
    with ek.open_log(path) as log:
        assert [entry.topic for entry in log.read()] == ["new", "new"]


def test_a_backup_is_a_log_with_all_that_was_stored(path: Path) -> None:
    target, other = path.with_name("copy.db"), path.with_name("copy.db.part")
    other.write_text("somebody's own file", encoding="utf-8")
    with ek.open_log(path) as log:
        log.append_all(ek.Event("a", number) for number in range(3_000))
        log.consumer("mail").claim(5)
        log.backup(target)
        log.append(ek.Event("a", "later"))
        with pytest.raises(FileExistsError):
            log.backup(target)
        with pytest.raises(FileExistsError):
            log.backup(path)
        with pytest.raises(ek.LogUnusable, match=r"no folder .* for the copy: create it"):
            log.backup(path.with_name("no such folder") / "copy.db")
    with ek.open_log(target) as copied:
        assert [entry.data for entry in copied.read()] == list(range(3_000))
        assert copied.consumer("mail").progress() == (2_995, 5, 0)
        assert copied.append(ek.Event("a")) == 3_001
    assert list(path.parent.glob("*.part*")) == [other]


def test_a_backup_beside_others_who_append_is_a_moment_of_the_log(path: Path) -> None:
    target = path.with_name("copy.db")
    with ek.open_log(path) as log, ThreadPoolExecutor(4) as pool:
        ended = threading.Event()

        def append() -> None:
            while not ended.is_set():
                log.append(ek.Event("a"))

        writing = [pool.submit(append) for _ in range(4)]
        wait_until(lambda: log.last_sequence > 20)
        before = log.last_sequence
        log.backup(target)
        ended.set()
        for one in writing:
            one.result(LONG)
    with ek.open_log(target) as copied:
        found = [entry.sequence for entry in copied.read()]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= before


def test_without_create_no_file_is_made(path: Path) -> None:
    refused(path, "there is no log", create=False)

    assert os.listdir(path.parent) == []


def test_a_url_that_no_backend_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="give the path of a file"):
        ek.open_log("gopher://example")


# Where one may not write

AS_NOBODY = """
import os, sys
import eventkit as ek
import eventkit.log.sqlite  # before the interpreter's own folder may be out of reach
if os.getuid() == 0:
    os.setuid(65534)
try:
    ek.open_log(sys.argv[1])
except ek.PermissionDenied as problem:
    print(problem)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders are read-only in another way there")
@pytest.mark.parametrize("what", ["folder", "file", "new"])
def test_a_read_only_place_is_refused(filled: Path, what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # others can't get at pytest's own
        place = Path(shutil.copy(filled, folder))
        place.chmod(0o444 if what == "file" else 0o644)
        place.parent.chmod(0o555 if what != "file" else 0o755)
        wanted = place.with_name("new.db") if what == "new" else place
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, wanted],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        place.parent.chmod(0o755)

        assert "is read-only" in done.stdout
        assert place.read_bytes() == filled.read_bytes()


# Several connections


def test_whoever_writes_or_checkpoints_holds_the_lock(path: Path) -> None:
    with ek.open_log(path) as log:
        lock = FileLock(f"{path}-lock")
        assert lock.acquire(LONG)
        appended = threading.Event()

        def write() -> None:
            log.append(ek.Event("a"))
            appended.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert not appended.wait(0.2)
        assert list(log.read()) == []  # reading needs no lock
        lock.release()
        assert appended.wait(LONG)
        writer.join()
        lock.close()


def test_readers_can_neither_write_nor_checkpoint(path: Path) -> None:
    with ek.open_log(path) as log:
        log.append(ek.Event("a"))
        list(log.read())
        assert isinstance(log, SqliteLog)
        (reader,) = log.store._idle
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("delete from events")
        with pytest.raises(sqlite3.OperationalError):
            reader.execute("pragma wal_checkpoint(truncate)").fetchall()


@pytest.mark.long
def test_a_reader_in_the_middle_does_not_keep_the_file_from_being_tidied_up(path: Path) -> None:
    with ek.open_log(path) as log:
        log.append_all(ek.Event("a", number) for number in range(5_000))
        entries = log.read()
        next(entries)
        for _ in range(30):
            log.append_all(ek.Event("b", "x" * 1_000) for _ in range(1_000))
        assert os.path.getsize(f"{path}-wal") < 20_000_000
        assert sum(entry.topic == "a" for entry in entries) == 4_999


def test_two_openings_in_one_process_share_a_log(path: Path) -> None:
    with ek.open_log(path) as one, ek.open_log(path) as two:
        sequences = [log.append(ek.Event("a")) for log in (one, two, one, two)]
        one.close()
        sequences.append(two.append(ek.Event("a")))

    assert sequences == [1, 2, 3, 4, 5]


@pytest.mark.thorough
def test_who_looks_while_a_log_is_being_made_takes_it_for_one(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.db"
        with ThreadPoolExecutor(4) as pool:
            openings = [pool.submit(ek.open_log, path) for _ in range(4)]
        for opening in openings:
            opening.result().close()


def test_a_log_whose_first_page_is_written_while_someone_looks_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = file._check_contents
    path.touch()

    def look_and_be_overtaken(connection: sqlite3.Connection, path: str) -> bool:
        found = look(connection, path)
        if not found and not os.path.getsize(path):
            with closing(sqlite3.connect(path)) as other:
                other.execute("pragma page_size=1024")
                other.execute("pragma journal_mode=wal")
            assert os.path.getsize(path) == 1024
        return found

    monkeypatch.setattr(file, "_check_contents", look_and_be_overtaken)
    with ek.open_log(path) as log:
        assert log.append(ek.Event("a")) == 1


def test_processes_that_open_a_new_log_at_once_make_one(path: Path) -> None:
    code = (
        "import sys, eventkit as ek\n"
        "sys.stdin.readline()\n"
        "log = ek.open_log(sys.argv[1])\n"
        "for _ in range(20): print(log.append(ek.Event('a')), flush=True)\n"
        "log.close()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=LONG)[0] for process in processes]

    assert all(process.returncode == 0 for process in processes)
    assert sorted(int(line) for text in outputs for line in text.split()) == list(range(1, 81))


def test_what_another_opening_has_done_is_known_to_the_next_append(path: Path) -> None:
    with ek.open_log(path) as one, ek.open_log(path) as two:
        event = ek.Event("a")
        assert (one.append(event), two.append(event)) == (1, 1)
        two.set_quota(events=1)
        with pytest.raises(ek.QuotaExceeded):
            one.append(ek.Event("a"))
        two.trim(keep=0)
        assert (one.append(event), two.last_sequence) == (2, 2)


# What many append at once


@contextmanager
def at_once(log: ek.EventLog, path: Path) -> Iterator[Callable[..., Future[int]]]:
    """Calls `log.append` in threads, in order, and all but the first in one transaction."""
    assert isinstance(log, SqliteLog)
    writer = log.store._writer
    busy = FileLock(f"{path}-lock")
    is_waiting, acquire = threading.Event(), writer._lock.acquire

    def say_and_acquire(timeout: float) -> bool:
        is_waiting.set()
        return acquire(timeout)

    writer._lock.acquire = say_and_acquire  # type: ignore[method-assign]
    with ThreadPoolExecutor(64) as pool:

        def append(event: ek.Event | ek.CloudEvent, **options: int) -> Future[int]:
            before = writer._jobs.qsize()
            future = pool.submit(log.append, event, **options)
            wait_until(lambda: writer._jobs.qsize() > before)
            return future

        assert busy.acquire(LONG)
        try:
            pool.submit(log.append, ek.Event("first"))
            assert is_waiting.wait(LONG)
            yield append
        finally:
            busy.close()


def test_events_appended_at_once_keep_their_order(path: Path) -> None:
    events = [ek.Event("a", number) for number in range(60)]
    with ek.open_log(path) as log:
        with at_once(log, path) as append:
            futures = [append(event) for event in events]
        assert [future.result() for future in futures] == list(range(2, 62))
        assert [log.append(event) for event in events] == list(range(2, 62))
        assert [entry.data for entry in log.read(after=1)] == list(range(60))


@pytest.mark.parametrize("stored", [1, 300])  # the newest, and one of long ago
@pytest.mark.parametrize("twice", [False, True])  # one of those that come now
def test_of_events_appended_at_once_those_that_are_there_are_not_stored_again(
    path: Path, stored: int, twice: bool
) -> None:
    events = [ek.Event("a", number) for number in range(stored)]
    new = [ek.Event("a", number) for number in range(4)]
    with ek.open_log(path) as log:
        log.append_all(events)
        with at_once(log, path) as append:
            order = [*new[:2], new[1] if twice else events[0], *new[2:]]
            futures = [append(one) for one in order]
        last = stored + 1
        assert [future.result() - last for future in futures] == [
            1,
            2,
            2 if twice else 1 - last,
            3,
            4,
        ]
        assert [entry.data for entry in log.read(after=last)] == [0, 1, 2, 3]
        assert log.append_all(new) == list(range(last + 1, last + 5))
        assert log.usage().bytes == sum(len(pack(entry.event).body) for entry in log.read())


def test_events_appended_at_once_do_not_get_beyond_the_quota(path: Path) -> None:
    with ek.open_log(path) as log:
        log.set_quota(events=3)
        with at_once(log, path) as append:
            futures = [append(ek.Event("a", number)) for number in range(4)]
        refused = [type(future.exception()) for future in futures]
        assert refused == [type(None), type(None), ek.QuotaExceeded, ek.QuotaExceeded]
        assert log.usage().events == 3


def test_of_what_is_done_at_once_only_what_is_refused_is_not_done(path: Path) -> None:
    with ek.open_log(path) as log:
        log.append(ek.Event("b"))
        log.set_quota(events=6)
        with at_once(log, path) as append:
            futures = [
                *(append(ek.Event("a", 1)), append(ek.Event("a", 2))),
                *(append(ek.Event("b", 3), expect=7), append(ek.Event("b", 4), expect=1)),
                *(append(ek.Event("a", 5)), append(ek.Event("a", 6)), append(ek.Event("a", 7))),
            ]
        refused = [future.exception() for future in futures]
        assert [type(problem) for problem in refused if problem] == [
            *(ek.Conflict, ek.QuotaExceeded, ek.QuotaExceeded)
        ]
        assert [entry.data for entry in log.read(after=2)] == [1, 2, 4, 5]


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
eventlet_warns = pytest.mark.filterwarnings("ignore:Using fork:DeprecationWarning")
threads_warn = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


def in_a_fork(work: Callable[[], None]) -> None:
    """Run `work` in a forked child, and pass if it raises nothing there."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
@eventlet_warns
@threads_warn
def test_a_forked_child_is_told_that_the_log_is_its_parents(path: Path) -> None:
    def child() -> None:
        with pytest.raises(ek.LogClosed, match="forked"):
            log.append(ek.Event("a"))
        with pytest.raises(ek.LogClosed, match="forked"):
            next(log.read())
        log.close()
        with pytest.raises(ek.LogClosed, match="spawn start method"):
            ek.open_log(path)

    ek.open_log(path.with_name("closed.db")).close()
    with ek.open_log(path) as log:
        log.append(ek.Event("a"))
        in_a_fork(child)
        assert log.append(ek.Event("a")) == 2


@needs_fork
@eventlet_warns
@threads_warn
def test_events_of_a_forked_child_are_not_taken_for_its_parents(path: Path) -> None:
    event = ek.Event("a", "of one id in both")

    def append() -> None:
        with ek.open_log(path) as log:
            log.append(event)

    in_a_fork(append)
    append()
    append()

    with ek.open_log(path) as log:
        assert len({entry.event.source for entry in log.read()}) == len(list(log.read())) == 2


def test_a_log_nobody_has_any_more_is_closed(path: Path) -> None:
    before = threading.active_count()
    log = ek.open_log(path)
    consumer = log.consumer("mail")
    log.append(ek.Event("a"))
    del log
    assert len(consumer.claim()) == 1  # which has the log still
    del consumer

    assert threading.active_count() == before


def test_what_another_program_has_written_is_known_to_the_next_append(path: Path) -> None:
    with ek.open_log(path) as log, closing(sqlite3.connect(path)) as database:
        assert log.append(ek.Event("a")) == 1
        with database:
            database.execute(
                "insert into events select 2, topic, 'by hand', id, stored, bytes_so_far, body "
                "from events"
            )
        assert log.append(ek.Event("a")) == 3
