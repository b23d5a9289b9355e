// The tank and the level in it since the start, on an axis in seconds: beside it, or below where
// the page is narrow. The same stands below in words.

const BESIDE = 720;  // pixels that both need beside each other

function axes(sheet, { left, right, top, bottom }, { bounded, scale }, end, x) {
  const { ink, colours } = sheet, step = [1, 2, 5, 10, 20, 50, 100].find((one) => end / one <= 6);
  for (let tick = 0; tick <= end; tick += step || 200) {
    ink.strokeStyle = colours.faint;
    upright(ink, x(tick), top, bottom);
    write(sheet, `${tick}`, x(tick), bottom + 16, { align: "center" });
  }
  write(sheet, "seconds since the start", (left + right) / 2, bottom + 34, { align: "center" });
  write(sheet, `${Math.max(1, scale)}`, left - 8, top + 4, { align: "right" });
  write(sheet, "0", left - 8, bottom + 4, { align: "right" });
  write(sheet, "waiting", left, top - 12);
  ink.setLineDash([3, 3]);
  if (bounded) strokeLine(ink, [[left, top], [right, top]], 1, colours.text);
  ink.setLineDash([]);
}

function curve(sheet, box, frame) {
  const { left, right, top, bottom } = box, end = Math.max(frame.span, frame.now);
  const x = (seconds) => left + (seconds / end) * (right - left);
  const y = (level) => bottom - Math.min(1, level / Math.max(1, frame.scale)) * (bottom - top);
  axes(sheet, box, frame, end, x);
  strokeLine(sheet.ink, frame.levels.map(([seconds, level]) => [x(seconds), y(level)]), 2.5,
    frame.colours.waiting);
}

function draw(sheet, frame, passed, still) {
  const { width } = sheet, { rim, bottom, height } = BASIN, beside = width >= BESIDE;
  const down = beside ? 0 : height;
  curve(sheet, { left: beside ? BASIN.width + 44 : 44, right: width - 14, top: rim + down,
    bottom: bottom + down }, frame);
  return basin(sheet, frame, passed, still);
}

function render(view) {
  const { model, el } = view, calm = matchMedia("(prefers-reduced-motion: reduce)");
  return liveCanvas(view, document.createElement("div"), {
    height: (_, width) => (width >= BESIDE ? BASIN.height : BASIN.height + BASIN.bottom + 44),
    draw: (sheet, frame, passed) => {
      const moves = draw(sheet, frame, passed, calm.matches);
      el.dispatchEvent(new CustomEvent("ek-drawn", { detail: frame, bubbles: true }));
      return moves;
    },
    say: (words) => {
      words.textContent = model.get("frame").says;
      return `Tank. ${words.textContent}`;
    },
  });
}

export default { render };
