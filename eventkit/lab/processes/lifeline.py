"""What stands before the program of a Machine: it ends when its owner does, and can be held up.

In the program, `here(place)` says where it is and waits until it is let go on.
"""

import os
import queue
import signal
import threading

_signs: "queue.SimpleQueue[bytes]" = queue.SimpleQueue()


def here(place: str) -> None:
    print(place, flush=True)
    _signs.get()


def _listen() -> None:
    while sign := os.read(0, 1):
        _signs.put(sign)
    os._exit(0)  # the owner has let go, or is no more


signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for the owner alone
threading.Thread(target=_listen, daemon=True).start()
