from .course.exercise import Exercise as Exercise
from .course.predict import Prediction as Prediction
from .course.progress import Progress as Progress
from .course.session import (
    assert_clean as assert_clean,
    setup as setup,
    table as table,
    verdict as verdict,
)
from .lesson00.click_tracer import ClickTracer as ClickTracer
from .lesson01.parts_explorer import PartsExplorer as PartsExplorer
from .lesson02.counter import Counter as Counter, CounterPanel as CounterPanel
from .lesson02.flood import Flood as Flood
from .lesson03.race import Race as Race, RacePanel as RacePanel
from .lesson03.tables import (
    taken_apart as taken_apart,
    trials_table as trials_table,
    waiting_table as waiting_table,
)
from .lesson04.asking import import_green_socket as import_green_socket
from .lesson04.five_ways import Ways as Ways, ways_figure as ways_figure, ways_table as ways_table
from .lesson04.tables import (
    computing_table as computing_table,
    hearts_table as hearts_table,
    places_table as places_table,
)
from .lesson04.ways_panel import WaysPanel as WaysPanel
from .lesson05.schedule_picker import (
    InterleavingPicker as InterleavingPicker,
    outcomes_table as outcomes_table,
    schedule_table as schedule_table,
)
from .lesson06.load_curve import load_figure as load_figure, load_table as load_table
from .lesson06.load_panel import LoadCurve as LoadCurve
from .lesson06.load_run import LoadRun as LoadRun, run_together as run_together
from .lesson06.percentiles import percentiles_figure as percentiles_figure
from .lesson06.virtual_run import VirtualRun as VirtualRun
from .lesson07.back_pressure import Passage as Passage
from .lesson07.tank import Tank as Tank, tank_figure as tank_figure, tank_table as tank_table
from .lesson07.tank_panel import TankPanel as TankPanel
from .lesson08.burst_bench import (
    BurstBench as BurstBench,
    bench_figure as bench_figure,
    bench_table as bench_table,
)
from .lesson08.claims import check_filters as check_filters
from .lesson08.exact import counted_table as counted_table, drawn as drawn, show_flows as show_flows
from .lesson08.filter_bench import FilterBench as FilterBench
from .lesson08.filter_run import FilterRun as FilterRun
from .lesson08.quotas import (
    keeps_quota as keeps_quota,
    knock as knock,
    most_within as most_within,
    quota_table as quota_table,
)
from .lesson09.rebuild_cost import rebuild_figure as rebuild_figure
from .lesson09.time_slider import TimeSlider as TimeSlider
from .lesson10.partition_panel import PartitionSwitch as PartitionSwitch
from .lesson11.answers import answers_table as answers_table, opened as opened
from .lesson11.attack_console import AttackersConsole as AttackersConsole
from .lesson11.audit_table import audit_table as audit_table
from .lesson11.broken_ciphers import (
    Unauthenticated as Unauthenticated,
    Unbound as Unbound,
    flip as flip,
    refusal as refusal,
)
from .lesson11.disk import keeping_on_disk as keeping_on_disk
from .lesson11.impostor import expired_certificate as expired_certificate, tempt as tempt
from .lesson11.insecure_servers import (
    Door as Door,
    Posted as Posted,
    Tap as Tap,
    connect as connect,
    post as post,
)
from .lesson11.nonce_reuse import forge as forge
from .lesson11.price import (
    median_time as median_time,
    message_prices as message_prices,
    price_table as price_table,
)
from .lesson11.revoking import seen_of_two as seen_of_two
from .lesson11.sending import send as send, send_event as send_event
from .lesson12.dashboard import Dashboard as Dashboard
from .panels.figures import (
    Picture as Picture,
    responses_figure as responses_figure,
    waterfall_figure as waterfall_figure,
)
from .panels.painter import Painter as Painter
from .panels.panel import Panel as Panel
from .processes.child import Machine as Machine
from .processes.killable_worker import run_worker as run_worker
from .processes.tcp_proxy import Cable as Cable
from .replay_view.replay import Replay as Replay, Stage as Stage, replay as replay

__all__: list[str]
