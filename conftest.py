"""What tests and notebooks share under pytest, however it is started: no settings of one's own.

Settings of the user's own IPython change what cells print. And a shell that starts pytest in the
background lets it ignore SIGINT; programs that tests start would inherit that, and could not be
interrupted.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.TemporaryDirectory(prefix="ipython-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["IPYTHONDIR"] = folder.name
    if sys.platform == "linux" and config.getoption("nbval", False):
        reach_kernels_without_ports(folder.name)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def reach_kernels_without_ports(folder: str) -> None:
    """Have nbval talk to its kernels over sockets in a folder.

    Otherwise it looks for free ports, which a kernel takes a second later. By then one of them may
    belong to one of the thousand connections of lesson 04, which runs beside it, and the kernel
    never answers.
    """
    import nbval.kernel
    from jupyter_client.manager import KernelManager

    number = itertools.count().__next__

    class WithoutPorts(KernelManager):
        def __init__(self, **options: Any):
            super().__init__(transport="ipc", ip=f"{folder}/{number()}", **options)

    nbval.kernel.KernelManager = WithoutPorts
