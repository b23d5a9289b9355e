// A queue as a tank: events flow in at the top, answered ones leave at the bottom, and those
// without room spill over the rim. Beside it is the level since the start, on an axis in seconds.

const SPAN = 220;

function pipe(ink, x, y, length, rate, colour) {
  const wide = rate > 0 ? Math.max(2, Math.min(22, 3 * Math.sqrt(rate))) : 0;
  ink.fillStyle = colour;
  ink.fillRect(x - wide / 2, y, wide, length);
}

function basin({ ink, height, colours }, frame) {
  const left = 70, right = 190, top = 62, bottom = height - 56, middle = (left + right) / 2;
  const brim = Math.max(1, frame.scale);
  const surface = bottom - Math.min(1, frame.level / brim) * (bottom - top);

  pipe(ink, middle, 26, surface - 26, frame.inflow, frame.colour);
  pipe(ink, middle, bottom, 26, frame.outflow, frame.colour);
  ink.fillStyle = frame.colour;
  ink.fillRect(left, surface, right - left, bottom - surface);
  if (frame.spill > 0) {
    for (const [side, x] of [[-1, left], [1, right]]) {
      pipe(ink, x + side * 8, top - 6, bottom - top + 6, frame.spill / 2, frame.lost);
    }
  }
  ink.strokeStyle = colours.text;
  ink.lineWidth = 2;
  ink.beginPath();
  ink.moveTo(left, frame.bounded ? top - 6 : 26);
  ink.lineTo(left, bottom);
  ink.lineTo(right, bottom);
  ink.lineTo(right, frame.bounded ? top - 6 : 26);
  ink.stroke();

  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  ink.fillText(`in ${frame.inflow.toFixed(0)} per s`, middle, 18);
  ink.fillText(`out ${frame.outflow.toFixed(0)} per s`, middle, height - 14);
  ink.textAlign = "right";
  ink.fillText(`${brim}`, left - 18, top + 4);
  ink.fillText("0", left - 18, bottom + 4);
  ink.textAlign = "left";
  if (frame.spill > 0) ink.fillText(`lost ${frame.spill.toFixed(0)} per s`, right + 8, top - 12);
  if (frame.late > 0.05) ink.fillText(`producer ${frame.late.toFixed(1)} s late`, right + 8, 18);
}

function curve({ ink, width, height, colours }, frame) {
  const left = SPAN + 60, right = width - 14, top = 62, bottom = height - 56;
  const brim = Math.max(1, frame.scale), end = Math.max(frame.span, frame.now);
  const x = (seconds) => left + (seconds / end) * (right - left);
  const y = (level) => bottom - Math.min(1, level / brim) * (bottom - top);

  ink.strokeStyle = colours.faint;
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  const step = [1, 2, 5, 10, 20, 50, 100].find((one) => end / one <= 6) || 200;
  for (let tick = 0; tick <= end; tick += step) {
    upright(ink, x(tick), top, bottom);
    ink.fillText(`${tick}`, x(tick), bottom + 16);
  }
  ink.fillText("seconds since the start", (left + right) / 2, bottom + 34);
  ink.textAlign = "right";
  for (const level of [0, brim]) ink.fillText(`${level}`, left - 8, y(level) + 4);
  ink.textAlign = "left";
  ink.fillText("waiting", left, top - 12);
  if (frame.bounded) {
    ink.strokeStyle = colours.text;
    ink.lineWidth = 1;
    ink.setLineDash([3, 3]);
    ink.beginPath();
    ink.moveTo(left, y(brim));
    ink.lineTo(right, y(brim));
    ink.stroke();
    ink.setLineDash([]);
  }
  ink.strokeStyle = frame.colour;
  ink.lineWidth = 2;
  ink.beginPath();
  frame.levels.forEach(([seconds, level], place) => {
    if (place === 0) ink.moveTo(x(seconds), y(level));
    else ink.lineTo(x(seconds), y(level));
  });
  ink.stroke();
}

function draw(sheet, frame) {
  basin(sheet, frame);
  if (sheet.width > SPAN + 200) curve(sheet, frame);
}

function render(view) {
  return liveCanvas(view, document.createElement("div"), {
    height: () => 280,
    draw,
    say: (words) => {
      words.textContent = view.model.get("frame").says;
      return `Tank. ${words.textContent}`;
    },
  });
}

export default { render };
