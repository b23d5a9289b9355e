"""The command line, run as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import eventkit as ek
from eventkit import lessons

LONG = 30.0
EVENTKIT = [sys.executable, "-m", "eventkit"]
COMMAND = [*EVENTKIT, "log"]


def run(
    *arguments: object,
    status: int = 0,
    command: list[str] = COMMAND,
    environment: dict[str, str] | None = None,
) -> str:
    """Run it and check its exit status. Return stdout after a success, stderr after a failure;
    the other one must be empty.
    """
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | (environment or {}),
        capture_output=True,
        encoding="utf-8",
        timeout=LONG,
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
        ["--follow", "--limit", "0"],
        ["--follow", "--limit", "-1"],
        ["--nonsense"],
    ],
)
def test_misuse_says_what_is_wrong_and_ends_with_2(path: Path, wrong: list[str]) -> None:
    assert run(path, *wrong, status=2)


def test_without_a_command_it_says_what_there_is() -> None:
    assert "COMMAND" in run(command=EVENTKIT, status=2)


def test_a_log_that_cannot_be_opened_is_a_failure_and_nothing_is_made(tmp_path: Path) -> None:
    assert "there is no log" in run(tmp_path / "typo.db", status=1)
    assert os.listdir(tmp_path) == []

    (tmp_path / "diary.txt").write_text("Dear diary, " * 100, encoding="utf-8")
    assert "not a log" in run(tmp_path / "diary.txt", status=1)


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


# lessons and lab

LESSONS = [*EVENTKIT, "lessons"]
LAB = [*EVENTKIT, "lab"]
NAMES = [lesson.name for lesson in lessons.find()]


def test_all_lessons_are_written_into_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "course"

    assert "13 of 13" in run(folder, command=LESSONS)
    assert sorted(os.listdir(folder)) == NAMES
    for lesson in lessons.find():
        assert (folder / lesson.name).read_bytes() == lesson.read_bytes()
    assert "0 of 13" in run(folder, command=LESSONS)


def test_a_file_that_differs_is_overwritten_only_by_force(tmp_path: Path) -> None:
    changed = tmp_path / NAMES[2]
    changed.write_text("my notes", encoding="utf-8")

    complaint = run(tmp_path, command=LESSONS, status=1)
    assert str(changed) in complaint and "--force" in complaint
    assert changed.read_text(encoding="utf-8") == "my notes"
    assert os.listdir(tmp_path) == [NAMES[2]]

    run(tmp_path, "--force", command=LESSONS)
    assert changed.read_bytes() == lessons.find()[2].read_bytes()
    assert sorted(os.listdir(tmp_path)) == NAMES


def test_lessons_cannot_be_written_where_a_file_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder", encoding="utf-8")

    assert str(file) in run(file, command=LESSONS, status=1)
    assert str(file) in run(file, command=LAB, status=1)
    assert "FOLDER" in run(command=LESSONS, status=2)


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """An environment in which JupyterLab prints its options and ends with 7."""
    package = tmp_path / "stand_in" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    program = "import sys; print(*sys.argv[1:], sep='\\n'); sys.exit(7)"
    (package / "__main__.py").write_text(program, encoding="utf-8")
    return {"PYTHONPATH": str(package.parent)}


def test_the_lab_opens_the_first_lesson_and_keeps_what_is_there(
    tmp_path: Path, stand_in: dict[str, str]
) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / NAMES[0]).write_text("my notes", encoding="utf-8")
    done = subprocess.run(
        [*LAB, str(folder)],
        env=os.environ | stand_in, capture_output=True, encoding="utf-8", timeout=LONG,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (7, "")
    assert "Wrote 12 lessons" in done.stdout
    assert f"--ServerApp.root_dir={folder.resolve()}" in done.stdout.splitlines()
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in done.stdout.splitlines()
    assert (folder / NAMES[0]).read_text(encoding="utf-8") == "my notes"
    assert sorted(os.listdir(folder)) == NAMES


def test_without_a_folder_the_lab_uses_the_current_one(
    tmp_path: Path, stand_in: dict[str, str]
) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    package = str(Path(ek.__file__).parents[1])
    path = os.pathsep.join([stand_in["PYTHONPATH"], package])
    done = subprocess.run(
        LAB, cwd=folder, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, encoding="utf-8", timeout=LONG,
    )  # fmt: skip

    assert f"--ServerApp.root_dir={folder.resolve()}" in done.stdout.splitlines()
    assert sorted(os.listdir(folder)) == NAMES


def test_without_jupyterlab_the_lab_says_what_to_install(tmp_path: Path) -> None:
    hide = "import sys; sys.modules['jupyterlab'] = None; from eventkit.__main__ import main; "
    without = [sys.executable, "-c", f"{hide}sys.exit(main())", "lab"]

    assert "pip install 'eventkit-notebooks[lab]'" in run(tmp_path, command=without, status=1)
    assert os.listdir(tmp_path) == []


@pytest.mark.long
def test_the_real_jupyterlab_serves_the_first_lesson(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"JUPYTER_PORT": str(port), "JUPYTER_TOKEN": "secret", "DISPLAY": "", "BROWSER": "true"}
    own |= {"WAYLAND_DISPLAY": "", "JUPYTER_CONFIG_DIR": str(tmp_path / "settings")}
    url = f"http://127.0.0.1:{port}/api/contents/{NAMES[0]}?content=0&token=secret"
    with subprocess.Popen(
        [*LAB, str(tmp_path / "course")],
        env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            assert json.loads(answer(url, process))["name"] == NAMES[0]
        finally:
            process.terminate()
            process.wait(LONG)


def answer(url: str, process: subprocess.Popen[bytes]) -> bytes:
    """Return the answer to a request, once the server that `process` starts is there."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=LONG) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:  # nothing listens yet
            assert process.poll() is None
            time.sleep(0.1)
