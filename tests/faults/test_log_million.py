"""A million events of a log are read in flat memory."""

from __future__ import annotations

import gc
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest

import eventkit as ek

MILLION = 1_000_000

FILL = """
with recursive number (n) as (select 1 union all select n + 1 from number where n < ?)
insert into events select n, 'a.' || (n % 10), '/filled', n, 1.8e9 + n, 0, cast(
    '{"specversion":"1.0","id":"' || n || '","source":"/filled","type":"a.' || (n % 10) ||
    '","data":{"count":' || n || ',"text":"some text that an event may carry"}}' as blob)
from number
"""


def resident() -> float:
    """MiB of this process in memory now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_events_are_read_in_order_and_in_flat_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"
    ek.open_log(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:  # quicker than appending
        database.execute("begin")
        database.execute(FILL, (MILLION,))
        database.execute("commit")

    with ek.open_log(path) as log:
        assert sum(1 for _ in log.read(limit=50_000)) == 50_000  # its caches are filled
        gc.collect()
        before = peak = resident()
        began, expected = perf_counter(), 0
        for entry in log.read():
            expected += 1
            assert entry.sequence == expected == entry.data["count"]
            if not expected % 10_000:
                peak = max(peak, resident())
        seconds = perf_counter() - began
        assert sum(1 for _ in log.read(topic="a.7")) == MILLION // 10
        assert sum(1 for _ in log.read(topic="*.7")) == MILLION // 10
        peak = max(peak, resident())

    assert expected == MILLION
    assert peak - before < 20
    with capsys.disabled():
        print(
            f"\n1,000,000 events read in {seconds:.1f} s; resident memory {before:.1f} MiB before, "
            f"{peak - before:.1f} MiB more at the peak"
        )
