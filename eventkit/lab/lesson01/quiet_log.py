"""Keeps a bus's log lines out of the page, where they would be many lines in red."""

from __future__ import annotations

import io
import logging


def log_to_string() -> io.StringIO:
    """Send what eventkit logs from now on to the returned string, and nowhere else."""
    log = io.StringIO()
    logger = logging.getLogger("eventkit")
    logger.addHandler(logging.StreamHandler(log))
    logger.propagate = False
    return log
