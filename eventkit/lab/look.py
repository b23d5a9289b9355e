"""One look for every panel: colours that colour-blind readers can tell apart, in both themes.

The palette is Okabe and Ito's (2008), "Color universal design".
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

WAITING = "#999999"
BLOCKING = "#D55E00"
NON_BLOCKING = "#0072B2"
THEORY = "#000000"
LISTENER = "#009E73"

_STYLE = """
<style>
.ek-panel { border: 1px solid var(--jp-border-color2, #ccc); border-radius: 6px; padding: 12px; }
.ek-prediction { padding: 8px 0 8px 12px; border-left: 4px solid #0072B2; }
.ek-option { text-align: left; height: auto; min-height: 32px; white-space: normal;
  line-height: 1.4; padding: 4px 12px; }
.ek-notice { padding: 8px 12px; border-radius: 4px; border-left: 4px solid #D55E00;
  color: var(--jp-ui-font-color1, #111); background: var(--jp-layout-color2, #eee);
  max-width: 80ch; line-height: 1.5; }
.ek-notice.good { border-left-color: #009E73; }
.ek-number { font-size: 56px; line-height: 1.1; font-variant-numeric: tabular-nums;
  font-weight: 600; color: var(--jp-ui-font-color1, #111); min-width: 4ch; }
.ek-quiet { color: var(--jp-ui-font-color1, #333); line-height: 1.5; }
.ek-panel button:focus-visible, .ek-prediction button:focus-visible,
.ek-panel select:focus-visible, .ek-panel input:focus-visible {
  outline: 3px solid #E69F00; outline-offset: 2px; }
</style>
"""


class Panel(widgets.VBox):  # type: ignore[misc]  # ipywidgets comes without types
    """A framed panel with a heading. `text()` says the same where there is no browser."""

    def __init__(self, title: str, *children: Any):
        self.title = title
        heading = widgets.HTML(f"{_STYLE}<strong>{html.escape(title)}</strong>")
        super().__init__([heading, *children])
        self.add_class("ek-panel")

    def text(self) -> str:
        """The panel's content in words."""
        return f"[{self.title}: run this cell in JupyterLab to see it and click]"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data = super()._repr_mimebundle_(**options)
        data["text/plain"] = self.text()
        return data


def row(*children: Any) -> widgets.HBox:
    """Widgets side by side, wrapping where the page is narrow."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def button(label: str, on_click: Any, tooltip: str, **options: Any) -> widgets.Button:
    """A button that is as wide as its label and says what it does."""
    made = widgets.Button(
        description=label, tooltip=tooltip, layout=widgets.Layout(width="auto"), **options
    )
    made.on_click(lambda _: on_click())
    return made


def spoken(text: str, kind: str = "ek-quiet") -> str:
    """HTML whose changes screen readers announce."""
    return f"{_STYLE}<div role='status' aria-live='polite' class='{kind}'>{html.escape(text)}</div>"


def notice(text: str, *, good: bool) -> str:
    """A message in a box, announced to screen readers."""
    return spoken(text, f"ek-notice{' good' if good else ''}")


def quiet(text: str) -> str:
    """Plain text in the panel's font."""
    return f"<div class='ek-quiet'>{html.escape(text)}</div>"


def number_with_slider(
    label: str, value: int, low: int, high: int, unit: str
) -> tuple[widgets.BoundedIntText, widgets.HBox]:
    """A number field, and a slider tied to it: the field is what keyboards and readers use."""
    style = {"description_width": "120px"}
    field = widgets.BoundedIntText(
        value=value,
        min=low,
        max=high,
        description=f"{label} ({unit})",
        style=style,
        layout=widgets.Layout(width="200px"),
    )
    slider = widgets.IntSlider(
        value=value,
        min=low,
        max=high,
        readout=False,
        tooltip=label,
        layout=widgets.Layout(width="180px"),
    )
    widgets.jslink((field, "value"), (slider, "value"))
    return field, row(field, slider)
