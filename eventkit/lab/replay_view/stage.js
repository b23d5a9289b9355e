// The stage on which a record is played: trigger, queue, a lane for each worker, and the listeners.
// Each event is a numbered dot at its recorded place; in a lane, its position shows how much of its
// work is done. Nothing moves unless the record says so.

const HEAD = 30, FOOT = 6, GAP = 10, CAPTION = 28;
const LEAST_SIDE = 380;  // pixels that a side needs
const SHARES = [0.16, 0.26, 0.32, 0.26];

function stageHeight({ names }) {
  const wanted = Math.max(names.workers.length * 20, names.listeners.length * 52, 190);
  return HEAD + Math.min(wanted, 420) + FOOT;
}

function columns(width, height) {
  let left = 0;
  return SHARES.map((share) => {
    const box = { x: left + GAP, y: HEAD, width: share * width - 2 * GAP, height: height - HEAD - FOOT };
    left += share * width;
    return box;
  });
}

function drawLane(ink, record, dots, box, look, now, still) {
  const radius = Math.min(8.6, box.height * 0.43);
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
  });
}

// Returns where the journeys are: a list of them for each crowd and each lane.
function sortOut(record, places) {
  const { names, order, workers, subscribers } = record;
  const crowds = { trigger: [], bus: [], queue: [], lanes: names.workers.map(() => []),
    listeners: names.listeners.map(() => []), failed: [], left: [] };
  const waiting = { [TRIGGER]: crowds.trigger, [BUS]: crowds.bus, [QUEUE]: crowds.queue };
  for (let at = 0; at < record.size; at += 1) {
    const place = places[at];
    if (place === WORK) crowds.lanes[workers[at] - 1]?.push(at);
    else if (place >= TRIGGER && place <= QUEUE) waiting[place].push(at);
  }
  for (const at of order) {  // in the order in which they ended
    if (places[at] === HANDLED) crowds.listeners[record.rowOf[subscribers[at]]]?.push(at);
    else if (places[at] === FAILED) crowds.failed.push(at);
    else if (places[at] === LEFT_OUT) crowds.left.push(at);
  }
  return crowds;
}

function drawHeadings({ ink, width, height, colours }, boxes, crowds) {
  const titles = [`trigger ${crowds.trigger.length}`, `queue ${crowds.queue.length}`,
    "processors", "listeners"];
  ink.strokeStyle = colours.faint;
  boxes.slice(1).forEach((box) => upright(ink, box.x - GAP, 6, height - FOOT));
  ink.fillStyle = colours.text;
  ink.font = "600 12px sans-serif";
  ink.textAlign = "left";
  titles.forEach((title, at) => ink.fillText(title, boxes[at].x, 18, boxes[at].width));
}

function drawLanes({ ink, colours }, record, lanes, box, look, now, still) {
  const high = box.height / Math.max(1, lanes.length), label = Math.min(86, box.width * 0.42);
  lanes.forEach((dots, lane) => {
    const y = box.y + lane * high;
    ink.strokeStyle = colours.faint;
    ink.lineWidth = 1;
    ink.strokeRect(box.x + label, y + 0.5, box.width - label, high - 1);
    ink.fillStyle = colours.text;
    ink.font = "11px sans-serif";
    ink.textAlign = "left";
    if (high >= 11) ink.fillText(record.names.workers[lane], box.x, y + high / 2 + 4, label - 6);
    const inside = { x: box.x + label, y, width: box.width - label, height: high };
    drawLane(ink, record, dots, inside, look, now, still);
  });
}

function drawListeners({ ink, colours }, record, crowds, box, looks) {
  const shown = record.names.listeners.map((name, at) => [name, crowds.listeners[at], looks.handled]);
  if (record.canFail) shown.push(["failed", crowds.failed, looks.failed]);
  if (record.canLeave) shown.push(["left out", crowds.left, looks.left]);
  const high = box.height / Math.max(1, shown.length);
  shown.forEach(([name, dots, look], at) => {
    const y = box.y + at * high;
    ink.fillStyle = colours.text;
    ink.font = "11px sans-serif";
    ink.textAlign = "left";
    ink.fillText(`${name} ${dots.length}`, box.x, y + 10, box.width);
    drawCrowd(ink, record, dots, { ...box, y: y + 16, height: high - 18 }, look);
  });
}

// Events that were fired but not handed over yet are drawn below.
function drawQueue({ ink, colours }, record, crowds, box, looks) {
  const high = box.height * 0.75;
  const below = { ...box, y: box.y + high + 16, height: box.height - high - 16 };
  drawCrowd(ink, record, crowds.queue, { ...box, height: high }, looks.waiting, true);
  if (!crowds.bus.length) return;
  ink.fillStyle = colours.text;
  ink.font = "11px sans-serif";
  ink.textAlign = "left";
  ink.fillText(`on the bus ${crowds.bus.length}`, box.x, below.y - 6, box.width);
  drawCrowd(ink, record, crowds.bus, below, looks.held, true);
}

// Computes what is the same at all times: the rows, and the order in which journeys end.
function layOut(record) {
  const { names, outcomes, finished, left, failed } = record;
  const over = Float64Array.from(finished, (at, index) => Math.min(at, left[index]));
  record.order = Uint32Array.from(over.keys()).sort((a, b) => over[a] - over[b] || a - b);
  record.rowOf = [-1, ...names.subscribers.map((name) => names.listeners.indexOf(name))];
  record.canFail = outcomes.includes(failed);
  record.canLeave = outcomes.some((one) => one > failed);
  return record;
}

function drawStage(sheet, record, places, now, still) {
  const { ink, width, height } = sheet, { looks } = record;
  const boxes = columns(width, height), crowds = sortOut(record, places);
  drawHeadings(sheet, boxes, crowds);
  drawCrowd(ink, record, crowds.trigger, boxes[0], looks.waiting, true);
  drawQueue(sheet, record, crowds, boxes[1], looks);
  drawLanes(sheet, record, crowds.lanes, boxes[2], looks.work, now, still);
  drawListeners(sheet, record, crowds, boxes[3], looks);
}

// The places of several sides: beside each other where there is room, or else one below the other.
function sideBoxes(sides, width) {
  const across = width >= sides.length * LEAST_SIDE ? sides.length : 1;
  const wide = width / across, high = Math.max(...sides.map(stageHeight));
  return sides.map(({ caption }, at) => {
    const top = caption ? CAPTION : 0;
    const y = Math.floor(at / across) * (high + top) + top;
    return { x: (at % across) * wide, y, width: wide, height: high };
  });
}

function sidesHeight(sides, width) {
  const last = sideBoxes(sides, width)[sides.length - 1];
  return last.y + last.height;
}

function drawSides(sheet, sides, places, now, still) {
  const { ink, colours } = sheet;
  sideBoxes(sides, sheet.width).forEach(({ x, y, width, height }, at) => {
    const side = sides[at];
    ink.save();
    ink.translate(x, y);
    ink.fillStyle = colours.text;
    ink.font = "600 14px sans-serif";
    if (side.caption) ink.fillText(side.caption, GAP, -8, width - 2 * GAP);
    drawStage({ ...sheet, width, height }, side, places[at], now, still);
    ink.restore();
  });
}
