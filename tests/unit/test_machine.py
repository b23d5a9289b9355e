"""A machine: a program that runs beside this one, is held up, killed, and never left behind."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from eventkit.lab import Machine

from .conftest import LONG

ROOT = Path(__file__).parents[2]
TWO_PLACES = 'here("one")\nhere("two")\n'
FOR_EVER = "import threading\nhere('ready')\nthreading.Event().wait()"


def test_a_machine_stays_where_it_is_until_it_is_let_go_on() -> None:
    with Machine(TWO_PLACES) as machine:
        machine.wait_for("one")
        assert machine.said == ["one"]
        machine.go_on()
        machine.wait_for("two")
    assert machine.said == ["one", "two"] and not machine.is_running


def test_a_machine_is_given_its_arguments_and_can_be_listened_to() -> None:
    heard: queue.Queue[str] = queue.Queue()
    program = "import sys\nprint(*sys.argv[1:], flush=True)\nhere('ready')"
    with Machine(program, "a", 1, hear=heard.put):
        assert heard.get(timeout=LONG) == "a 1"


def test_a_machine_hears_the_lines_that_it_is_sent_one_after_the_other() -> None:
    with Machine("while True:\n    print('heard', heard(), flush=True)") as machine:
        for line in ("one", "", "zwölf"):
            machine.send(line)
            machine.wait_for(f"heard {line}".strip())
    machine.send("too late")


def test_that_a_machine_has_ended_is_noticed_though_its_listener_lingers() -> None:
    may_end = threading.Event()

    class Lingering(Machine):
        def _listen(self) -> None:
            super()._listen()
            may_end.wait(LONG)

    machine = Lingering("print('so much')")
    with pytest.raises(RuntimeError, match="ended without saying 'ready'"):
        machine.wait_for("ready", LONG / 2)
    may_end.set()
    machine.close()


@pytest.mark.parametrize("end", [Machine.kill, Machine.close])
def test_a_machine_that_would_run_for_ever_can_be_ended(end: object) -> None:
    machine = Machine(FOR_EVER)
    machine.wait_for("ready")
    end(machine)  # type: ignore[operator]
    assert not machine.is_running
    machine.go_on()
    machine.close()
    machine.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT for one process")
def test_an_interrupt_of_the_notebook_leaves_it_running() -> None:
    with Machine(TWO_PLACES) as machine:
        machine.wait_for("one")
        os.kill(machine.pid, signal.SIGINT)
        machine.go_on()
        machine.wait_for("two")


def test_a_machine_ends_with_the_process_that_made_it_even_if_that_is_killed() -> None:
    code = f"""
from eventkit.lab import Machine
machine = Machine({FOR_EVER!r})
machine.wait_for("ready")
print(machine.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        machine = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
        _, alive = psutil.wait_procs([machine], timeout=LONG)
    assert not alive


def test_a_machine_that_ends_too_early_says_why() -> None:
    with (
        Machine("1 / 0") as machine,
        pytest.raises(RuntimeError, match=r"without saying 'ready'(.|\n)*ZeroDivisionError"),
    ):
        machine.wait_for("ready")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        machine.wait_for("ready")  # it is closed by now


def test_nobody_waits_for_ever_for_what_a_machine_does_not_say() -> None:
    with (
        Machine(FOR_EVER) as machine,
        pytest.raises(TimeoutError, match=r"did not say 'seven' within 0\.1 s"),
    ):
        machine.wait_for("seven", timeout=0.1)
