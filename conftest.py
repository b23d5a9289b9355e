"""What tests and notebooks share under pytest, however it is started: no settings of one's own.

Settings of the user's own IPython change what cells print. And a shell that starts pytest in the
background lets it ignore SIGINT; programs that tests start would inherit that, and could not be
interrupted.
"""

from __future__ import annotations

import os
import signal
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.TemporaryDirectory(prefix="ipython-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["IPYTHONDIR"] = folder.name
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
