// The load curve: mean response time against utilisation. Theory's curves, what was measured, and
// the virtual run at the utilisation that is set, which is also the handle to drag.

function plotBox(box, { limits }) {
  const left = box.x + 46, top = box.y + 22;
  const right = box.x + box.width - 14, bottom = box.y + box.height - 44;
  return {
    left, top, right, bottom,
    x: (percent) => left + (percent / limits.load) * (right - left),
    y: (ms) => bottom - (ms / limits.mean) * (bottom - top),
    percent: (x) => ((x - left) / (right - left)) * limits.load,
  };
}

function drawAxes({ ink, colours }, plot, { limits }) {
  const step = [10, 20, 50, 100, 200, 500, 1000].find((one) => limits.mean / one <= 6) || 5000;
  useFont(ink, 11);
  ink.fillStyle = colours.text;
  ink.strokeStyle = colours.faint;
  ink.textAlign = "right";
  for (let ms = 0; ms <= limits.mean; ms += step) {
    across(ink, plot.left, plot.right, plot.y(ms));
    ink.fillText(`${ms}`, plot.left - 6, plot.y(ms) + 4);
  }
  ink.textAlign = "center";
  for (let percent = 0; percent <= limits.load; percent += 20) {
    ink.fillText(`${percent}`, plot.x(percent), plot.bottom + 25);
  }
  ink.fillText("utilisation (%)", (plot.left + plot.right) / 2, plot.bottom + 40);
  ink.textAlign = "left";
  ink.fillText("mean response time (ms)", plot.left - 40, plot.top - 9);
}

function across(ink, left, right, y) {
  ink.lineWidth = 1;
  ink.beginPath();
  ink.moveTo(left, y);
  ink.lineTo(right, y);
  ink.stroke();
}

function drawCurves({ ink }, plot, { curves }, chosen) {
  curves.forEach(({ points, colour, dash }, number) => {
    ink.strokeStyle = colour;
    ink.lineWidth = number === chosen ? 3.5 : 1.3;
    ink.setLineDash(dash);
    ink.beginPath();
    points.forEach(([percent, ms]) => ink.lineTo(plot.x(percent), plot.y(ms)));
    ink.stroke();
  });
  ink.setLineDash([]);
}

// A dot for one server, a square for two.
function drawMark(ink, x, y, radius, servers) {
  ink.beginPath();
  if (servers === 1) ink.arc(x, y, radius, 0, 2 * Math.PI);
  else ink.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  ink.fill();
}

function drawCross(ink, x, y) {
  ink.lineWidth = 1.5;
  ink.beginPath();
  for (const slope of [-1, 1]) {
    ink.moveTo(x - 4, y - 4 * slope);
    ink.lineTo(x + 4, y + 4 * slope);
  }
  ink.stroke();
}

function drawMeasured({ ink, colours }, plot, { curves, runs }) {
  for (const { curve, load, measured, exact } of runs) {
    ink.fillStyle = curves[curve].colour;
    drawMark(ink, plot.x(load), plot.y(measured), 4, curves[curve].servers);
    ink.strokeStyle = colours.text;
    drawCross(ink, plot.x(load), plot.y(exact));
  }
}

// The handle: an upright line, with the virtual run's mean on it.
function drawHandle({ ink, colours }, plot, curve, percent, ms) {
  const x = plot.x(percent), y = plot.y(ms), isLeft = percent > 45;
  ink.strokeStyle = colours.text;
  upright(ink, x, plot.top, plot.bottom);
  ink.fillStyle = curve.colour;
  drawMark(ink, x, y, 6.5, curve.servers);
  ink.lineWidth = 2;
  ink.stroke();
  ink.fillStyle = colours.text;
  useFont(ink, 13, 600);
  ink.textAlign = isLeft ? "right" : "left";
  ink.fillText(`${ms.toFixed(1)} ms`, x + (isLeft ? -12 : 12), y - 8);
}

function drawLegend({ ink, colours }, plot, { curves }, chosen) {
  const x = plot.left + 10, line = (row) => plot.top + 8 + 15 * row;
  ink.textAlign = "left";
  curves.forEach(({ name, colour, dash }, row) => {
    ink.strokeStyle = colour;
    ink.setLineDash(dash);
    across(ink, x, x + 26, line(row));
    ink.setLineDash([]);
    ink.fillStyle = colours.text;
    useFont(ink, 11, row === chosen ? 600 : 400);
    ink.fillText(name, x + 34, line(row) + 4);
  });
  drawMarksLegend({ ink, colours }, x, line);
}

function drawMarksLegend({ ink, colours }, x, line) {
  useFont(ink, 11);
  ink.fillStyle = ink.strokeStyle = colours.text;
  ["the virtual run", "measured", "theory, same arrivals"].forEach((words, row) => {
    const y = line(row + 4) + 4;
    ink.fillText(words, x + 34, y + 4);
    if (row === 2) drawCross(ink, x + 13, y);
    else drawMark(ink, x + 13, y, row === 0 ? 6.5 : 4, 1);
  });
}

function drawChart(sheet, plot, frame, { chosen, percent, mean }) {
  drawAxes(sheet, plot, frame);
  drawLegend(sheet, plot, frame, chosen);
  drawCurves(sheet, plot, frame, chosen);
  drawMeasured(sheet, plot, frame);
  drawHandle(sheet, plot, frame.curves[chosen], percent, mean);
}
