"""Handouts: the lessons as a class gets them, without solutions and without what comes out.

    python -m eventkit.lab.handout --to handout notebooks/*.ipynb

A handout has the lesson's text, code and hints. Its outputs are gone, so that nobody reads the
answer to a prediction before making it; the code of a prediction, which has the reasons in it, is
folded; and the help below an exercise offers no solution. Who reads the package still finds one:
it keeps honest people honest.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from .derived import command

_HELP = re.compile(r"\.help\(\)")


def without_solutions(notebook: Any) -> Any:
    """Turn a lesson, as nbformat reads it, into its handout; the same object is returned."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        cell.source = _HELP.sub(".help(solution=False)", cell.source)
        if "predict" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return notebook


def main(arguments: list[str]) -> int:
    """Write the handouts; see `derived.command`."""
    return command(
        without_solutions,
        arguments,
        module="eventkit.lab.handout",
        description="Write lessons without solutions, outputs or answers in view.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
