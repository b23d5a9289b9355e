"""A replay as HTML that plays without a kernel: for the site, or a file to send."""

from __future__ import annotations

import base64
import json
from typing import Any

from ..panels.panel import script

_SCRIPTS = [
    "positions.js",
    "canvas.js",
    "dots.js",
    "waterfall.js",
    "stage.js",
    "player.js",
    "replay.js",
]
SCRIPT = script(__file__, *_SCRIPTS)


def as_text(side: dict[str, Any]) -> dict[str, Any]:
    """Return a side of a stage as JSON can hold it, its bytes in base64."""
    packed = {name: base64.b64encode(side[name]).decode() for name in ("stamps", "marks")}
    return side | packed


def as_html(recorded: dict[str, Any]) -> str:
    """Return HTML that plays what `Replay.recorded` returned."""
    # no text of it may end the script, or hide its end
    inside = json.dumps(recorded).replace("<", r"\u003c")
    return (
        '<div class="ek-panel ek-replay" role="group"></div>\n<script type="module">\n'
        f"const recorded = {inside};\n{SCRIPT}\n{script(__file__, 'page.js')}</script>\n"
    )
