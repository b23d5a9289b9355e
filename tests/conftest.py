"""For all tests: garbage is looked for among what the present module has made.

Thousands of tests leave hundreds of megabytes that live on (modules, examples, reports). To look
through those again and again would make the later tests many times slower than they are alone.
"""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def what_is_there_already_is_no_garbage() -> None:
    gc.collect()
    gc.freeze()
