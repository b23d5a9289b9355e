"""The site: how Sphinx makes it of the sources that `build.py` writes."""

from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

project = "eventkit"
author = "the eventkit-notebooks contributors"
version = release = version_of("eventkit-notebooks")
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # recorded widgets are HTML by now
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = "eventkit"
HERE = Path(__file__).parent
html_static_path = [str(HERE / "static"), str(HERE.parents[1] / "eventkit/lab/panels/panel.css")]
html_css_files = ["panel.css", "site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False


def _is_noise(_app: object, _what: str, _name: str, member: object, skip: bool, _: object) -> bool:
    """Leave out the fields of named tuples, of which Python says only their numbers."""
    return skip or str(member.__doc__).startswith("Alias for field number")


def setup(app: Any) -> None:
    """Connect what Sphinx asks for each member."""
    app.connect("autodoc-skip-member", _is_noise)
