"""AttackersConsole: choose an attack, switch its guard on or off, and see what happens."""

from __future__ import annotations

from typing import NamedTuple

import ipywidgets as widgets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Status, button, on_change, row
from .attacks import ATTACKS, Outcome, attempt

TRY = "attack.try"


class Try(NamedTuple):
    """An attack that was tried, its outcome, and the number of audit events it left."""

    name: str
    guarded: bool
    outcome: Outcome
    audited: int


class AttackersConsole(Panel):
    """Attacks on a bus that is served over HTTPS, with real sockets, certificates and ciphers. Each
    attack gets a new bus, which ends with it.

    The button does the same as `attack(name, guarded)`: it fires `attack.try` on `bus`. One worker
    handles these events and alone writes `tries`, a tuple that is replaced and never changed.
    """

    def __init__(self) -> None:
        self.bus = EventBus()
        self.tries: tuple[Try, ...] = ()
        self._what = widgets.Dropdown(
            options=list(ATTACKS), description="Attack", style={"description_width": "60px"},
            layout=widgets.Layout(width="360px", max_width="100%"),
        )  # fmt: skip
        self._guard = widgets.Checkbox(
            value=True, indent=False, layout=widgets.Layout(width="auto", max_width="100%")
        )
        self._button = button(
            "Attack", self._clicked, "try this attack, for real", button_style="primary"
        )
        self._status = Status(text="Ready. Choose an attack, predict what happens, and try it.")
        self._table = widgets.HTML(layout=widgets.Layout(width="max-content", max_width="100%"))
        self._table.add_class("jp-RenderedHTMLCommon")
        self._painter = Painter(self._paint)
        on_change(self._what, lambda _: self._name_guard())
        self._name_guard()
        self.bus.subscribe(TRY, self._handle, executor=Threads(1, name="attacker"))
        super().__init__(
            "Attacker's console", row(self._what, self._guard, self._button), self._status,
            self._table,
        )  # fmt: skip

    @property
    def audited(self) -> int:
        """Number of audit events that all tries have left."""
        return sum(one.audited for one in self.tries)

    def attack(self, name: str, guarded: bool = True) -> None:
        """Try an attack, with or without its guard. Raises ValueError if it does not exist."""
        if name not in ATTACKS:
            raise ValueError(f"the attacks are {', '.join(ATTACKS)}; got {name!r}.")
        self.bus.fire(TRY, (name, guarded))

    def end(self) -> None:
        """Finish the attacks that were started, and accept no more. Can be called twice."""
        self.bus.close()

    def text(self) -> str:
        if not self.tries:
            return f"[{self.title}]\n{self._status.text}"
        return f"[{self.title}]\n{self._said()}\n{self._tries()!r}"

    def _name_guard(self) -> None:
        self._guard.description = f"Guard: {ATTACKS[self._what.value].guard}"

    def _clicked(self) -> None:
        self._status.say(f"Trying: {self._what.value}.")
        self.attack(self._what.value, self._guard.value)

    def _handle(self, event: Event) -> None:
        name, guarded = event.data
        try:
            tried = Try(name, guarded, *attempt(name, guarded))
        except Exception as error:
            self._status.say(f"{name} went wrong: {type(error).__name__}: {error}", good=False)
            raise  # the bus records it, and the end of the lesson shows it
        self.tries = (*self.tries, tried)
        self._painter.changed()

    def _paint(self) -> None:
        self._table.value = self._tries().html
        self._status.say(self._said(), good=not self.tries[-1].outcome.got_through)

    def _said(self) -> str:
        last = self.tries[-1]
        sent, said, got_through = last.outcome
        end = "It got through" if got_through else "It did not get through"
        return (
            f"{last.name}, {_guard(last)}. Sent: {sent}. The defence: {said.rstrip('.')}. {end}. "
            f"Audit events so far: {self.audited}."
        )

    def _tries(self) -> Table:
        return Table(
            ["try", "attack", "guard", "got through", "audit events"],
            [
                [number, one.name, "on" if one.guarded else "off",
                 "yes" if one.outcome.got_through else "no", one.audited]
                for number, one in enumerate(self.tries, 1)
            ],
        )  # fmt: skip


def _guard(one: Try) -> str:
    return f"guard {'on' if one.guarded else 'off'}"
