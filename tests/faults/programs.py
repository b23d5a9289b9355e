"""Programs that the tests start, stop and kill: `python -m tests.faults.programs NAME ARGUMENTS`.

What has happened for certain is said in a line on stdout, so that the test knows it too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import eventkit as ek

LONG = 60.0
ROOT = Path(__file__).parents[2]


@contextmanager
def program(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """One of the programs, which is killed at the end if nothing else ended it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.programs", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str], begins: str) -> list[str]:
    """The words of the next line, which must begin so."""
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words and words[0] == begins, words
    return words


def say(*words: object) -> None:
    """In one write, which is whole or not there, whenever the process is killed."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def append(path: str, source: str, threads: int) -> None:
    """Append from so many threads until killed, each counting up; say what was acknowledged."""
    log = ek.open_log(path)

    def work(place: int) -> None:
        for number in range(1_000_000):
            event = ek.CloudEvent(id=f"{place}-{number}", source=source, type="a.b", data=number)
            say(place, number, log.append(event))

    for place in range(threads):
        threading.Thread(target=work, args=(place,)).start()


def work(path: str, lease: float) -> None:
    """Claim and acknowledge until nothing has come for three leases."""
    with ek.open_log(path) as log:
        consumer = log.consumer("workers")
        while deliveries := consumer.claim(7, lease, wait=3 * lease):
            for one in deliveries:
                say("claimed", one.sequence, one.tries)
            consumer.ack(*deliveries)
            for one in deliveries:
                say("done", one.sequence, one.tries)


def hold(path: str, lease: float) -> None:
    """Claim and then do nothing more."""
    log = ek.open_log(path)
    for one in log.consumer("workers").claim(20, lease, wait=LONG):
        say("claimed", one.sequence, one.tries)
    say("holding")
    signal.pause()


def die(path: str, lease: float) -> None:
    """Claim a message that is the death of whoever handles it."""
    log = ek.open_log(path)
    for one in log.consumer("workers", max_tries=2).claim(1, lease, wait=3 * lease):
        say("claimed", one.sequence, one.tries)
        os.kill(os.getpid(), signal.SIGKILL)
    say("nothing")


def lock(path: str, ttl: float) -> None:
    """Take a lock, wait for a line, then write with the token."""
    log = ek.open_log(path)
    token = log.lock("counter", ttl=ttl).acquire()
    say("holding", token)
    sys.stdin.readline()
    try:
        say("stored", log.append(ek.Event("a", "late"), fence=token))
    except ek.LeaseLost:
        say("refused")


def count(url: str, lease: float) -> None:
    """Count clicks until killed. A count has the id of its click, so that it is stored once."""
    with ek.open_log(url) as log:
        consumer = log.consumer("workers", "button.click")
        say("ready")
        while True:
            with suppress(ek.LogError):  # claimed in vain, or too slow: it is delivered again
                deliveries = consumer.claim(50, lease, wait=LONG)
                log.append_all(counted(one) for one in deliveries)
                consumer.ack(*deliveries)


def counted(click: ek.Delivery) -> ek.CloudEvent:
    return ek.CloudEvent(
        id=click.event.id, source="/counter", type="counter.counted", time=click.event.time,
        data=click.data,
    )  # fmt: skip


if __name__ == "__main__":
    name, where, *rest = sys.argv[1:]
    if name == "append":
        append(where, rest[0], int(rest[1]))
    else:
        {"work": work, "hold": hold, "die": die, "lock": lock, "count": count}[name](
            where, float(rest[0])
        )
