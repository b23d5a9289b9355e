"""What a canvas draws at chosen times of a record, seen by listening to its pen."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator

# Goes to each time in turn, and lists what `take` makes of each call of a method of the pen.
CALLS_AT = """(panel, [times, method, take]) => {
  const slider = panel.querySelector("canvas ~ div input[type=range]");
  const kind = CanvasRenderingContext2D.prototype, original = kind[method], note = eval(take);
  const drawn = () => new Promise((resolve) => panel.addEventListener("ek-drawn", resolve,
    { capture: true, once: true }));
  return times.reduce(async (found, time) => {
    const before = await found, calls = [];
    kind[method] = function (...args) {
      calls.push(note(this, ...args));
      return original.apply(this, args);
    };
    const next = drawn();
    slider.value = time;
    slider.dispatchEvent(new Event("input"));
    await next;
    kind[method] = original;
    return [...before, calls];
  }, Promise.resolve([]));
}"""


def calls_at(panel: Locator, times: list[int], method: str, take: str) -> list[list[Any]]:
    """Return, for each time, what the JavaScript function `take` returns for each call of the
    canvas's `method`. It gets the drawing context, and what the method was called with.
    """
    found: list[list[Any]] = panel.evaluate(CALLS_AT, [times, method, take])
    return found
