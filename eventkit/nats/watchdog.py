"""The process between a nats-server and its owner: it ends the server when the owner has gone.

    python watchdog.py FOLDER COMMAND...

It starts the command and reads from a pipe that the owner holds open. When the owner ends, also by
a crash or kill -9, the pipe closes. Then the watchdog ends the command and removes the folder. It
runs in a session of its own, so an interrupt of the owner does not reach it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading

_GRACE = 5.0  # seconds for the server to end by itself


def main(folder: str, *command: str) -> None:
    """Run the command until it ends or the owner has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_the_watchdog if sys.platform == "linux" else None,
    )
    signal.signal(signal.SIGTERM, lambda *_: end(server))
    is_alone = threading.Event()
    threading.Thread(target=_watch, args=(server, is_alone), daemon=True).start()
    code = server.wait()
    if is_alone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(abs(code))


def end(server: subprocess.Popen[bytes]) -> None:
    """Terminate the server, and kill it if it has not ended after 5 s."""
    server.terminate()
    if sys.platform != "win32":
        server.send_signal(signal.SIGCONT)  # a frozen process cannot handle SIGTERM
    try:
        server.wait(_GRACE)
    except subprocess.TimeoutExpired:
        server.kill()


def _watch(server: subprocess.Popen[bytes], is_alone: threading.Event) -> None:
    while os.read(0, 1):
        pass
    is_alone.set()
    end(server)


def _die_with_the_watchdog() -> None:
    """Have the kernel kill the server if the watchdog is killed. Only Linux offers that."""
    import ctypes

    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
