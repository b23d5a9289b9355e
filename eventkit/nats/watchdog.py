"""The process between a nats-server and its owner, so that neither a crash nor kill -9 leaves it.

    python watchdog.py FOLDER COMMAND...

It starts the command and holds the reading end of a pipe from the owner. When the owner is gone,
for whatever reason, the pipe ends: then so does the command, and the folder is removed. It stands
in a session of its own, where an interrupt that is meant for the owner does not reach it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading

_GRACE = 5.0  # seconds that the server has to end by itself


def main(folder: str, *command: str) -> None:
    """Run the command until it ends or the owner is gone."""
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
    """End the server, kindly if it lets itself be."""
    server.terminate()
    if sys.platform != "win32":
        server.send_signal(signal.SIGCONT)  # one that is frozen could not hear it
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
    """Should the watchdog itself be killed, the kernel ends its child. Only Linux offers that."""
    import ctypes

    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
