"""Our flows let the same events out at the same moments as those of lodash and RxJS.

`flow_peers.json` has runs recorded from both, on a virtual clock. For each library, operator and
options it holds [wait, when events came, [when one came out, its number]…], in milliseconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek

PEERS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("flow_peers.json").read_text(encoding="utf-8")
)
FLOWS = {"coalesce": ek.Coalesce, "debounce": ek.Debounce, "throttle": ek.Throttle}


def name(peer: dict[str, Any]) -> str:
    options = [f"{edge}={value}" for edge, value in peer["options"].items()]
    return " ".join([peer["library"], peer["operator"], *options])


def let_out(peer: dict[str, Any], wait: int, came: list[int]) -> list[list[int]]:
    """What our flow lets out, and when, in milliseconds."""
    clock, out = ek.ManualClock(), list[list[int]]()
    flow = FLOWS[peer["operator"]](wait / 1000, clock=clock, **peer["options"])
    stage = flow.start(lambda event: out.append([round(clock.now * 1000), event.data]))
    for number, moment in enumerate(came):
        clock.advance_to(moment / 1000)
        stage.put(ek.Event("t", number))
    clock.advance(10)
    return out


@pytest.mark.parametrize("peer", PEERS, ids=name)
def test_the_same_comes_out_at_the_same_moments(peer: dict[str, Any]) -> None:
    for wait, came, expected in peer["runs"]:
        assert let_out(peer, wait, came) == expected, (wait, came)


def test_both_libraries_and_all_three_flows_are_compared() -> None:
    assert {peer["library"].split()[0] for peer in PEERS} == {"lodash", "RxJS"}
    assert {peer["operator"] for peer in PEERS} == set(FLOWS)
    assert sum(len(peer["runs"]) for peer in PEERS) == 360


def test_where_lodash_would_let_an_event_out_sooner_ours_keeps_the_interval() -> None:
    """At 151 ms the last call of lodash's function is longer ago than the interval: it would call
    51 ms after the call before.
    """
    both_edges = {"operator": "throttle", "options": {}}
    assert let_out(both_edges, 100, [0, 50, 151]) == [[0, 0], [100, 1], [200, 2]]
