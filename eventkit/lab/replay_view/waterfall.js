// The waterfall below a stage: a row for each journey, grey while it waits, then in the colour of its
// work. It grows with the clock.

const MOST_ROWS = 150;  // with more there is no waterfall
const AXIS = 20, NUMBERS = 22, TIMES = 40;  // pixels: below the rows, and on either side of them

function waterfallHeight({ waterfall, size }) {
  return waterfall && size && size <= MOST_ROWS ? Math.min(Math.max(12 * size, 96), 320) + AXIS : 0;
}

// The end of an axis that is not below `least`: one whose quarters are round numbers.
function roundUp(least) {
  const unit = 10 ** Math.floor(Math.log10(least || 1));
  return [1, 2, 4, 6, 8, 10].map((times) => times * unit).find((one) => one >= least);
}

function drawWaterfall(sheet, record, now, marked) {
  const end = roundUp(Math.max(record.span, now)), wide = sheet.width - NUMBERS - TIMES;
  const each = (sheet.height - AXIS) / record.size;
  const scale = (time) => NUMBERS + (wide * time) / end;
  drawAxis(sheet, scale, end);
  for (let at = 0; at < record.size; at += 1) {
    if (record.due[at] <= now) drawRow(sheet, record, at, { now, scale, each, marked });
  }
}

function drawAxis(sheet, scale, end) {
  const { ink, colours, height } = sheet, floor = height - AXIS;
  ink.strokeStyle = colours.faint;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const x = scale(share * end), unit = share === 1 ? " ms" : "";
    upright(ink, x, 0, floor + 4);
    write(sheet, ((share * end) / 1e6).toLocaleString("en") + unit, x, height - 4,
      { align: share ? "center" : "left", size: 11 });
  }
}

function drawRow(sheet, record, at, { now, scale, each, marked }) {
  const { ink, colours } = sheet, { due, started, finished, left, numbers, looks } = record;
  const y = at * each, isMarked = numbers[at] === marked, size = isMarked ? 12 : 10;
  const bar = (from, to, colour) => {
    ink.fillStyle = colour;
    ink.fillRect(scale(from), y + each * 0.1, scale(to) - scale(from), Math.max(each * 0.8, 1));
  };
  const worked = Math.min(finished[at], now), ended = Math.min(left[at], worked);
  bar(due[at], Math.min(started[at], ended), looks.waiting.colour);
  if (started[at] <= now) bar(started[at], ended, looks.work.colour);
  if (isMarked) {
    ink.strokeStyle = colours.text;
    ink.lineWidth = 2;
    ink.strokeRect(scale(due[at]), y, scale(ended) - scale(due[at]), each);
  }
  if (each < 9 && !isMarked) return;
  const middle = y + each / 2 + 4, weight = isMarked ? 700 : 400;
  write(sheet, numbers[at], NUMBERS - 4, middle, { align: "right", size, weight });
  if (finished[at] > now) return;
  const took = milliseconds(finished[at] - due[at], record.span);
  write(sheet, took, scale(ended) + 4, middle, { size, weight });
}

// Returns the number of the event whose row is at a height, or 0.
function numberInRow({ size, numbers }, height, y) {
  return numbers[Math.floor((y / (height - AXIS)) * size)] || 0;
}
