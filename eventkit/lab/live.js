// A live waterfall: one row for each event, drawn from the kernel's records. Waiting is grey,
// processing coloured, and what is not finished grows until the next record says.

function rowHeight(rows) {
  return Math.max(3, Math.min(18, 300 / Math.max(1, rows.length)));
}

function draw({ ink, width, height, colours }, frame, since) {
  const rows = frame.rows || [];
  const now = frame.running ? frame.now + since : frame.now || 0;
  const high = rowHeight(rows);
  const left = 34, right = 44, top = 8;  // the last label has room beside its bar
  const span = Math.max(frame.span || 1, now);
  const x = (ms) => left + (ms / span) * (width - left - right);

  ink.strokeStyle = colours.faint;
  ink.fillStyle = colours.text;
  const step = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000].find((s) => span / s <= 7) || 60000;
  for (let tick = 0; tick <= span; tick += step) {
    upright(ink, x(tick), top, height - 34);
    ink.fillText(`${tick}`, x(tick) - 8, height - 20);
  }
  ink.fillText("ms since the first event", left, height - 5);

  rows.forEach(([due, started, finished], index) => {
    const y = top + index * high;
    const bar = high * 0.7;
    if (due > now) return;
    const waitingEnds = started ?? now;
    ink.fillStyle = frame.waiting;
    ink.fillRect(x(due), y, Math.max(1, x(waitingEnds) - x(due)), bar);
    if (started !== null) {
      ink.fillStyle = frame.colour;
      ink.fillRect(x(started), y, Math.max(1, x(finished ?? now) - x(started)), bar);
    }
    ink.fillStyle = colours.text;
    if (high >= 11) ink.fillText(`${index + 1}`, 8, y + bar);
    if (finished !== null && high >= 11) {
      ink.fillText(`${Math.round(finished - due)}`, x(finished) + 4, y + bar);
    }
  });
  ink.strokeStyle = colours.text;
  if (now > 0) upright(ink, x(now), top, height - 34, [3, 3]);
  return frame.running;
}

function render(view) {
  return liveCanvas(view, document.createElement("div"), {
    height: (frame) => (frame.rows || []).length * rowHeight(frame.rows || []) + 44,
    draw,
    say: (words) => {
      words.textContent = view.model.get("text");
      return `${view.model.get("title")}: ${words.textContent}`;
    },
  });
}

export default { render };
