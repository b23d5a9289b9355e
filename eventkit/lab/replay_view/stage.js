// The stage on which a record is played: trigger, queue, a lane for each worker, and what each handler
// has handled. Each event is a numbered dot at its recorded place. In a lane, its position shows how
// much of its work is done, and a call inside another is a bar inside a bar. Nothing moves unless
// the record says so, except that a dropped event falls to the floor of the queue.

const HEAD = 30, FOOT = 6, GAP = 10, CAPTION = 28;
const LEAST_SIDE = 380;  // pixels that a side needs
const SHARES = [0.2, 0.2, 0.35, 0.25], DIRECT = [0.25, 0, 0.45, 0.3];
const INDENT = 12;  // pixels by which a call is inside another
const FALL = 1 / 25;  // of the record: how long a dropped event falls

// Computes what is the same at all times.
function layOut(record) {
  const { names, workers, levels, outcomes, finished, left, failed, lanes } = record;
  const over = Float64Array.from(finished, (at, index) => Math.min(at, left[index]));
  record.order = Uint32Array.from(over.keys()).sort((a, b) => over[a] - over[b] || a - b);
  record.canFail = outcomes.includes(failed);
  record.lost = names.outcomes.filter((_, at) => at >= failed && outcomes.includes(at + 1));
  record.depths = Array.from({ length: Math.max(names.workers.length, lanes) }, () => 1);
  workers.forEach((worker, at) => {
    if (worker) record.depths[worker - 1] = Math.max(record.depths[worker - 1], levels[at] + 1);
  });
  return record;
}

function stageHeight({ names, depths, canFail }) {
  const lanes = depths.reduce((sum, depth) => sum + (depth > 1 ? depth * 26 : 20), 0);
  const rows = names.subscribers.length + canFail;
  return HEAD + Math.min(Math.max(lanes, rows * 48, 190), 420) + FOOT;
}

function columns({ direct }, width, height) {
  let left = 0;
  return (direct ? DIRECT : SHARES).map((share) => {
    const box = { x: left + GAP, y: HEAD, width: share * width - 2 * GAP, height: height - HEAD - FOOT };
    left += share * width;
    return box;
  });
}

// Returns where the journeys are: a list of them for each crowd, and for each level of each lane.
function sortOut(record, places) {
  const { names, order, workers, subscribers, levels, depths } = record;
  const crowds = { toCome: [], trigger: [], bus: [], queue: [], failed: [], left: [],
    lanes: depths.map((depth) => Array.from({ length: depth }, () => [])),
    handled: names.subscribers.map(() => []) };
  const waiting = { [TRIGGER]: crowds.trigger, [BUS]: crowds.bus, [QUEUE]: crowds.queue };
  for (let at = 0; at < record.size; at += 1) {
    const place = places[at];
    if (place === WORK) crowds.lanes[workers[at] - 1]?.[levels[at]].push(at);
    else if (place >= TRIGGER && place <= QUEUE) waiting[place].push(at);
    else if (place === TO_COME && record.fired[at] === Infinity) crowds.toCome.push(at);
  }
  for (const at of order) {  // in the order in which they ended
    if (places[at] === HANDLED) crowds.handled[subscribers[at] - 1]?.push(at);
    else if (places[at] === FAILED) crowds.failed.push(at);
    else if (places[at] === LEFT_OUT) crowds.left.push(at);
  }
  return crowds;
}

function drawHeadings(sheet, { queues, direct }, boxes, crowds) {
  const { ink, height, colours } = sheet;
  const waiting = queues ? `queue ${crowds.queue.length}` : `bus ${crowds.bus.length}`;
  const titles = [`trigger ${crowds.trigger.length}`, waiting, "workers", "handled by"];
  titles.forEach((title, at) => {
    if (at === 1 && direct) return;
    ink.strokeStyle = colours.faint;
    if (at) upright(ink, boxes[at].x - GAP, 6, height - FOOT);
    write(sheet, title, boxes[at].x, 18, { width: boxes[at].width, weight: 600 });
  });
}

// Events that are due; below them those that the trigger has yet to fire.
function drawTrigger(sheet, record, crowds, box) {
  const { ink } = sheet, { looks } = record, coming = crowds.toCome.length;
  const high = coming ? box.height * 0.5 : box.height;
  drawCrowd(ink, record, crowds.trigger, { ...box, height: high }, looks.waiting, true);
  if (!coming) return;
  write(sheet, `to come ${coming}`, box.x, box.y + high + 10, { width: box.width, size: 11 });
  const below = { ...box, y: box.y + high + 16, height: box.height - high - 16 };
  drawCrowd(ink, record, crowds.toCome, below, looks.held, true);
}

// Waiting events; below them those that are fired but not handed over yet, and those left out.
function drawQueue(sheet, record, crowds, box, now, still) {
  const { looks, queues, lost } = record;
  const floor = lost.length ? box.height * 0.6 : box.height, high = queues ? floor * 0.75 : 0;
  const bus = { ...box, y: box.y + high + (queues ? 16 : 0), height: floor - high - (queues ? 16 : 0) };
  drawCrowd(sheet.ink, record, crowds.queue, { ...box, height: high }, looks.waiting, true);
  if (queues && crowds.bus.length) {
    write(sheet, `on the bus ${crowds.bus.length}`, box.x, bus.y - 6, { width: box.width, size: 11 });
  }
  drawCrowd(sheet.ink, record, crowds.bus, bus, looks.held, true);
  if (lost.length) drawFallen(sheet, record, crowds.left, box, floor, now, still);
}

function drawFallen(sheet, record, dots, box, high, now, still) {
  const { ink, colours } = sheet, { left, numbers, span, looks, lost } = record, floor = box.y + high;
  ink.fillStyle = colours.faint;
  ink.fillRect(box.x, floor, box.width, 1);
  write(sheet, `${lost.join(", ")} ${dots.length}`, box.x, floor + 14, { width: box.width, size: 11 });
  const landed = still ? dots : dots.filter((at) => now >= left[at] + span * FALL);
  const below = { ...box, y: floor + 20, height: box.height - high - 20 };
  drawCrowd(ink, record, landed, below, looks.left, true);
  useLook(ink, looks.left, 8.6);
  dots.slice(landed.length).forEach((at) => {  // later than those that have landed
    const done = (now - left[at]) / (span * FALL);
    const x = box.x + 10 + ((numbers[at] * 3) % 7) / 7 * (box.width - 20);
    const y = box.y + high * (0.5 + done * done / 2);
    drawDot(ink, x, y, 8.6, looks.left, numbers[at]);
    record.spots.push({ x, y, radius: 8.6, number: numbers[at] });
  });
}

function drawLanes(sheet, record, lanes, box, now, still) {
  const { ink, colours } = sheet, { names, depths } = record, label = Math.min(86, Math.max(64, box.width * 0.36));
  const level = box.height / Math.max(1, depths.reduce((sum, depth) => sum + depth, 0));
  let y = box.y;
  lanes.forEach((levels, lane) => {
    const high = level * depths[lane];
    ink.strokeStyle = colours.faint;
    ink.lineWidth = 1;
    ink.strokeRect(box.x + label, y + 0.5, box.width - label, high - 1);
    if (high >= 11) write(sheet, names.workers[lane] ?? "", box.x, y + high / 2 + 4, { width: label - 6, size: 11 });
    const each = depths[lane] > 1 ? Math.min(level, 36) : level;
    const top = y + (high - each * depths[lane]) / 2;
    levels.forEach((dots, depth) => {
      const x = box.x + label + depth * INDENT;
      const inside = { x, y: top + depth * each, width: box.x + box.width - x, height: each };
      drawLevel(sheet, record, dots, inside, now, still);
    });
    y += high;
  });
}

function drawLevel(sheet, record, dots, box, now, still) {
  const isNamed = dots.length === 1 && record.names.subscribers.length > 1 && box.height >= 16;
  drawRunning(sheet.ink, record, dots, isNamed ? drawBar(sheet, record, dots[0], box) : box, now, still);
}

// Draws a call as a bar with its handler's name; returns the room that is left for its dot.
function drawBar(sheet, { names, subscribers, looks }, at, { x, y, width, height }) {
  const { ink } = sheet, name = width * 0.5, high = Math.min(height - 4, 30);
  const top = y + (height - high) / 2;
  ink.fillStyle = ink.strokeStyle = looks.work.colour;
  ink.globalAlpha = 0.16;
  ink.fillRect(x + 3, top, width - 6, high);
  ink.globalAlpha = 1;
  ink.lineWidth = 1.5;
  ink.strokeRect(x + 3, top, width - 6, high);
  write(sheet, names.subscribers[subscribers[at] - 1], x + 9, top + high / 2 + 4, { width: name - 12, size: 11 });
  return { x: x + name, y, width: width - name - 6, height };
}

function drawRunning(ink, record, dots, box, now, still) {
  const look = record.looks.work, radius = Math.min(8.6, box.height * 0.43);
  const rows = Math.max(1, Math.floor(box.height / (2 * radius + 1)));
  if (dots.length > rows) {
    drawCrowd(ink, record, dots, box, look);
    return;
  }
  useLook(ink, look, radius);
  dots.forEach((at, row) => {
    const [began, ended] = [record.started[at], record.finished[at]];
    const done = still ? 0.5 : Number.isFinite(ended) ? (now - began) / (ended - began || 1) : 0;
    const x = box.x + radius + done * (box.width - 2 * radius);
    const y = box.y + ((row + 0.5) / Math.max(1, dots.length)) * box.height;
    drawDot(ink, x, y, radius, look, record.numbers[at]);
    record.spots.push({ x, y, radius, number: record.numbers[at] });
  });
}

function drawHandled(sheet, record, crowds, box) {
  const { names, looks, canFail } = record;
  const shown = names.subscribers.map((name, at) => [name, crowds.handled[at], looks.handled]);
  if (canFail) shown.push(["failed", crowds.failed, looks.failed]);
  const high = box.height / Math.max(1, shown.length);
  shown.forEach(([name, dots, look], at) => {
    const y = box.y + at * high;
    write(sheet, `${name} ${dots.length}`, box.x, y + 10, { width: box.width, size: 11 });
    drawCrowd(sheet.ink, record, dots, { ...box, y: y + 16, height: high - 18 }, look);
  });
}

// Draws a ring around each dot of the marked event.
function drawMarks({ ink, colours }, { spots }, marked) {
  ink.strokeStyle = colours.text;
  ink.lineWidth = 2.5;
  for (const { x, y, radius, number } of spots) {
    if (number !== marked) continue;
    ink.beginPath();
    ink.arc(x, y, radius + 2, 0, 2 * Math.PI);
    ink.stroke();
  }
}

function drawStage(sheet, record, places, now, still) {
  const boxes = columns(record, sheet.width, sheet.height), crowds = sortOut(record, places);
  drawHeadings(sheet, record, boxes, crowds);
  drawTrigger(sheet, record, crowds, boxes[0]);
  if (!record.direct) drawQueue(sheet, record, crowds, boxes[1], now, still);
  drawLanes(sheet, record, crowds.lanes, boxes[2], now, still);
  drawHandled(sheet, record, crowds, boxes[3]);
}

// The places of several sides: beside each other where there is room, or else one below the other.
function sideBoxes(sides, width) {
  const across = width >= sides.length * LEAST_SIDE ? sides.length : 1;
  const wide = width / across, high = Math.max(...sides.map(stageHeight));
  const below = Math.max(...sides.map(waterfallHeight));
  return sides.map(({ caption }, at) => {
    const top = caption ? CAPTION : 0;
    const y = Math.floor(at / across) * (top + high + below) + top;
    return { x: (at % across) * wide, y, width: wide, height: high, below };
  });
}

function sidesHeight(sides, width) {
  const last = sideBoxes(sides, width)[sides.length - 1];
  return last.y + last.height + last.below;
}

function drawSides(sheet, sides, places, { now, still, marked }) {
  const { ink } = sheet;
  sideBoxes(sides, sheet.width).forEach(({ x, y, width, height, below }, at) => {
    const side = sides[at];
    side.spots = [];
    ink.save();
    ink.translate(x, y);
    if (side.caption) write(sheet, side.caption, GAP, -8,
      { width: width - 2 * GAP, size: 14, weight: 600 });
    drawStage({ ...sheet, width, height }, side, places[at], now, still);
    drawMarks(sheet, side, marked);
    ink.translate(0, height);
    if (below) drawWaterfall({ ...sheet, width, height: below }, side, now, marked);
    ink.restore();
  });
}

// Returns the number of the event that is drawn at a point, or 0.
function numberAt(sides, width, x, y) {
  const boxes = sideBoxes(sides, width);
  const at = boxes.findIndex((box) => x >= box.x && x < box.x + box.width
    && y >= box.y && y < box.y + box.height + box.below);
  if (at < 0) return 0;
  const box = boxes[at], [across, down] = [x - box.x, y - box.y], { spots = [] } = sides[at];
  if (down >= box.height) return numberInRow(sides[at], box.below, down - box.height);
  const found = spots.find((dot) => Math.hypot(dot.x - across, dot.y - down) <= dot.radius + 2);
  return found ? found.number : 0;
}
