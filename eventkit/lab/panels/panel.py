"""One look for every panel: colours that colour-blind readers can tell apart, in both themes.

The palette is Okabe and Ito's (2008), "Color universal design".
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import anywidget
import ipywidgets as widgets
import traitlets

from .turns import one_at_a_time

WAITING = "#999999"
BLOCKING = "#D55E00"
NON_BLOCKING = "#0072B2"
THEORY = "#000000"
LISTENER = "#009E73"


def script(beside: str, *names: str) -> str:
    """Return scripts joined into one, because widgets' scripts cannot import each other.

    Each is looked up in the folder of the file `beside`, then in this one.
    """
    folders = [Path(beside).parent, Path(__file__).parent]
    files = (next(f for folder in folders if (f := folder / name).exists()) for name in names)
    return "\n".join(file.read_text("utf-8") for file in files)


class _Heading(anywidget.AnyWidget):
    """A panel's heading. In the browser it also names the panel and loads its style."""

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")
    title = traitlets.Unicode().tag(sync=True)


class Status(anywidget.AnyWidget):
    """A line of text whose changes screen readers announce."""

    _esm = Path(__file__).with_name("status.js")
    text = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode("ek-quiet").tag(sync=True)
    live = traitlets.Unicode("polite").tag(sync=True)  # "off": changes are not announced

    def say(self, text: str, good: bool | None = None) -> None:
        """Show a text: plain, or in a box as good or bad news."""
        boxed = "ek-notice ek-good" if good else "ek-notice"
        with self.hold_sync():
            self.kind = "ek-quiet" if good is None else boxed
            self.text = text


class _Slider(anywidget.AnyWidget):
    _esm = Path(__file__).with_name("slider.js")
    label = traitlets.Unicode().tag(sync=True)
    low = traitlets.Int().tag(sync=True)
    high = traitlets.Int().tag(sync=True)
    value = traitlets.Int().tag(sync=True)


def instead(picture: str, to: str = "click the panel itself") -> str:
    """Return a picture, as HTML, under words that say that it is one and what to do to `to`."""
    return f"<p><em>This is a picture. Run the cell in JupyterLab to {to}.</em></p>{picture}"


class Snapshot(NamedTuple):
    """A picture of a panel: the PNG file and what it shows, in words.

    `python -m tests.browser.screenshots --keep` makes the files.
    """

    path: Path
    alt: str

    def to_html(self) -> str:
        """Return the picture as HTML that loads nothing, under words that say that it is one."""
        return instead(image(self.path.read_bytes(), self.alt))


class Panel(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A framed panel with a heading. `text()` is what is shown without a browser.

    `snapshot` is a picture of it in use, for pages where no kernel runs.
    """

    snapshot: ClassVar[Snapshot | None] = None

    def __init__(self, title: str, *children: Any):
        self.title = title
        super().__init__([_Heading(title=title), *children])
        self.add_class("ek-panel")

    def text(self) -> str:
        """Return the panel's content in words, or how to see it."""
        return f"[{self.title}: run this cell in JupyterLab to see it and click]"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data = super()._repr_mimebundle_(**options)
        data["text/plain"] = self.text()
        if self.snapshot is not None:
            data["text/html"] = self.snapshot.to_html()
        return data


def image(png: bytes, alt: str, width: int | None = None) -> str:
    """Return a picture as HTML that loads nothing. `width` is in pixels of the page (None: of the
    picture).
    """
    wide = width or int.from_bytes(png[16:20], "big")  # where PNG keeps it
    return (
        f"<img alt='{html.escape(alt, quote=True)}' width='{wide}' "
        "style='max-width:100%;border-radius:6px' "
        f"src='data:image/png;base64,{base64.b64encode(png).decode()}'>"
    )


def row(*children: Any) -> widgets.HBox:
    """Return widgets side by side, which wrap where the page is narrow."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def button(
    label: str, on_click: Callable[[], object], tooltip: str, **options: Any
) -> widgets.Button:
    """Return a button as wide as its label, with a tooltip that says what it does."""
    made = widgets.Button(
        description=label, tooltip=tooltip, layout=widgets.Layout(width="auto"), **options
    )
    made.on_click(one_at_a_time(lambda _: on_click()))
    return made


def on_change(widget: widgets.Widget, act: Callable[[Any], object]) -> None:
    """Call `act(value)` with the new value when a widget's value has changed."""
    widget.observe(one_at_a_time(lambda change: act(change["new"])), "value")


def quiet(text: str) -> str:
    """Return plain text in the panel's font."""
    return f"<div class='ek-quiet'>{html.escape(text)}</div>"


def scrolling() -> widgets.HTML:
    """Return a place for a table that scrolls sideways where the page is narrow."""
    return widgets.HTML(layout=widgets.Layout(max_width="100%", overflow="auto"))


def by_keyboard(table: str, name: str) -> str:
    """Return a table, as HTML, that the keyboard can scroll as well."""
    return f"<div tabindex='0' role='region' aria-label='{html.escape(name)}'>{table}</div>"


def number_with_slider(
    label: str, value: int, low: int, high: int, unit: str
) -> tuple[widgets.BoundedIntText, widgets.HBox]:
    """Return a number field, and a row of the field with a slider tied to it."""
    name = f"{label} ({unit})"
    field = widgets.BoundedIntText(
        value=value,
        min=low,
        max=high,
        description=name,
        style={"description_width": "120px"},
        layout=widgets.Layout(width="200px"),
    )
    slider = _Slider(label=name, low=low, high=high, value=value)
    widgets.jslink((field, "max"), (slider, "high"))
    widgets.jslink((field, "value"), (slider, "value"))
    return field, row(field, slider)
