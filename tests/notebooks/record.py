"""Runs notebooks and records their outputs: `python tests/notebooks/record.py notebooks/*.ipynb`.

The one tool by which outputs are made. What would differ from one recording or machine to the next
is taken out, so that a second recording changes nothing but cells tagged nbval-ignore-output and
the journeys of replays, which are in the outputs' metadata.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute(path: Path) -> None:
    """Run the notebook in a fresh kernel and write its outputs into the file."""
    options = {"timeout": 300, "store_widget_state": False, "record_timing": False}
    flags = [f"--ExecutePreprocessor.{name}={value}" for name, value in options.items()]
    nbconvert = [sys.executable, "-m", "nbconvert", "--to=notebook", "--execute", "--inplace"]
    nobodys = os.environ | {"EVENTKIT_PROGRESS": "off"}  # a recording learns nothing
    subprocess.run([*nbconvert, "--log-level=WARN", *flags, path], check=True, env=nobodys)


def normalise(notebook: Any) -> None:
    """Take out of the notebook what is of one machine or of one run."""
    # Without a Python version: whoever records with another one changes no line by it.
    notebook.metadata = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        for view in ("collapsed", "scrolled", "execution", "ExecuteTime", "trusted", "slideshow"):
            cell.metadata.pop(view, None)
        if cell.cell_type == "markdown":
            cell.metadata["slideshow"] = {"slide_type": slide_type(cell.source)}
        if "outputs" in cell:
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            without_kernel(output)
            if "traceback" in output:
                output.traceback = [line.replace(f"{ROOT}/", "") for line in output.traceback]


def without_kernel(output: Any) -> None:
    """Leave what can be shown where no kernel runs: the picture, if the panel has one."""
    data = output.get("data", {})
    if WIDGET in data and "text/html" in data:
        del data[WIDGET]
    elif WIDGET in data:  # JupyterLab hides a view of the empty model, and complains of a lost one
        data[WIDGET]["model_id"] = ""


def slide_type(source: str) -> str:
    """Return where a text stands in `jupyter nbconvert --to slides`: a part of the lesson goes from
    left to right, and its texts, each with the code below it, from top to bottom.
    """
    return "slide" if source.startswith(("# ", "## ")) else "subslide"


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs with each stream in one piece: how a kernel happened to cut it is no content."""
    whole: list[Any] = []
    for output in outputs:
        before = whole[-1] if whole else None
        if before and "name" in output and before.get("name") == output.name:
            before.text += output.text
        else:
            whole.append(output)
    return whole


def main(names: list[str]) -> int:
    """Record every notebook that is named; stops at the first that fails."""
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *names], check=True)
    for name in names:
        print(f"==> {name}", flush=True)
        path = Path(name)
        execute(path)
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        normalise(notebook)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
