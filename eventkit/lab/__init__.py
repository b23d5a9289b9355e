"""The course: the code behind the notebooks, with a folder for each lesson."""

from importlib.util import find_spec

import lazy_loader

for _name in ("anywidget", "IPython", "ipywidgets", "matplotlib"):
    if find_spec(_name) is None:
        raise ImportError(
            f"the lessons need {_name}, which is not installed here. "
            "Run: pip install 'eventkit-notebooks[lab]'"
        )

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
