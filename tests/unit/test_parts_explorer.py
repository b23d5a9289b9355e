"""The parts explorer: what it draws is what its bus has recorded, whatever is broken."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import eventkit as ek
from eventkit.lab import PartsExplorer
from eventkit.lab.lesson01 import parts_explorer
from eventkit.lab.lesson01.parts_explorer import MODES, PARTS
from eventkit.lab.lesson01.path import Hop, path

COUNT, SHOW, LOG = PARTS
SETTINGS = list(itertools.product(MODES, repeat=len(PARTS)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_explorer, "SLOW", 0.0)


def explorer_with(modes: tuple[str, ...]) -> PartsExplorer:
    explorer = PartsExplorer()
    for part, mode in zip(PARTS, modes, strict=True):
        explorer.set(part, mode)
    return explorer


def spy(explorer: PartsExplorer) -> list[tuple[str, str, bool]]:
    """What the handlers themselves were given and did: part, topic, whether it raised."""
    calls: list[tuple[str, str, bool]] = []

    def spied(part: str, handle: Callable[[ek.Event], object]) -> Callable[[ek.Event], object]:
        def call(event: ek.Event) -> object:
            calls.append((part, event.topic, explorer._modes[part].value == "raises"))
            return handle(event)

        call.__qualname__ = part
        return call

    original = explorer._handler
    explorer._handler = lambda part: spied(part, original(part))  # type: ignore[method-assign]
    modes = {part: explorer._modes[part].value for part in PARTS}
    for part in PARTS:
        explorer.set(part, "is off")
    for part, mode in modes.items():
        explorer.set(part, mode)
    return calls


@pytest.mark.parametrize("modes", SETTINGS, ids="-".join)
@pytest.mark.parametrize("topic", ["button.click", "door.opened"])
def test_what_is_drawn_is_what_the_handlers_were_given(modes: tuple[str, ...], topic: str) -> None:
    explorer = explorer_with(modes)
    calls = spy(explorer)

    explorer.fire(topic)

    drawn = [hop for hop in explorer._view.frame["hops"] if hop["kind"] in ("handled", "failed")]
    assert [(hop["part"], hop["topic"], hop["kind"] == "failed") for hop in drawn] == calls
    emitted = [hop for hop in explorer._view.frame["hops"] if hop["kind"] == "emitted"]
    assert all(hop["part"] == COUNT and hop["topic"] == "counter.changed" for hop in emitted)
    assert explorer.bus.dead_letters == type(explorer.bus.dead_letters)()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(PARTS)), st.sampled_from(MODES))
        | st.sampled_from(["button.click", "door.opened"]),
        max_size=12,
    )
)
def test_after_any_switching_a_part_is_on_the_bus_unless_it_is_off(actions: list[Any]) -> None:
    explorer, modes = PartsExplorer(), dict.fromkeys(PARTS, "works")
    for action in [*actions, "button.click"]:
        if isinstance(action, str):
            explorer.fire(action)
        else:
            explorer.set(*action)
            modes[action[0]] = action[1]

    fresh = explorer_with(tuple(modes.values()))
    fresh.fire("button.click")
    assert explorer.hops == fresh.hops
    assert {part["name"]: part["mode"] for part in explorer._view.frame["parts"]} == modes


def test_a_broken_listener_fails_visibly_and_the_path_goes_on() -> None:
    explorer = PartsExplorer()
    explorer.set(SHOW, "raises")

    explorer.fire("button.click")

    assert [tuple(hop) for hop in explorer.hops] == [
        ("fired", 1, "button.click", ""),
        ("handled", 1, "button.click", COUNT),
        ("emitted", 2, "counter.changed", COUNT),
        ("failed", 2, "counter.changed", SHOW),
        ("error", 3, "error.counter.changed", ""),
        ("handled", 3, "error.counter.changed", LOG),
        ("handled", 2, "counter.changed", LOG),
        ("handled", 1, "button.click", LOG),
    ]
    assert explorer._view.frame["topics"] == [
        "1 button.click",
        "2 counter.changed",
        "3 error.counter.changed",
    ]
    said = explorer.text().splitlines()
    assert said[1] == "The trigger fires event 1, button.click."
    assert f"{SHOW} fails on event 2." in said
    assert explorer._view.frame["says"] == " ".join(said[1:])


def test_an_event_that_no_part_hears_gets_as_far_as_the_bus() -> None:
    explorer = PartsExplorer()
    explorer.set(LOG, "is off")

    said = explorer.fire("door.opened")

    assert explorer.hops == [Hop("fired", 1, "door.opened")]
    assert said.splitlines()[1:] == ["no part heard it"]


def test_before_the_first_event_nothing_is_lit_and_all_parts_are_there() -> None:
    frame = PartsExplorer()._view.frame
    assert (frame["hops"], frame["fires"]) == ([], 0)
    assert [part["name"] for part in frame["parts"]] == list(PARTS)


def test_a_click_on_a_box_breaks_its_part_and_another_mends_it() -> None:
    explorer = PartsExplorer()
    for mode in ("raises", "works", "raises"):
        explorer._toggle(SHOW)
        assert explorer._modes[SHOW].value == mode
        assert explorer._view.frame["parts"][1]["mode"] == mode

    explorer.set(SHOW, "is off")
    explorer._toggle(SHOW)
    assert explorer._modes[SHOW].value == "raises"


def test_the_path_is_the_record_and_not_the_settings(bus: ek.EventBus) -> None:
    @bus.processor("a", emits="b")
    def silent(event: ek.Event) -> None:
        """Emit nothing."""

    @bus.listener("b")
    def deaf(event: ek.Event) -> None:
        pass

    with bus.record() as timeline:
        fired = bus.fire("a")

    assert [hop.kind for hop in path(fired, timeline)] == ["fired", "handled"]
