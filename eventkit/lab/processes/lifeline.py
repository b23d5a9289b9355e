"""Code put before the program of a Machine: the program ends with its owner, and can be held up.

`here(place)` prints the place and waits until the owner lets the program go on. `heard()` waits for
a line from the owner.
"""

import os
import queue
import signal
import threading

_signs: "queue.SimpleQueue[bytes]" = queue.SimpleQueue()


def here(place: str) -> None:
    print(place, flush=True)
    _signs.get()


def heard() -> str:
    return b"".join(iter(_signs.get, b"\n")).decode()


def _listen() -> None:
    while sign := os.read(0, 1):
        _signs.put(sign)
    os._exit(0)  # the owner has closed the pipe, or has ended


signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for the owner only
threading.Thread(target=_listen, daemon=True).start()
