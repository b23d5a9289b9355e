"""The start of a lesson: what is missing is named, and settings that change its cells are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]
CONFIG = """
c = get_config()
c.InteractiveShell.ast_node_interactivity = "all"
c.PlainTextFormatter.max_width = 40
"""


@pytest.mark.parametrize("module", ["ipywidgets", "matplotlib", "anywidget", "IPython"])
def test_a_part_that_is_missing_is_named_and_how_to_get_it(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import eventkit as ek; ek.lab"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: the lessons need {module}, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[lab]'"
    )


def test_a_thread_that_exits_is_no_failure_of_the_lesson() -> None:
    code = (
        "import sys, threading; from eventkit import lab; lab.setup()\n"
        "for target in (sys.exit, lambda: 1 / 0):\n"
        "    thread = threading.Thread(target=target); thread.start(); thread.join()\n"
        "lab.assert_clean()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert "ZeroDivisionError" in done.stderr and "SystemExit" not in done.stderr


def printed_by_setup(ipython: Path) -> str:
    """What `lab.setup` prints in a kernel whose user has this folder for IPython."""
    texts: list[str] = []
    manager, client = start_new_kernel(env=os.environ | {"IPYTHONDIR": str(ipython)})
    try:
        client.execute_interactive(
            "from eventkit import lab; lab.setup()",
            output_hook=lambda message: texts.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return "".join(texts)


def test_settings_of_the_users_own_are_named_when_a_lesson_begins(tmp_path: Path) -> None:
    profile = tmp_path / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "ipython_config.py").write_text(CONFIG, encoding="utf-8")
    (profile / "startup" / "00-mine.py").write_text("import math", encoding="utf-8")
    said = printed_by_setup(tmp_path)
    assert (
        "Your own IPython settings are in use (InteractiveShell.ast_node_interactivity, "
        "PlainTextFormatter.max_width, startup/00-mine.py)"
    ) in said
    assert "`make lab`" in said and "IPYTHONDIR" in said


def test_without_such_settings_nothing_is_said_of_them(tmp_path: Path) -> None:
    said = printed_by_setup(tmp_path)
    assert "ipykernel" in said
    assert "settings" not in said
