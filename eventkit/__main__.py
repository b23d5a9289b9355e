"""The command line: read a log, grade a capstone, get the lessons and open them.

    python -m eventkit log counter.db                    list the entries
    python -m eventkit log counter.db --follow           list them, then wait for more
    python -m eventkit log counter.db --replay --speed 1 list them at the pace of the recording
    python -m eventkit log counter.db --consumers        list the consumers and their progress
    python -m eventkit log counter.db --dead mailer      list the dead letters of a consumer
    python -m eventkit grade my_system.py                grade a system and its tests
    python -m eventkit lessons FOLDER                    write the 13 notebooks to a folder
    python -m eventkit lab                               open the first one in JupyterLab

On a terminal, entries are shown in columns. Into a pipe, each entry is one line with its fields
separated by tabs, or one JSON object with --json. The exit status is 0, 1 after a failure, and 2
after misuse.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from . import lessons
from .log import Consumer, Entry, EventLog, LogError, open_log
from .topics import InvalidTopic

_FAILED, _MISUSED, _INTERRUPTED = 1, 2, 130
_WIDTH = 100  # characters of data shown in a column


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (InvalidTopic, ValueError) as problem:
        return _complain(problem, _MISUSED)
    except (LogError, OSError) as problem:
        return _complain(problem, _FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eventkit",
        description="Read a log, grade a capstone, get the lessons and open them.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_log(commands)
    _add_grade(commands)
    _add_lessons(commands)
    _add_lab(commands)
    return parser


def _complain(problem: Exception | str, status: int) -> int:
    print(f"eventkit: {problem}", file=sys.stderr)
    return status


# log


def _add_log(commands: Any) -> None:
    log = commands.add_parser("log", help="list, follow or replay the events of a log")
    log.set_defaults(run=_log)
    log.add_argument("log", metavar="LOG", help="path of the log")
    log.add_argument("--topic", default=">", metavar="PATTERN", help="only topics that match")
    log.add_argument(
        "--after", type=int, default=0, metavar="N", help="only later sequence numbers"
    )
    log.add_argument("--limit", type=int, metavar="N", help="at most this many entries")
    log.add_argument("--json", action="store_true", help="print one JSON object per line")
    way = log.add_mutually_exclusive_group()
    way.add_argument("--follow", action="store_true", help="then wait for more entries")
    way.add_argument("--replay", action="store_true", help="keep the pace of the recording")
    way.add_argument("--consumers", action="store_true", help="list consumers and their progress")
    way.add_argument("--dead", metavar="CONSUMER", help="list the dead letters of a consumer")
    log.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="with --replay: 2 is twice as fast"
    )


def _log(chosen: argparse.Namespace) -> int:
    with open_log(chosen.log, create=False) as log:
        if chosen.consumers:
            _print_consumers(log.consumers(), as_json=chosen.json)
            return 0
        _print_entries(_entries(log, chosen), as_json=chosen.json)
    return 0


def _entries(log: EventLog, chosen: argparse.Namespace) -> Iterable[Entry]:
    if chosen.dead:
        return [letter.entry for letter in _consumer(log, chosen.dead).dead_letters()]
    if chosen.follow:
        return _first(log.follow(chosen.after, chosen.topic), chosen.limit)
    entries = log.read(chosen.after, chosen.topic, chosen.limit)
    return _paced(entries, chosen.speed) if chosen.replay else entries


def _consumer(log: EventLog, name: str) -> Consumer:
    for consumer in log.consumers():
        if consumer.name == name:
            return consumer
    there = ", ".join(one.name for one in log.consumers()) or "none"
    raise ValueError(f"this log has no consumer {name!r}. It has: {there}.")


def _first(entries: Iterator[Entry], limit: int | None) -> Iterator[Entry]:
    """Yield at most `limit` entries. Do not wait for the one after the last."""
    if limit is not None and limit < 1:
        raise ValueError(f"--limit with --follow is a number of entries, 1 or more; got {limit}.")
    for count, entry in enumerate(entries, start=1):
        yield entry
        if count == limit:
            return


def _paced(entries: Iterable[Entry], speed: float) -> Iterator[Entry]:
    """Yield entries at the pace at which they were stored, `speed` times as fast."""
    if not speed > 0:
        raise ValueError(f"--speed is a factor above 0; got {speed!r}.")
    began, first = time.monotonic(), None
    for entry in entries:
        first = entry.stored if first is None else first
        time.sleep(max(0.0, began + (entry.stored - first) / speed - time.monotonic()))
        yield entry


# grade


def _add_grade(commands: Any) -> None:
    grade = commands.add_parser("grade", help="grade the system of lesson 12, and its tests")
    grade.set_defaults(run=_grade)
    grade.add_argument(
        "file",
        metavar="FILE",
        help="a Python file with build, integration_test, stress_test and fault_test",
    )
    grade.add_argument(
        "--only", metavar="NAMES", help="only some criteria, such as counting,stress"
    )


def _grade(chosen: argparse.Namespace) -> int:
    from .lab.lesson12 import grader

    source = grader.read_submission(chosen.file)
    if not grader.is_attempted(source):
        print("not attempted: build still returns the … of the stub.")
        return _FAILED
    names = chosen.only.split(",") if chosen.only else None
    unmet = 0
    for one in grader.grade(source, names):
        print(grader.in_words(one), flush=True)
        unmet += one.finding is not None
        if one.finding and one.finding.is_of_the_file:
            print("not yet: nothing else can be graded before the file can be run")
            return _FAILED
    print("not yet: criteria not met: " + str(unmet) if unmet else "passed")
    return _FAILED if unmet else 0


# lessons and lab


def _add_lessons(commands: Any) -> None:
    write = commands.add_parser("lessons", help="write the 13 notebooks to a folder")
    write.set_defaults(run=_lessons)
    write.add_argument("folder", metavar="FOLDER", type=Path, help="created if it does not exist")
    write.add_argument("--force", action="store_true", help="overwrite files that differ")


def _lessons(chosen: argparse.Namespace) -> int:
    folder: Path = chosen.folder
    new, changed = lessons.missing(folder), lessons.changed(folder)
    if changed and not chosen.force:
        names = "".join(f"\n  {folder / one.name}" for one in changed)
        return _complain(
            f"wrote nothing, because these files differ from the lessons:{names}\n"
            "Name another folder, or add --force to overwrite them.",
            _FAILED,
        )
    lessons.copy([*new, *changed], folder)
    print(f"Wrote {len(new) + len(changed)} of {len(lessons.find())} lessons to {folder}.")
    return 0


def _add_lab(commands: Any) -> None:
    lab = commands.add_parser("lab", help="open the first lesson in JupyterLab")
    lab.set_defaults(run=_lab)
    lab.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=Path(),
        help="the folder with the lessons; missing ones are written to it (default: this folder)",
    )  # fmt: skip


def _lab(chosen: argparse.Namespace) -> int:
    if find_spec("jupyterlab") is None:
        return _complain(
            "JupyterLab is not installed. Run: pip install 'eventkit-notebooks[lab]'", _FAILED
        )
    new = lessons.missing(chosen.folder)
    lessons.copy(new, chosen.folder)
    if new:
        print(f"Wrote {len(new)} lessons to {chosen.folder.resolve()}.", flush=True)
    lessons.open_first(chosen.folder)
    return 0


# output


def _print_entries(entries: Iterable[Entry], *, as_json: bool) -> None:
    show = _json_line if as_json else _for_people if sys.stdout.isatty() else _for_pipes
    for entry in entries:
        print(show(entry), flush=True)


def _json_line(entry: Entry) -> str:
    return _json({"sequence": entry.sequence, "stored": entry.stored, "event": entry.event})


def _for_pipes(entry: Entry) -> str:
    """Return fields separated by tabs. JSON escapes tabs and newlines in the data."""
    return "\t".join((str(entry.sequence), _moment(entry), entry.topic, _json(entry.data)))


def _for_people(entry: Entry) -> str:
    data = _json(entry.data)
    if len(data) > _WIDTH:
        data = data[: _WIDTH - 1] + "…"
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.stored))
    return f"{entry.sequence:>8}  {moment}  {entry.topic:<28}  {data}"


def _print_consumers(consumers: list[Consumer], *, as_json: bool) -> None:
    for one in consumers:
        fields: dict[str, Any] = {"name": one.name, "topic": one.topic} | one.progress()._asdict()
        print(_json(fields) if as_json else "\t".join(f"{k}={v}" for k, v in fields.items()))


def _moment(entry: Entry) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.stored))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    sys.exit(main())
