"""The tank: what a bounded queue does, in theory and on the clock, and the panel that shows it."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

import pytest

from eventkit import Event, EventBus, Journey, QueueFull, Threads
from eventkit.executors.queue import Overflow
from eventkit.lab import Passage, Tank, TankPanel, run_together, tank_figure, tank_table
from eventkit.lab.lesson07.claims import claims, compare_policies
from eventkit.lab.lesson07.follower import Follower, Lost, Places
from eventkit.lab.lesson07.tables import level_table, overload_table, passage_table
from eventkit.lab.lesson07.tank import POLICIES
from eventkit.lab.lesson07.tank_picture import APART, MOST_DOTS, Flow, _round_up, picture_of
from eventkit.lab.replay_view.positions import Place, Whereabouts
from eventkit.lab.theory.queueing import response_times
from eventkit.testing import LONG, Gate, wait_until

# Ten jobs at once, each of 10, one worker, room for three to wait.
TEN = ([0] * 10, [10] * 10, 1, 3)


@pytest.mark.parametrize("servers", [1, 2, 5])
@pytest.mark.parametrize("capacity", [None, 1, 2, 7])
def test_without_a_bound_or_with_block_it_is_the_queue_of_theory(
    servers: int, capacity: int | None
) -> None:
    chance = random.Random(7)
    arrivals = list(itertools.accumulate(chance.expovariate(100) for _ in range(500)))
    services = [chance.expovariate(60) for _ in range(500)]
    passage = Passage(arrivals, services, servers, capacity, "block")
    assert passage.responses == pytest.approx(response_times(arrivals, services, servers))
    assert passage.most <= (capacity or 500)


@pytest.mark.parametrize("overflow", ["drop_newest", "raise"])
def test_what_comes_last_is_given_up(overflow: Overflow) -> None:
    passage = Passage(*TEN, overflow)
    assert passage.responses == [10, 20, 30, 40, *[None] * 6]
    assert (passage.given_up, passage.most, max(passage.late)) == (6, 3, 0)


def test_what_has_waited_longest_is_given_up() -> None:
    passage = Passage(*TEN, "drop_oldest")
    assert passage.responses == [10, *[None] * 6, 20, 30, 40]


def test_whoever_fires_is_held_up_until_half_is_free() -> None:
    passage = Passage(*TEN, "block")
    assert passage.answered == [10 * number for number in range(1, 11)]
    assert passage.late == [0, 0, 0, 0, 20, 20, 40, 40, 60, 60]


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "raise"])
def test_a_real_queue_gives_up_the_same_ones(bus: EventBus, gate: Gate, overflow: Overflow) -> None:
    bus.subscribe("job", gate, executor=Threads(1, capacity=3, overflow=overflow))
    events = [bus.fire("job")]
    gate.wait_entered()
    for _ in range(9):
        events.append(Event("job"))
        with suppress(QueueFull):
            bus.publish(events[-1])
    gate.open()
    bus.drain(LONG)

    responses = Passage(*TEN, overflow).responses
    answered = [event for event, time in zip(events, responses, strict=True) if time is not None]
    assert gate.handled == answered


def fire_five(tank: Tank) -> None:
    for _ in range(5):
        tank._fire(perf_counter_ns())


def test_a_real_queue_holds_up_its_producer_until_half_is_free() -> None:
    may_end = threading.Semaphore(0)
    tank = Tank(capacity=4)
    tank._handle = lambda _: may_end.acquire()  # type: ignore[method-assign, assignment]
    follower, lengths = Follower(tank), []
    with tank.opened():
        tank._fire(perf_counter_ns())
        wait_until(lambda: follower.look().working == [1])
        thread = threading.Thread(target=fire_five, args=[tank])
        thread.start()
        wait_until(lambda: follower.look().held_up == 6)
        for number in (2, 3):
            lengths.append(len(follower.look().waiting))
            assert follower.look().held_up == 6
            may_end.release()
            wait_until(lambda: number in follower.look().working)  # noqa: B023
        thread.join(LONG)
        may_end.release(10)
    assert lengths == [4, 3]
    assert tank.came == 6 and tank.held_up > 0


def test_a_passage_knows_who_waits_at_any_moment() -> None:
    expected = {"block": [3, 2, 3], "drop_oldest": [3, 2, 1], "drop_newest": [3, 2, 1]}
    for overflow, levels in expected.items():
        passage = Passage(*TEN, overflow)  # type: ignore[arg-type]
        assert [passage.waiting_at(moment) for moment in (0, 10, 20)] == levels, overflow


def test_the_tables_say_what_exact_queues_did() -> None:
    passage = Passage([0, 0, 10], [20, 20, 20])
    assert repr(overload_table({1: passage})).splitlines()[1].split() == ["1", "3", "2", "50"]
    assert repr(level_table(passage, [0, 20, 40])).split()[-6:] == ["0", "1", "20", "1", "40", "0"]
    row = repr(passage_table({"block": passage})).splitlines()[1].split()
    assert row == ["block", "3", "3", "0", "40", "50", "0", "2"]


def test_a_passage_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="2 arrivals and 1 service times"):
        Passage([0, 1], [1])
    with pytest.raises(ValueError, match="ascending order"):
        Passage([1, 0], [1, 1])
    with pytest.raises(ValueError, match="overflow is one of"):
        Passage([0], [1], overflow="spill")  # type: ignore[arg-type]


def overloaded(**settings: Any) -> Tank:
    """Ten times what can be worked off, for a tenth of a second: 20 events."""
    return Tank(inflow=200, work=0.05, seconds=0.1, **settings)


@pytest.fixture(scope="module")
def tanks() -> dict[str, Tank]:
    """The same overload with no bound, and with room for four and each policy."""
    tanks = [overloaded()] + [overloaded(capacity=4, overflow=policy) for policy in POLICIES]
    run_together(tanks)
    return {tank.title: tank for tank in tanks}


def test_every_event_is_answered_or_counted_as_lost(tanks: dict[str, Tank]) -> None:
    for tank in tanks.values():
        assert tank.came == 20 == len(tank.times) + tank.lost
        assert tank.waiting == 0


def test_no_more_wait_than_have_room(tanks: dict[str, Tank]) -> None:
    assert all(tank.most <= 4 for title, tank in tanks.items() if title != "no bound")
    assert tanks["no bound"].most > 4


def test_who_is_lost_depends_on_the_policy(tanks: dict[str, Tank]) -> None:
    assert tanks["no bound"].lost == tanks["block"].lost == 0
    assert tanks["raise"].refused > 0 == tanks["raise"].dropped
    for title in ("drop_oldest", "drop_newest"):
        assert tanks[title].dropped > 0 == tanks[title].refused


def test_only_block_holds_up_whoever_fires(tanks: dict[str, Tank]) -> None:
    others = max(tank.held_up for title, tank in tanks.items() if title != "block")
    assert tanks["block"].held_up > max(0.3, others)


def test_table_and_picture_say_who_was_answered(tanks: dict[str, Tank]) -> None:
    told, alt = repr(tank_table(list(tanks.values()))), tank_figure(list(tanks.values())).alt
    for title, tank in tanks.items():
        assert f"{title}: {len(tank.times)} answered" in alt
        assert f"{title} " in told
    assert repr(tank_table([overloaded()])).split()[-6:] == ["0", "0", "0", "0", "–", "0"]


def fooled(tanks: dict[str, Tank], title: str, **figures: Any) -> set[str]:
    """The claims that are false if this tank had other figures."""
    before = {name: getattr(tanks[title], name) for name in figures}
    vars(tanks[title]).update(figures)
    try:
        return {claim for claim, holds in claims(tanks) if not holds}
    finally:
        vars(tanks[title]).update(before)


def test_the_claims_hold_and_each_can_fail(tanks: dict[str, Tank]) -> None:
    half = [seconds / 2 for seconds in tanks["no bound"].times]
    wrong = [
        fooled(tanks, "no bound", came=21),
        fooled(tanks, "no bound", refused=1, came=21),
        fooled(tanks, "block", most=5),
        fooled(tanks, "raise", times=[9.0] * 9),
        fooled(tanks, "raise", came=100),
        fooled(tanks, "block", held_up=0.4),
        fooled(tanks, "drop_newest", times=[0.0] * 5),
        fooled(tanks, "no bound", times=half),
    ]
    assert {claim for claim, _ in claims(tanks)} == set.union(*wrong)
    assert all(wrong)


def test_a_false_claim_is_printed_and_raised(tanks: dict[str, Tank]) -> None:
    tanks["block"].came += 1
    with pytest.raises(AssertionError, match="answered or counted as lost"):
        compare_policies(list(tanks.values()))
    tanks["block"].came -= 1


def most_in_queue(journeys: list[Journey]) -> int:
    where = Whereabouts(journeys)
    moments = {at for stamps in where.stamps for at in stamps[:6] if at is not None}
    return max(where.at(moment).count(Place.QUEUE) for moment in moments)


def test_a_replay_never_shows_more_in_the_queue_than_have_room(tanks: dict[str, Tank]) -> None:
    for title, tank in tanks.items():
        recorded = tank.timeline.journeys()
        assert [one.event for one in tank.journeys()] == [one.event for one in recorded]
        if title != "no bound":
            assert most_in_queue(tank.journeys()) == 4 < most_in_queue(recorded), title


def test_a_burst_comes_all_at_once_and_is_answered() -> None:
    tank = Tank(inflow=10, work=0.001, seconds=0.3)
    tank.burst(30)
    tank.run()
    assert tank.came == len(tank.times) == 33
    assert tank.most > 3


def test_inflow_and_work_are_looked_up_for_each_event() -> None:
    tank = Tank(inflow=1, work=LONG, seconds=0.2)
    tank.inflow, tank.work = 100, 0.001
    tank.run()
    assert len(tank.times) == 20


@pytest.mark.parametrize("policy", ["block", "drop_oldest"])
def test_a_tank_that_is_stopped_ends_soon(policy: Overflow) -> None:
    tank = Tank(inflow=200, work=LONG, capacity=2, overflow=policy, seconds=60)
    thread = threading.Thread(target=tank.run)
    thread.start()
    wait_until(lambda: tank.waiting >= 2)
    tank.stop()
    thread.join(LONG / 2)
    assert not thread.is_alive()
    assert tank.was_stopped


@pytest.mark.parametrize("policy", POLICIES)
def test_what_stop_cuts_short_is_no_answer(policy: Overflow) -> None:
    tank = Tank(inflow=200, work=0.05, capacity=4, overflow=policy, seconds=60)
    thread = threading.Thread(target=tank.run)
    thread.start()
    wait_until(lambda: len(tank.times) >= 2 and tank.waiting >= 3)
    tank.stop()
    thread.join(LONG)
    assert min(tank.times) >= 0.049
    assert len(tank.cut_off) >= 2
    assert tank.came == len(tank.times) + tank.lost + len(tank.cut_off)
    places = Follower(tank).look()
    assert sorted(places.cut_off) == sorted(tank.cut_off)
    assert len(places.answered) == len(tank.times)


def test_a_producer_that_is_late_by_itself_is_not_held_up() -> None:
    tank = Tank(inflow=1, work=0.001, seconds=0.001)
    tank._bursts.append(perf_counter_ns() - 3_000_000_000)
    tank.run()
    assert max(tank.times) > 3
    assert tank.held_up < 1


def test_a_tank_does_not_warn_of_what_it_shows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="eventkit"):
        overloaded(capacity=4, overflow="drop_oldest").run()
    assert caplog.text == ""


def finish(panel: TankPanel) -> None:
    assert panel._over.wait(LONG)
    panel._painter.paint_now()


def small_panel() -> TankPanel:
    """A second of overload in a tank for five."""
    panel = TankPanel()
    panel.seconds = 0.3
    panel._inflow.value, panel._capacity.value, panel._policy.value = 100, 5, "drop_newest"
    return panel


def test_the_panel_fills_drains_and_says_what_it_cost() -> None:
    panel = small_panel()
    panel._start()
    assert not panel._burst_button.disabled
    finish(panel)
    tank = panel.tanks[0]
    assert tank.came == 30
    assert panel._status.text.startswith("Empty again after")
    assert f"30 came: 0 wait, 0 running, {len(tank.times)} answered" in panel._view.frame["says"]
    assert "drop_newest" in panel._result.value
    assert panel._burst_button.disabled


def test_a_second_click_on_run_starts_no_second_run() -> None:
    panel = small_panel()
    panel._run_button.click()
    first = panel.run
    panel._run_button.click()  # as queued by a browser that did not grey it out in time
    assert panel.run is first
    finish(panel)
    assert panel.tanks == [first]


def test_the_panel_shows_the_tank_that_the_next_start_will_fill() -> None:
    panel = TankPanel()
    assert not panel._view.frame["bounded"]
    panel._capacity.value, panel._policy.value = 7, "block"
    frame = panel._view.frame
    assert (frame["bounded"], frame["scale"], frame["says"]) == (True, 7, "Nothing yet.")


def test_the_panel_says_when_the_tank_is_full() -> None:
    panel = small_panel()
    panel.seconds = LONG
    panel._start()
    wait_until(lambda: panel.run and panel.run.lost)
    panel._painter.paint_now()
    assert panel._status.text == (
        "The tank is full. A new event is given up, unless there is room at that moment."
    )
    frame = panel._view.frame
    assert frame["bounded"] and frame["scale"] == 5 and frame["level"] > 0
    wait_until(lambda: panel.run and panel.run.times)
    panel._stop()
    finish(panel)
    [tank] = panel.tanks
    assert panel._status.text.startswith(f"Stopped after {tank.elapsed:.1f} s. {tank.came} came, ")
    assert f"Stop cut {len(tank.cut_off)} off" in panel._status.text
    assert "drop_newest (stopped)" in panel._result.value
    assert f"{len(tank.cut_off)} cut off by Stop" in panel._view.frame["says"]


def test_a_tank_stopped_before_its_first_answer_says_so() -> None:
    panel = small_panel()
    panel.seconds, panel._work.max, panel._work.value = LONG, 60_000, 20_000
    panel._start()
    wait_until(lambda: panel.run and panel.run.came)
    panel._stop()
    finish(panel)
    assert "came, and none was answered." in panel._status.text
    assert "The last answer" not in panel._view.frame["says"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("no bound", "Flowing for"),
        ("block", "The tank is full. The producer is held up until half of the places are free"),
    ],
)
def test_only_a_tank_with_a_bound_is_ever_full(policy: str, said: str) -> None:
    panel = small_panel()
    panel.seconds, panel._policy.value = LONG, policy
    panel._start()
    wait_until(lambda: panel.run and panel.run.most >= 5)
    panel._painter.paint_now()
    assert panel._status.text.startswith(said)
    panel._stop()
    finish(panel)


def test_the_picture_has_dots_while_they_can_be_read_and_then_a_level() -> None:
    tank = Tank()
    waiting = range(1, MOST_DOTS + 2)
    few = picture_of(tank, Places(100, waiting=waiting[:-1]), Flow(), [(0, MOST_DOTS)])
    many = picture_of(tank, Places(101, waiting=waiting), Flow(), [(0, MOST_DOTS + 1)])
    assert (few["level"], few["waiting"]) == (MOST_DOTS, list(waiting[:-1]))
    assert (many["level"], many["waiting"], many["scale"]) == (MOST_DOTS + 1, [], 200)


def test_a_handful_of_lost_events_falls_and_each_keeps_its_place() -> None:
    now = perf_counter_ns()
    lost = [Lost(number, now - (100 - number) * APART // 3) for number in range(1, 91)]
    tank = Tank(capacity=5, overflow="drop_oldest")
    seen = picture_of(tank, Places(lost=lost), Flow(), [])["fallen"]
    later = picture_of(tank, Places(lost=[*lost, Lost(99, now)]), Flow(), [])["fallen"]
    assert [number for number, _, _ in seen] == [67, 70, 73, 76, 79, 82, 85, 88]
    assert sorted(place for _, _, place in seen) == list(range(8))
    places = {number: place for number, _, place in seen}
    assert [places.get(number, places[67]) for number, _, _ in later] == [at for *_, at in later]
    assert all(age >= 0 for _, age, _ in later)


def test_knobs_and_the_burst_button_reach_a_tank_that_flows() -> None:
    panel = small_panel()
    panel.seconds = LONG
    panel._start()
    assert panel.run
    panel._inflow.value, panel._work.value = 7, 9
    assert (panel.run.inflow, panel.run.work) == (7, 0.009)
    panel._burst()
    wait_until(lambda: panel.run and panel.run.came >= 50)
    panel._stop()
    finish(panel)


@pytest.mark.parametrize(("level", "scale"), [(0, 20), (20, 20), (21, 50), (77, 100), (501, 1000)])
def test_the_axis_of_a_tank_without_a_bound_grows(level: int, scale: int) -> None:
    assert _round_up(level) == scale


def test_only_a_queue_that_blocks_is_said_to_hold_the_producer_up() -> None:
    for policy in (None, *POLICIES):
        tank = Tank(30, 0.001, 1, None if policy is None else 5, policy or "block", 0.1)
        tank.held_up = 0.012  # a late producer, whatever the reason
        assert tank.held_up_ms == ("12" if policy == "block" else "–")
