"""Machine: a program in its own process, as on another machine, to be killed at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_LIFELINE = Path(__file__).with_name("lifeline.py").read_text("utf-8")


class Machine:
    """A Python program that runs beside this one and shares nothing with it.

    Its lines on stdout are in `said`. Where it calls `here(place)`, it stays until `go_on()`. Where
    it calls `heard()`, it waits for a line from `send`. It ends with `close()`, at the end of a
    with block, with `kill()`, and with the process that made it, however that ends. An interrupt of
    the notebook leaves it running.
    """

    def __init__(
        self, program: str, *arguments: object, hear: Callable[[str], None] | None = None
    ) -> None:
        self.said: list[str] = []
        self._hear = hear
        self._has_ended = False  # and all that it said has been read
        self._news = threading.Condition()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the machine
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-c", _LIFELINE + program, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, encoding="utf-8",
        )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, name="machine", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def wait_for(self, line: str, timeout: float = 20.0) -> None:
        """Wait until the program has printed this line.

        Raises RuntimeError, with the program's output, if it ends before. Raises TimeoutError after
        `timeout` seconds.
        """
        with self._news:
            heard = self._news.wait_for(lambda: line in self.said or self._has_ended, timeout)
        if not heard:
            raise TimeoutError(f"it did not say {line!r} within {timeout} s, but {self.said}.")
        if line not in self.said:
            raise RuntimeError(f"it ended without saying {line!r}. {self._last_words()}")

    def go_on(self) -> None:
        """Let the program go on from the place where it waits."""
        self._write(".")

    def send(self, line: str) -> None:
        """Send the program a line. It is lost if the program has ended."""
        self._write(line + "\n")

    def kill(self) -> None:
        """End it at once, as with kill -9: no clean-up, no warning."""
        self._process.kill()
        self._process.wait()
        self._listener.join()

    def close(self) -> None:
        """End the program. Can be called twice."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._listener.join()
        self._process.stdout.close()
        self._words = self._last_words()
        self._errors.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended meanwhile
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._tell(line.strip())
        finally:
            self._tell(None)

    def _tell(self, line: str | None) -> None:
        with self._news:
            if line is None:
                self._has_ended = True
            else:
                self.said.append(line)
            self._news.notify_all()
        if line is not None and self._hear is not None:
            self._hear(line)

    def _last_words(self) -> str:
        if self._errors.closed:
            return self._words
        os.lseek(self._errors.fileno(), 0, os.SEEK_SET)
        return f"It said {self.said}.\n{self._errors.read().decode(errors='replace')}"
