"""What only notebooks use: panels, live views, figures, predictions and exercise checks."""

try:
    import anywidget as _anywidget  # noqa: F401
    import IPython as _IPython  # noqa: F401
    import ipywidgets as _ipywidgets  # noqa: F401
    import matplotlib as _matplotlib  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f"the lessons need {missing.name}, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[lab]'"
    ) from missing

from .attacker import AttackersConsole
from .back_pressure import Passage
from .bench import FilterBench, FilterRun, bench_figure, bench_table, drawn, most_within
from .cable import Cable
from .careless import Unauthenticated, Unbound, flip
from .check import Exercise
from .counter import Counter, CounterPanel
from .dashboard import Dashboard
from .doors import Door, Posted, Tap, connect, post
from .explorer import PartsExplorer
from .figures import Picture, responses_figure, waterfall_figure
from .hockey import HockeyStick, LoadRun, hockey_figure, hockey_table, run_together
from .look import Panel
from .machine import Machine
from .painter import Painter
from .partition_panel import PartitionSwitch
from .percentiles import percentiles_figure
from .picker import InterleavingPicker, outcomes_table, schedule_table
from .predict import Prediction
from .progress import Progress
from .race import Race, RacePanel
from .rebuild import rebuild_figure
from .replay import Replay, Stage, replay
from .session import assert_clean, setup, table, verdict
from .tank import Tank, tank_figure, tank_table
from .tank_panel import TankPanel
from .time_travel import TimeSlider
from .tracer import ClickTracer
from .ways import Ways, WaysPanel, ways_figure, ways_table
from .worker import run_worker

__all__ = [
    "AttackersConsole",
    "Cable",
    "ClickTracer",
    "Counter",
    "CounterPanel",
    "Dashboard",
    "Door",
    "Exercise",
    "FilterBench",
    "FilterRun",
    "HockeyStick",
    "InterleavingPicker",
    "LoadRun",
    "Machine",
    "Painter",
    "Panel",
    "PartitionSwitch",
    "PartsExplorer",
    "Passage",
    "Picture",
    "Posted",
    "Prediction",
    "Progress",
    "Race",
    "RacePanel",
    "Replay",
    "Stage",
    "Tank",
    "TankPanel",
    "Tap",
    "TimeSlider",
    "Unauthenticated",
    "Unbound",
    "Ways",
    "WaysPanel",
    "assert_clean",
    "bench_figure",
    "bench_table",
    "connect",
    "drawn",
    "flip",
    "hockey_figure",
    "hockey_table",
    "most_within",
    "outcomes_table",
    "percentiles_figure",
    "post",
    "rebuild_figure",
    "replay",
    "responses_figure",
    "run_together",
    "run_worker",
    "schedule_table",
    "setup",
    "table",
    "tank_figure",
    "tank_table",
    "verdict",
    "waterfall_figure",
    "ways_figure",
    "ways_table",
]
