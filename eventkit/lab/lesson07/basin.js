// The tank: events come in at the top and wait in it, the oldest at the bottom. Workers take them
// there. What is lost falls to the ground, and where it leaves the tank depends on the policy.

const BASIN = { width: 440, height: 304, left: 120, right: 250, rim: 60, bottom: 220, ground: 284 };
const MIDDLE = (BASIN.left + BASIN.right) / 2;
const FALL = 900;  // milliseconds from the tank to the ground
const WHEN_FULL = {
  "no bound": "no bound: all are let in",
  block: "when full: the producer waits here",
  drop_oldest: "when full: the oldest drops out below",
  drop_newest: "when full: the newest spills over",
  raise: "when full: the newest is refused",
};
// Where a lost event goes before it reaches the ground.
const WAYS_OUT = {
  drop_oldest: [[BASIN.left + 15, BASIN.bottom - 9], [BASIN.left + 15, BASIN.ground]],
  drop_newest: [[MIDDLE, BASIN.rim - 12], [BASIN.right + 20, BASIN.rim - 12],
    [BASIN.right + 20, BASIN.ground]],
  raise: [[MIDDLE, BASIN.rim - 12], [BASIN.left - 20, BASIN.rim - 30],
    [BASIN.left - 20, BASIN.ground]],
};

function strokeLine(ink, points, width, colour) {
  ink.strokeStyle = colour;
  ink.lineWidth = width;
  ink.beginPath();
  points.forEach(([x, y], at) => (at ? ink.lineTo(x, y) : ink.moveTo(x, y)));
  ink.stroke();
}

// A pipe as wide as what flows through it, dotted while nothing does.
function pipe({ ink, colours }, points, rate, colour) {
  if (!rate) ink.setLineDash([2, 4]);
  strokeLine(ink, points, rate ? Math.max(2, Math.min(12, 1.5 * Math.sqrt(rate))) : 1,
    rate ? colour : colours.text);
  ink.setLineDash([]);
}

function walls({ ink, colours }, { bounded, policy }) {
  const { left, right, rim, bottom } = BASIN, top = bounded ? rim - 4 : 26;
  const hole = policy === "drop_oldest" ? 30 : 0;
  strokeLine(ink, [[left, top], [left, bottom]], 2, colours.text);
  strokeLine(ink, [[left + hole, bottom], [right, bottom], [right, bottom - 4]], 2, colours.text);
  strokeLine(ink, [[right, bottom - 22], [right, top]], 2, colours.text);
  if (policy === "drop_newest") strokeLine(ink, [[right, top], [right + 9, top - 6]], 2, colours.text);
  if (policy === "raise") strokeLine(ink, [[left, top], [left - 6, top - 16]], 2, colours.text);
  if (policy === "block") {
    for (const [side, by] of [[left, 34], [right, -34]]) {
      strokeLine(ink, [[side, top], [side + by, top]], 2, colours.text);
    }
  }
}

// The middle of the place of each waiting event, from the bottom up, so that a full tank is full.
function seat(scale, at) {
  const { left, right, rim, bottom } = BASIN, width = right - left, height = bottom - rim;
  const across = Math.max(1, Math.round(Math.sqrt(scale * width / height)));
  const rows = Math.ceil(scale / across), wide = width / across, high = height / rows;
  return { x: left + (at % across + 0.5) * wide, y: bottom - (Math.floor(at / across) + 0.5) * high,
    radius: Math.min(9, 0.43 * Math.min(wide, high)) };
}

function fill(sheet, { scale, level, waiting, colours }) {
  const { ink } = sheet, { left, right, rim, bottom } = BASIN, brim = Math.max(1, scale);
  waiting.forEach((number, at) => {
    const { x, y, radius } = seat(brim, at);
    useLook(ink, { colour: colours.waiting }, radius);
    drawDot(ink, x, y, radius, { colour: colours.waiting }, number);
  });
  if (level && !waiting.length) {
    const surface = bottom - Math.min(1, level / brim) * (bottom - rim);
    ink.fillStyle = colours.waiting;
    ink.fillRect(left + 1, surface, right - left - 2, bottom - surface);
  }
}

function workers(sheet, { workers: lanes, working, colours }) {
  const { ink } = sheet, x = BASIN.right + 48, high = 23;
  for (let lane = 0; lane < lanes; lane += 1) {
    const y = BASIN.bottom - high * (lane + 1);
    ink.strokeStyle = sheet.colours.faint;
    ink.lineWidth = 1;
    ink.strokeRect(x, y + 1.5, 44, high - 3);
    if (lane >= working.length) continue;
    useLook(ink, { colour: colours.work }, 9);
    drawDot(ink, x + 22, y + high / 2, 9, { colour: colours.work }, working[lane]);
  }
  write(sheet, lanes === 1 ? "worker" : "workers", x + 22, BASIN.bottom + 16, { align: "center" });
}

function answered(sheet, { answered: [count, ...last], colours }) {
  const { ink } = sheet, x = BASIN.width - 66;
  write(sheet, `${count}`, x + 30, BASIN.bottom - 90, { align: "center", size: 22, weight: 600 });
  write(sheet, "answered", x + 30, BASIN.bottom + 16, { align: "center" });
  last.reverse().forEach((number, at) => {
    useLook(ink, { colour: colours.done }, 9);
    drawDot(ink, x + 8 + (at % 3) * 22, BASIN.bottom - 72 + Math.floor(at / 3) * 23, 9,
      { colour: colours.done }, number);
  });
}

function along(points, share) {
  const legs = points.length - 1, leg = Math.min(legs - 1, Math.floor(share * legs));
  const part = share * legs - leg, [[x, y], [toX, toY]] = points.slice(leg, leg + 2);
  return [x + part * (toX - x), y + part * (toY - y)];
}

// Draws lost events on their way to the ground, and there. Returns whether one still falls.
function fallen({ ink }, { fallen: lost, policy, colours }, passed, still) {
  let falls = false;
  for (const [number, age, place] of lost) {
    const share = still ? 1 : Math.min(1, (age + passed) / FALL);
    const [x, y] = along([...WAYS_OUT[policy], [84 + 24 * place, BASIN.ground]], share);
    useLook(ink, { colour: colours.lost }, 9);
    drawDot(ink, x, y, 9, { colour: colours.lost }, number);
    falls ||= share < 1;
  }
  return falls;
}

function heldUp(sheet, { held, heldFor, colours }) {
  if (!held) return;
  const { ink } = sheet;
  useLook(ink, { colour: colours.waiting }, 9);
  drawDot(ink, MIDDLE, BASIN.rim - 16, 9, { colour: colours.waiting }, held);
  write(sheet, `held up ${heldFor.toFixed(1)} s`, MIDDLE + 18, BASIN.rim - 12);
}

function labels(sheet, { scale, level, inflow, outflow, lost, policy }) {
  const { left, rim, bottom, ground } = BASIN, brim = Math.max(1, scale);
  write(sheet, `producer: ${inflow.toFixed(0)} per s`, 8, 16);
  write(sheet, WHEN_FULL[policy], MIDDLE + 18, 16);
  write(sheet, `${brim}`, left - 8, rim + 4, { align: "right" });
  write(sheet, "0", left - 8, bottom + 4, { align: "right" });
  write(sheet, `${level}`, left - 30, (rim + bottom) / 2, { align: "right", size: 28, weight: 600 });
  write(sheet, "waiting", left - 30, (rim + bottom) / 2 + 16, { align: "right" });
  write(sheet, `out ${outflow.toFixed(0)} per s`, BASIN.right + 70, bottom + 32, { align: "center" });
  if (policy in WAYS_OUT) write(sheet, `lost ${lost}`, 8, ground + 4);
}

// Returns whether something still moves.
function basin(sheet, frame, passed, still) {
  const { left, right, rim, bottom, width, ground } = BASIN, { colours } = frame;
  pipe(sheet, [[8, 30], [MIDDLE, 30], [MIDDLE, rim - 6]], frame.inflow, colours.waiting);
  pipe(sheet, [[right, bottom - 12], [right + 48, bottom - 12]], frame.outflow, colours.waiting);
  pipe(sheet, [[right + 92, bottom - 12], [width - 70, bottom - 12]], frame.outflow, colours.done);
  strokeLine(sheet.ink, [[8, ground + 13], [width, ground + 13]], 1, sheet.colours.faint);
  fill(sheet, frame);
  walls(sheet, frame);
  workers(sheet, frame);
  answered(sheet, frame);
  heldUp(sheet, frame);
  labels(sheet, frame);
  return fallen(sheet, frame, passed, still);
}
