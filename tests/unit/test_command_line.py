"""The command line, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import eventkit as ek

LONG = 30.0
COMMAND = [sys.executable, "-m", "eventkit", "log"]


def run(*arguments: object, status: int = 0) -> str:
    """What it printed: on stdout if all went well, else on stderr and nothing on stdout."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=LONG
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    if status:
        assert done.stdout == ""
        return done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of three events."""
    path = tmp_path / "log.db"
    with ek.open_log(path) as log:
        log.append(ek.Event("counter.changed", {"count": 1}, key="k"))
        log.append(ek.Event("button.click", "a\tb\nc"))
        log.append(ek.Event("counter.changed", {"count": 2}))
    return path


def test_into_a_pipe_goes_a_line_an_entry_with_tabs_between_the_fields(path: Path) -> None:
    lines = [line.split("\t") for line in run(path).splitlines()]

    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert [line[2] for line in lines] == ["counter.changed", "button.click", "counter.changed"]
    assert json.loads(lines[1][3]) == "a\tb\nc"


def test_json_is_the_whole_event(path: Path) -> None:
    first = json.loads(run(path, "--json").splitlines()[0])

    assert first["sequence"] == 1
    assert first["event"]["specversion"] == "1.0"
    assert (first["event"]["subject"], first["event"]["data"]) == ("k", {"count": 1})


def test_what_is_listed_can_be_chosen(path: Path) -> None:
    assert run(path, "--topic", "button.*").startswith("2\t")
    assert run(path, "--after", 2).startswith("3\t")
    assert len(run(path, "--limit", 2).splitlines()) == 2
    assert run(path, "--limit", 0) == ""


def test_following_waits_for_more(path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, str(path), "--follow", "--after", "3", "--limit", "2"],
        stdout=subprocess.PIPE, encoding="utf-8",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        with ek.open_log(path) as log:
            log.append(ek.Event("a"))
            assert process.stdout.readline().startswith("4\t")
            log.append(ek.Event("b"))
            assert process.stdout.readline().startswith("5\t")
        assert process.wait(LONG) == 0


def test_a_replay_gives_everything_in_order(path: Path) -> None:
    assert run(path, "--replay", "--speed", 1000) == run(path)


def test_consumers_and_dead_letters_are_shown(path: Path) -> None:
    with ek.open_log(path) as log:
        consumer = log.consumer("mail", "counter.*", max_tries=1)
        consumer.nack(*consumer.claim())

    expected = {"name": "mail", "topic": "counter.*", "waiting": 1, "unfinished": 0, "dead": 1}
    assert json.loads(run(path, "--consumers", "--json")) == expected
    assert "waiting=1" in run(path, "--consumers")
    assert run(path, "--dead", "mail").startswith("1\t")
    assert "It has: mail" in run(path, "--dead", "nobody", status=2)


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with ek.open_log(path) as log:
        log.append_all(ek.Event("a", "x" * 100) for _ in range(5_000))
    with subprocess.Popen(
        [*COMMAND, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(LONG) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send there")
def test_an_interrupt_ends_it_without_a_traceback(path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, str(path), "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, complaint = process.communicate(timeout=LONG)
        finally:
            process.kill()
        assert complaint == b""
        assert process.returncode == 130


@pytest.mark.parametrize(
    "wrong",
    [
        ["--topic", "a..b"],
        ["--after", "-1"],
        ["--after", "x"],
        ["--replay", "--speed", "0"],
        ["--follow", "--replay"],
        ["--nonsense"],
    ],
)
def test_misuse_says_what_is_wrong_and_ends_with_2(path: Path, wrong: list[str]) -> None:
    assert run(path, *wrong, status=2)


def test_without_a_command_it_says_what_there_is() -> None:
    done = subprocess.run([*COMMAND[:-1]], capture_output=True, encoding="utf-8", timeout=LONG)

    assert done.returncode == 2
    assert "COMMAND" in done.stderr


def test_a_log_that_cannot_be_opened_is_a_failure_and_nothing_is_made(tmp_path: Path) -> None:
    assert "there is no log" in run(tmp_path / "typo.db", status=1)
    assert os.listdir(tmp_path) == []

    (tmp_path / "diary.txt").write_text("Dear diary, " * 100, encoding="utf-8")
    assert "no log" in run(tmp_path / "diary.txt", status=1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty there")
def test_on_a_terminal_there_are_columns_for_people(path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    subprocess.run([*COMMAND, str(path)], stdout=theirs, check=True, timeout=LONG)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)

    assert "\t" not in shown
    assert "counter.changed" in shown.splitlines()[0]
