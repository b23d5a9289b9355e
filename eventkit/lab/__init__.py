"""What only notebooks use: panels, live views, figures, predictions and exercise checks."""

from .check import Exercise
from .counter import Counter, CounterPanel
from .explorer import PartsExplorer
from .figures import Picture, responses_figure, waterfall_figure
from .live import LiveView
from .look import Panel
from .painter import Painter
from .predict import Prediction
from .race import Race, RacePanel
from .session import assert_clean, setup, table, verdict
from .tracer import ClickTracer

__all__ = [
    "ClickTracer",
    "Counter",
    "CounterPanel",
    "Exercise",
    "LiveView",
    "Painter",
    "Panel",
    "PartsExplorer",
    "Picture",
    "Prediction",
    "Race",
    "RacePanel",
    "assert_clean",
    "responses_figure",
    "setup",
    "table",
    "verdict",
    "waterfall_figure",
]
