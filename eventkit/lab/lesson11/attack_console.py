"""AttackersConsole: choose an attack, switch its guard on or off, and see what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads
from ..course.session import Table
from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, Status, button, on_change, row, script
from .attack_matrix import Try, headline, matrix
from .attacks import ATTACKS, attempt

TRY = "attack.try"


class AttackView(anywidget.AnyWidget):
    """A canvas with Ann, the line, the house and the attacker's place, and the same in words."""

    _esm = script(__file__, "canvas.js", "dots.js", "attack_view.js")
    frame = traitlets.Dict().tag(sync=True)


class AttackersConsole(Panel):
    """Attacks on a bus that is served over HTTPS, with real sockets, certificates and ciphers. Each
    attack gets a new bus, which ends with it.

    The button does the same as `attack(name, guarded)`: it fires `attack.try` on `bus`. One worker
    handles these events and alone writes `tries`, a tuple that is replaced and never changed.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("console.png"),
        "Ann, the line and the house, with the place of the attacker, and a matrix of "
        "attacks with and without their guards.",
    )

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
        self._headline = widgets.HTML(_large(headline(())))
        self._view = AttackView()
        self._matrix = widgets.HTML(
            matrix(()), layout=widgets.Layout(width="max-content", max_width="100%")
        )
        self._matrix.add_class("jp-RenderedHTMLCommon")
        self._painter = Painter(self._paint)
        for choice in (self._what, self._guard):
            on_change(choice, lambda _: self._show_choice())
        self._show_choice()
        self.bus.subscribe(TRY, self._handle, executor=Threads(1, name="attacker"))
        super().__init__(
            "Attacker's console", row(self._what, self._guard, self._button), self._headline,
            self._view, self._status, self._matrix,
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
        return f"[{self.title}]\n{headline(self.tries)}.\n{self._said()}\n{self._tries()!r}"

    def _show_choice(self) -> None:
        """Name the guard of the chosen attack, and draw the scene before the attack."""
        name = self._what.value
        self._guard.description = f"Guard: {ATTACKS[name].guard}"
        self._view.frame = preview(name, self._guard.value, len(self.tries) + 1)

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
        tries = self.tries
        self._headline.value = _large(headline(tries))
        self._view.frame = drawn(tries[-1], len(tries))
        self._matrix.value = matrix(tries)
        self._status.say(self._said(), good=not tries[-1].outcome.got_through)

    def _said(self) -> str:
        last = self.tries[-1]
        sent, said, got_through, _ = last.outcome
        end = "It got through" if got_through else "It did not get through"
        return (
            f"{last.name}, {_on_or_off(last)}. Sent: {sent}. The defence: {said.rstrip('.')}. "
            f"{end}. Audit events so far: {self.audited}."
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


def preview(name: str, guarded: bool, number: int) -> dict[str, Any]:
    """Return the scene before an attack: who stands where, and the message that waits."""
    attack = ATTACKS[name]
    says = f"Message {number} waits. Guard {'on' if guarded else 'off'}: {attack.guard}."
    return {**attack.scene._asdict(), "on": guarded, "words": attack.guard, "number": number,
            "routes": [], "says": says}  # fmt: skip


def drawn(tried: Try, number: int) -> dict[str, Any]:
    """Return the scene with the ways that the messages of a try took."""
    routes, guard = tried.outcome.routes, ATTACKS[tried.name].guard
    ways = "; then ".join(route.words(guard) for route in routes)
    return {
        **preview(tried.name, tried.guarded, number),
        "routes": [route.drawn() for route in routes],
        "says": f"Message {number}, guard {'on' if tried.guarded else 'off'}: {ways}.",
    }


def _large(line: str) -> str:
    style = "font-size: 24px; line-height: 1.4; font-weight: 600"
    return f"<div class='ek-quiet' style='{style}'>{line}</div>"


def _on_or_off(one: Try) -> str:
    return f"guard {'on' if one.guarded else 'off'}"
