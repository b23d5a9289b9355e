"""The disk fails at each write and at each sync, and what is acknowledged is synced.

A small library in C, compiled here and loaded before the C library, counts and fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD and /proc"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("faulty") / "faulty_disk.so"
    command = [str(COMPILER), "-shared", "-fPIC", "-Wall", "-Werror", "-O1"]
    command += ["-o", str(library), str(HERE / "faulty_disk.c"), "-ldl"]
    subprocess.run(command, check=True)
    return library


def figures(name: str, library: Path, folder: Path) -> list[int]:
    """Run a scenario on the faulty disk; what it counted."""
    place = folder / "place"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.disk_scenarios", name, str(place)],
        env={**os.environ, "LD_PRELOAD": str(library)},
        cwd=HERE.parents[1],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return [int(figure) for figure in done.stdout.split()]


@pytest.mark.long
def test_whatever_write_or_sync_fails_nothing_acknowledged_is_lost_and_the_log_is_whole(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fired, refused = figures("each_fails", library, tmp_path)

    assert fired > 100 and refused > 40  # the others hit closing, which keeps what is stored
    with capsys.disabled():
        print(f"\n{fired} faults, one each; somebody was refused something in {refused} of them")


def test_an_append_whose_write_or_sync_fails_raises_and_can_be_repeated(
    library: Path, tmp_path: Path
) -> None:
    (fired,) = figures("append_fails", library, tmp_path)

    assert fired >= 5


def test_a_disk_that_is_full_for_a_while_is_told_to_all_who_wait(
    library: Path, tmp_path: Path
) -> None:
    (refused,) = figures("full_for_a_while", library, tmp_path)

    assert refused > 8


def test_what_is_acknowledged_is_synced_and_many_share_a_sync(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    appends, syncs = figures("synced", library, tmp_path)

    assert 0 < syncs < appends / 2
    with capsys.disabled():
        print(f"\n{appends} appends by 32 threads took {syncs} syncs")
