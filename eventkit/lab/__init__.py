"""The course: the code behind the notebooks, with a folder for each lesson."""

import sys
from importlib.util import find_spec

if not hasattr(sys.modules["eventkit"], "EventBus"):
    raise ImportError(
        "another package named eventkit is installed here, or was and took our files with it. "
        "Run: pip uninstall eventkit, then pip install --force-reinstall --no-deps "
        "eventkit-notebooks (in a clone, write -e . instead of eventkit-notebooks), and restart "
        "the kernel."
    )

import lazy_loader

for _name in ("anywidget", "IPython", "ipywidgets", "matplotlib"):
    if find_spec(_name) is None:
        raise ImportError(
            f"the lessons need {_name}, which is not installed here. "
            "Run: pip install 'eventkit-notebooks[lab]'"
        )

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
