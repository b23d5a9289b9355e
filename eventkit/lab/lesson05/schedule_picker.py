"""InterleavingPicker: you are the scheduler, and choose which task goes next."""

from __future__ import annotations

import html
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course import progress
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, Status, button, on_change, quiet, row
from ..theory.interleavings import Exploration, Program, Run, Step, run
from . import puzzle
from .programs import PROGRAMS


def schedule_table(one: Run, steps: int | None = None) -> Table:
    """Return a table of the first `steps` steps (None: all), with a column for each task."""
    names = list(one.places[0])
    rows = [
        [number, *(shown(step) if step.task == name else "" for name in names), step.state]
        for number, step in enumerate(one.steps[:steps], 1)
    ]
    return Table(["step", *names, "shared, after it"], rows)


def outcomes_table(exploration: Exploration) -> Table:
    """Return a table of the ways in which the runs of an exploration ended, and how many did."""
    ends = Counter(_end(one) for one in exploration.runs)
    return Table(["how it ended", "orders"], ends.most_common())


@dataclass(frozen=True)
class Position:
    """How far a program has been run: the first `steps` steps of this run.

    It is replaced and never changed, so that the panel always draws one consistent position.
    """

    program: str
    run: Run
    steps: int = 0
    said: str = "Nothing has run yet. Who goes first?"
    good: bool | None = None
    exploration: Exploration | None = None
    bad_ones_shown: int = 0
    is_own: bool = True  # no step was shown by `bad_one`

    @classmethod
    def start(cls, program: str) -> Position:
        return cls(program, run(PROGRAMS[program]))

    @property
    def path(self) -> str:
        """The letters of the tasks that made the steps."""
        return "".join(self.run.schedule[: self.steps])

    @property
    def is_over(self) -> bool:
        return self.steps == len(self.run.steps)

    def go(self, name: str) -> Position:
        """Return the position after a step of this task, if it can make one."""
        if self.is_over or name not in self.run.choices[self.steps]:
            return replace(self, said=self._why_not(name))
        schedule = [*self.run.schedule[: self.steps], name]
        return self.at(run(PROGRAMS[self.program], schedule), self.steps + 1)

    def undo(self) -> Position:
        if self.steps == 0:
            return replace(self, said="There is nothing to undo.", good=None)
        return self.at(self.run, self.steps - 1)

    def reset(self) -> Position:
        return replace(Position.start(self.program), exploration=self.exploration)

    def explored(self) -> Position:
        """Run all orders, and count those that go wrong."""
        exploration = puzzle.orders(self.program)
        orders, bad = len(exploration.runs), len(exploration.failures)
        said = f"{orders} orders are possible: {bad} go wrong, {orders - bad} end well."
        return replace(self, exploration=exploration, said=said, good=bad == 0)

    def bad_one(self) -> Position:
        """Show a run that goes wrong, another one each time."""
        explored = self.explored()
        assert explored.exploration is not None
        failures, orders = explored.exploration.failures, len(explored.exploration.runs)
        if not failures:
            said = f"There is none: all {orders} orders end well. That is a proof."
            return replace(explored, said=said)
        number = self.bad_ones_shown % len(failures)
        shown = failures[number]
        end = explored.at(shown, len(shown.steps))
        said = f"Bad order {number + 1} of {len(failures)}. {end.said}"
        return replace(end, said=said, bad_ones_shown=number + 1, is_own=False)

    def at(self, one: Run, steps: int) -> Position:
        """Return the position after the first `steps` steps of a run."""
        moved = replace(self, run=one, steps=steps, good=None)
        if steps == 0:
            return replace(moved, said="Back at the start. Who goes first?", is_own=True)
        step = one.steps[steps - 1]
        said = f"Step {steps}: {step.task} ran {shown(step)}. {step.state}."
        if moved.is_over:
            return replace(moved, said=f"{said} The end: {_end(one)}.", good=one.problem is None)
        return replace(moved, said=said)

    def _why_not(self, name: str) -> str:
        if self.is_over:
            return f"No task can go on: {_end(self.run)}. Press Undo or Reset."
        return f"{name} {self.waits(name) or 'has finished'} and cannot go on: let the other go."

    def waits(self, name: str) -> str:
        """Return in words what this task waits for; empty if it can go."""
        if not self.is_over and name in self.run.choices[self.steps]:
            return ""
        own = [step for step in self.run.steps[: self.steps] if step.task == name]
        note = own[-1].note.rpartition(", ")[2] if own else ""
        return note if note.startswith("waits for") else ""


class InterleavingPicker(Panel):
    """Choose a program, then step by step the task that goes on. Undo, start again, run all orders,
    or show one that goes wrong. To win is to end a program wrong by your own choices, or to prove
    that it cannot; `won` has the number of switches of the best win of each program.

    Each click is an event. One worker handles them one after another, and it alone writes
    `position`. From other cells, call `choose` with a program's name, and fire the same events:
    `picker.go` with "A" or "B", `picker.undo`, `picker.reset`, `picker.all`, `picker.bad`.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("picker.png"),
        "Two tasks stepped by turns until one update is lost: their lines, a tree of all "
        "orders with the path taken, and a table of the steps.",
    )

    def __init__(self) -> None:
        self.bus = EventBus()
        self.position = Position.start(next(iter(PROGRAMS)))
        self.won = _won_before()
        self._seen: dict[str, set[str]] = {name: {""} for name in PROGRAMS}
        self._listings = {name: listings(make()) for name, make in PROGRAMS.items()}
        self._program = widgets.Dropdown(
            options=list(PROGRAMS), description="Program", layout=widgets.Layout(width="400px")
        )
        self._code = [widgets.HTML(layout=widgets.Layout(min_width="300px")) for _ in "AB"]
        self._goal, self._status, self._tree = widgets.HTML(), Status(), widgets.HTML()
        self._steps, self._outcomes = _table_widget(), _table_widget()
        self._painter = Painter(self._paint)
        on_change(self._program, self._choose)
        self.bus.subscribe("picker.*", self._handle, executor=Threads(1, name="picker"))
        fire = self.bus.fire
        super().__init__(
            "Interleaving picker: who goes next?",
            self._program,
            self._goal,
            row(
                button("A goes", lambda: fire("picker.go", "A"), "let task A make one step"),
                button("B goes", lambda: fire("picker.go", "B"), "let task B make one step"),
                button("Undo", lambda: fire("picker.undo"), "take the last step back"),
                button("Reset", lambda: fire("picker.reset"), "back to the start"),
                button("Run all orders", lambda: fire("picker.all"), "try every order there is"),
                button("Show me a bad one", lambda: fire("picker.bad"), "an order that fails"),
            ),
            self._status,
            row(*self._code),
            self._tree,
            self._steps,
            self._outcomes,
        )
        self._paint()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return super()._repr_mimebundle_(**options), {"eventkit": {"picker": True}}

    def text(self) -> str:
        at = self.position
        steps = [repr(schedule_table(at.run, at.steps))] if at.steps else []
        return "\n".join([f"[{self.title} {at.program}]", *steps, at.said])

    def choose(self, program: str) -> None:
        """Switch to another program, one of those in the list."""
        self._program.value = program

    def _choose(self, program: str) -> None:
        self.bus.fire("picker.choose", program)

    def _handle(self, event: Event) -> None:
        position = self.position
        actions: dict[str, Callable[[], Position]] = {
            "picker.go": lambda: position.go(event.data),
            "picker.undo": position.undo,
            "picker.reset": position.reset,
            "picker.all": position.explored,
            "picker.bad": position.bad_one,
            "picker.choose": lambda: Position.start(event.data),
        }
        at = self.position = actions[event.topic]()
        self._seen[at.program].add(at.path)
        if event.topic == "picker.go" and at.is_over and at.run.problem and at.is_own:
            self._win(at.program, at.run.switches)
        elif event.topic == "picker.all" and not puzzle.orders(at.program).failures:
            self._win(at.program, 0)
        self._painter.changed()

    def _win(self, program: str, switches: int) -> None:
        """Keep a win, unless there is one that is as good."""
        if switches < self.won.get(program, switches + 1):
            self.won[program] = switches
            best = puzzle.fewest_switches(program) or 0
            progress.note("puzzle", program, str(switches), right=switches == best)

    def _paint(self) -> None:
        at = self.position
        goal = puzzle.goal(at.program, self.won.get(at.program))
        self._goal.value = quiet(f"{goal} Won so far: {len(self.won)} of {len(PROGRAMS)}.")
        self._status.say(at.said, at.good)
        self._tree.value = puzzle.tree(at.program, self._seen[at.program], at.path)
        for widget, (name, listing) in zip(
            self._code, self._listings[at.program].items(), strict=True
        ):
            widget.value = _code_html(name, listing, at)
        self._steps.value = schedule_table(at.run, at.steps).html if at.steps else ""
        self._outcomes.value = outcomes_table(at.exploration).html if at.exploration else ""


def _won_before() -> dict[str, int]:
    """Return the best wins that this learner's progress has."""
    won: dict[str, int] = {}
    for answer in progress.answers():
        name, switches = answer["name"], answer["answer"]
        if answer["what"] == "puzzle" and name in PROGRAMS and switches.isdecimal():
            won[name] = min(int(switches), won.get(name, int(switches)))
    return won


def _table_widget() -> widgets.HTML:
    """Return a widget in which tables look as they do outside of panels."""
    made = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
    made.add_class("jp-RenderedHTMLCommon")
    return made


@dataclass(frozen=True)
class Listing:
    """A task's source, and the number of its first line."""

    first: int
    lines: list[str]


def listings(program: Program) -> dict[str, Listing]:
    """Return the source of each task."""
    found = {}
    for name, task in program.tasks.items():
        lines, first = inspect.getsourcelines(task)
        source = textwrap.dedent("".join(lines)).replace(" -> None", "")
        found[name] = Listing(first, source.splitlines())
    return found


def _code_html(name: str, listing: Listing, at: Position) -> str:
    """Return the code with a mark before the line at which the task stands."""
    place = at.run.places[at.steps].get(name)
    state = "has finished" if place is None else at.waits(name) or "can go"
    code = "\n".join(
        f"<b>▶ {html.escape(line)}</b>" if number == place else f"  {html.escape(line)}"
        for number, line in enumerate(listing.lines, listing.first)
    )
    return f"<div class='ek-quiet'><strong>{name}</strong> {state}<pre>{code}</pre></div>"


def _end(one: Run) -> str:
    return one.problem or "all is well"


def shown(step: Step) -> str:
    """Return a step's line, and what it did with locks."""
    return f"{step.line}  ({step.note})" if step.note else step.line
