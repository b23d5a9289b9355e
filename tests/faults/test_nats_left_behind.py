"""A nats-server ends with its owner, however that ends. An interrupt leaves it running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]
import pytest
from jupyter_client.manager import start_new_kernel

import eventkit as ek
from eventkit.testing import wait_until

ROOT = Path(__file__).parents[2]
LONG = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and sessions")

START = "import eventkit as ek; server = ek.NatsServer(); print(server.pid, server.folder)"


def owner(*more: str) -> subprocess.Popen[str]:
    """A process that owns a server and waits for its end."""
    code = "\n".join([START.replace("folder)", "folder, flush=True)"), *more])
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, encoding="utf-8", cwd=ROOT,
    )  # fmt: skip


class Started(NamedTuple):
    server: psutil.Process
    watchdog: psutil.Process
    folder: Path

    def assert_gone(self) -> None:
        _, alive = psutil.wait_procs([self.server, self.watchdog], timeout=LONG)
        assert not alive and not self.folder.exists()


def started(line: str) -> Started:
    pid, folder = line.split()
    server = psutil.Process(int(pid))
    return Started(server, server.parent(), Path(folder))


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize(
    "ending",
    ["pass", "1 / 0", "os._exit(1)", "os.kill(os.getpid(), 15)", "os.kill(os.getpid(), 9)"],
)
def test_none_is_left_when_its_owner_ends(ending: str) -> None:
    with owner("import os; input()", ending) as process:
        it = started(line_of(process))
        process.communicate("\n", timeout=LONG)
    it.assert_gone()


def test_none_is_left_when_its_owner_is_killed_and_a_forked_child_lives_on() -> None:
    fork = "import os, time; child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)"
    with owner(fork) as process:
        it = started(line_of(process))
        child = psutil.Process(int(line_of(process)))
        process.send_signal(signal.SIGKILL)
        it.assert_gone()
        assert child.is_running()
        child.kill()


CHILD = """
import os, sys
child = os.fork()
if not child:
    for call in (server.start, server.stop, server.kill, server.reload, server.freeze):
        try:
            call()
        except RuntimeError as problem:
            assert "make a NatsServer in the child" in str(problem)
        else:
            sys.exit(f"{call} was done in the child")
    server.close()
    sys.exit(0)
_, status = os.waitpid(child, 0)
print(status, server.is_running, server.monitor("varz")["server_name"] == server.name, flush=True)
"""


def test_a_forked_child_leaves_the_server_to_its_parent() -> None:
    with owner(CHILD, "input()") as process:
        it = started(line_of(process))
        assert line_of(process) == "0 True True\n"
        assert it.folder.exists()
        process.communicate("\n", timeout=LONG)
    it.assert_gone()


def test_none_is_left_when_the_watchdog_is_killed_too() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    with owner("input()") as process:
        it = started(line_of(process))
        it.watchdog.kill()
        psutil.wait_procs([it.server], timeout=LONG)
        process.communicate("\n", timeout=LONG)
    it.assert_gone()


@pytest.mark.long
def test_none_is_left_when_a_test_run_is_aborted(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        "import os, eventkit as ek\n"
        "def test_it():\n"
        "    server = ek.NatsServer()\n"
        "    print(server.pid, server.folder, flush=True)\n"
        "    os.kill(os.getpid(), 2)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(test)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=LONG * 2
    )
    assert "KeyboardInterrupt" in done.stdout
    pid, folder = next(line for line in done.stdout.splitlines() if "eventkit-nats" in line).split()
    assert not psutil.pid_exists(int(pid)) and not Path(folder).exists()


@pytest.fixture
def kernel() -> Iterator[tuple[Any, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: Any, code: str) -> str:
    """Run a cell and return what it prints."""
    text: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        text.append(content.get("text") or "\n".join(content.get("traceback", [])))

    client.execute_interactive(code, output_hook=hear, timeout=LONG)
    return "".join(text)


@pytest.mark.long
def test_a_server_survives_the_interrupt_of_its_kernel(kernel: tuple[Any, Any]) -> None:
    manager, client = kernel
    it = started(run(client, START))
    waiting = client.execute("import time; print('here', flush=True); time.sleep(60)")
    while True:
        message = client.get_iopub_msg(timeout=LONG)
        if message["parent_header"].get("msg_id") == waiting and message["msg_type"] == "stream":
            break
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=LONG)["content"]["ename"] == "KeyboardInterrupt"
    assert run(client, "print(server.monitor('varz')['server_name'] == server.name)") == "True\n"
    run(client, "server.close()")
    it.assert_gone()


@pytest.mark.long
@pytest.mark.parametrize("now", [False, True], ids=["restart", "restart at once"])
def test_none_is_left_when_its_kernel_is_restarted(kernel: tuple[Any, Any], now: bool) -> None:
    manager, client = kernel
    it = started(run(client, START))
    manager.restart_kernel(now=now)
    it.assert_gone()


@pytest.mark.long
def test_none_is_left_when_its_kernel_is_killed(kernel: tuple[Any, Any]) -> None:
    _, client = kernel
    it = started(run(client, START))
    psutil.Process(int(run(client, "import os; print(os.getpid())"))).kill()
    it.assert_gone()


def test_a_thread_that_uses_the_pipe_during_a_fork_does_not_hang_the_child() -> None:
    with ek.NatsServer() as server:
        watchdog = server._watchdog
        assert watchdog is not None and watchdog.stdin is not None
        os.kill(watchdog.pid, signal.SIGSTOP)  # so that a large write does not end
        threading.Thread(target=watchdog.stdin.write, args=(bytes(1 << 20),), daemon=True).start()
        time.sleep(0.1)
        child = os.fork()
        if child == 0:
            os._exit(0)
        try:
            wait_until(lambda: os.waitpid(child, os.WNOHANG)[0] == child)
        finally:
            os.kill(watchdog.pid, signal.SIGCONT)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
