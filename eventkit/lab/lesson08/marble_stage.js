// The filter bench as a marble diagram: on top the events that come, and below a line for each
// filter with what it lets out, all on one time axis. A grey bar reaches from the oldest event to
// the one that comes out for it. Replaced events are small marks on the bar; dropped ones fall.

const SIDE = 236, RIGHT = 26, INPUT = 92, FOOT = 40, RADIUS = 9.5, TIP = 24;
const NARROW = 640, ABOVE = 44;  // where there is no room beside the lines, labels are above them
const MARKED = "#E69F00", OFF = 44;  // pixels from the input line at which an event is let go

function stageLayout(frame, width) {
  const isNarrow = width < NARROW, above = isNarrow ? ABOVE : 0;
  const left = isNarrow ? 14 : SIDE, right = width - RIGHT, lift = isNarrow ? 30 : 36;
  const tall = lift + above + 52;
  const top = (row) => INPUT + above + row * tall;
  return {
    left, right, isNarrow, top,
    x: (time) => left + (time / frame.span) * (right - left),
    time: (x) => {
      const exact = ((x - left) / (right - left)) * frame.span;
      return Math.min(frame.end, Math.max(0, frame.step * Math.round(exact / frame.step)));
    },
    input: INPUT + above - 28,
    isOnInput: (x, y) => y > above && y < INPUT + above && x > left - RADIUS
      && x < left + (frame.end / frame.span) * (right - left) + TIP,
    line: (row) => top(row) + above + lift,
    bands: [[above + 12, INPUT + above],
      ...frame.lines.map((_, row) => [top(row) + above, top(row + 1)])],
    height: top(frame.lines.length) + FOOT,
  };
}

// Dots that would cover each other are stacked: the level of each, from left to right.
function stackLevels(places, gap, most) {
  const ends = [];
  return places.map((x) => {
    let level = ends.findIndex((end) => x - end >= gap);
    if (level < 0) level = ends.length < most ? ends.length : ends.indexOf(Math.min(...ends));
    ends[level] = x;
    return level;
  });
}

// A line down through all bands, which leaves out the labels between them.
function drawDown(ink, at, time, dash) {
  for (const [top, bottom] of at.bands) upright(ink, at.x(time), top, bottom, dash);
}

function drawAxis({ ink, colours }, frame, at) {
  const bottom = at.height - FOOT;
  useFont(ink, 12);
  ink.textAlign = "center";
  for (let time = 0; time <= frame.span; time += 500) {
    ink.strokeStyle = colours.faint;
    drawDown(ink, at, time, time % 1000 ? [2, 5] : []);
    ink.fillStyle = colours.text;
    if (time % 1000 === 0) ink.fillText(`${time / 1000}`, at.x(time), bottom + 16);
  }
  ink.fillText("seconds", (at.left + at.right) / 2, bottom + 33);
}

function drawRule({ ink, colours }, at, y, end) {
  ink.strokeStyle = colours.text;
  ink.lineWidth = 1.5;
  ink.beginPath();
  ink.moveTo(at.left, y);
  ink.lineTo(end, y);
  ink.lineTo(end - 6, y - 4);
  ink.moveTo(end, y);
  ink.lineTo(end - 6, y + 4);
  ink.stroke();
}

function ring(ink, x, y, radius) {
  ink.strokeStyle = MARKED;
  ink.lineWidth = 3;
  ink.beginPath();
  ink.arc(x, y, radius, 0, 2 * Math.PI);
  ink.stroke();
}

function drawInput(sheet, frame, events, at, look, { marked, drag }) {
  const { ink } = sheet;
  drawRule(sheet, at, at.input, at.x(frame.end) + TIP);
  const places = events.map(([, time]) => at.x(time));
  const levels = stackLevels(places, 2 * RADIUS + 1, 3);
  return events.map(([number], place) => {
    const isAway = drag?.number === number && drag.away;
    const x = places[place], y = isAway ? drag.y : at.input - levels[place] * (2 * RADIUS + 1);
    const shown = isAway ? { colour: "#999999", crossed: true } : look;
    useLook(ink, shown, RADIUS);
    drawDot(ink, x, y, RADIUS, shown, number);
    if (number === marked) ring(ink, x, y, RADIUS + 3);
    return { number, x, y };
  });
}

// What waits for an event to come out: a bar, and a small mark for each event where it came.
function drawWait({ ink }, came, [time, numbers], at, y, colour, marked) {
  const from = at.x(came.get(numbers[0])), to = at.x(time);
  ink.fillStyle = colour;
  ink.globalAlpha = 0.5;
  ink.fillRect(from, y - 3.5, to - from, 7);
  ink.globalAlpha = 1;
  return numbers.filter((number) => came.get(number) < time).map((number) => {
    const x = at.x(came.get(number));
    ink.fillStyle = colour;
    ink.beginPath();
    ink.arc(x, y, 4, 0, 2 * Math.PI);
    ink.fill();
    if (number === marked) ring(ink, x, y, 6.5);
    return { number, x, y };
  });
}

// How many of the events that an event stands for are in it: all of a batch, or the newest only.
function countLabel(many, keeps, isTight) {
  if (isTight) return keeps ? `${many}` : `1/${many}`;
  return keeps ? `all ${many}` : `1 of ${many}`;
}

function drawOuts(sheet, came, line, at, y, looks, marked) {
  const { ink, colours } = sheet;
  const spots = line.out.flatMap((out) =>
    drawWait(sheet, came, out, at, y, looks.waiting.colour, marked));
  const places = line.out.map(([time]) => at.x(time));
  const levels = stackLevels(places, 2 * RADIUS + 1, 2);
  line.out.forEach(([, numbers], place) => {
    const x = places[place], top = y - levels[place] * (2 * RADIUS + 1);
    const number = numbers[numbers.length - 1];
    useLook(ink, looks.out, RADIUS);
    drawDot(ink, x, top, RADIUS, looks.out, number);
    if (numbers.includes(marked)) ring(ink, x, top, RADIUS + 3);
    spots.push({ number, x, y: top });
    if (numbers.length === 1) return;
    const room = Math.min(x - (places[place - 1] ?? 0), (places[place + 1] ?? Infinity) - x);
    ink.fillStyle = colours.text;
    useFont(ink, 11);
    ink.fillText(countLabel(numbers.length, line.keeps, room < 38), x, y + RADIUS + 14);
  });
  return spots;
}

function drawDropped({ ink, colours }, came, line, at, y, look, marked) {
  const places = line.dropped.map((number) => at.x(came.get(number)));
  const levels = stackLevels(places, 2 * RADIUS + 1, 2);
  return line.dropped.map((number, place) => {
    const x = places[place], low = y + 23 + levels[place] * 2 * RADIUS;
    ink.strokeStyle = colours.faint;
    upright(ink, x, y, low - RADIUS);
    useLook(ink, look, RADIUS);
    drawDot(ink, x, low, RADIUS, look, number);
    if (number === marked) ring(ink, x, low, RADIUS + 3);
    return { number, x, y: low };
  });
}

function drawGuide({ ink }, at, time) {
  if (time === undefined) return;
  ink.strokeStyle = MARKED;
  drawDown(ink, at, time, [4, 4]);
}

// Draws everything, and returns where events are: those of the input line, and all the others.
function drawMarbles(sheet, frame, events, state) {
  const { ink, colours } = sheet, at = stageLayout(frame, sheet.width);
  const came = new Map(frame.events);
  drawAxis(sheet, frame, at);
  drawGuide(sheet, at, new Map(events).get(state.marked));
  const spots = frame.lines.flatMap((line, row) => {
    const y = at.line(row);
    ink.fillStyle = colours.faint;
    ink.fillRect(0, at.top(row), sheet.width, 1);
    drawRule(sheet, at, y, at.right);
    return [
      ...drawDropped(sheet, came, line, at, y, frame.looks.waiting, state.marked),
      ...drawOuts(sheet, came, line, at, y, frame.looks, state.marked),
    ];
  });
  const inputs = drawInput(sheet, frame, events, at, { colour: sheet.event }, state);
  return { inputs, spots };
}
