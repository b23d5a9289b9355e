// Both sides, the server between them, and the line as a pipe: clicks go to the right in its upper
// half, answers come back in the lower one. The break is where it can be cut or frozen.

const TOP = 28, HIGH = 118, CLICKS = 38, ANSWERS = 94, BOTTOM = TOP + HIGH + 46, PICTURE = 268;

function layOut({ width }) {
  const side = Math.max(70, Math.min(150, width * 0.18));
  const hub = Math.max(44, Math.min(90, width * 0.1));
  const span = width - 2 * side - hub - 8, box = (x, wide) => ({ x, y: TOP, width: wide, height: HIGH });
  const here = box(4, side), server = box(4 + side + span * 0.72, hub);
  const there = box(width - side - 4, side);
  const gap = here.x + side + span * 0.72 * 0.64;
  return { here, server, there, gap, pipes: [[here.x + side, server.x], [server.x + hub, there.x]] };
}

function trays({ here, server, there, gap }) {
  const tray = (x, right) => ({ x, y: BOTTOM, width: right - x, height: PICTURE - BOTTOM - 4 });
  const west = here.x + here.width + 8, [near, far] = [gap - 14 - west, server.x - 8 - gap - 14];
  const held = { x: west, y: TOP + 8, width: near, height: 60 };
  const answers = { x: gap + 14, y: TOP + 78, width: far, height: 30 };
  return {
    held, leaving: held, answers, returning: answers,
    refused: tray(here.x, gap - 64),
    lost: tray(gap - 54, gap + 50),
    unheard: tray(gap + 60, there.x - 10),
    there: tray(there.x, there.x + there.width),
  };
}

function drawBox({ ink, colours }, { x, y, width, height }, name, number, note, colour) {
  ink.strokeStyle = colour;
  ink.lineWidth = 2.5;
  ink.beginPath();
  ink.roundRect(x, y, width, height, 8);
  ink.stroke();
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  useFont(ink, 13, 600);
  ink.fillText(name, x + width / 2, y + 20, width - 8);
  useFont(ink, 38, 600);
  ink.fillText(number, x + width / 2, y + 72, width - 8);
  useFont(ink, 12);
  ink.fillText(note, x + width / 2, y + 102, width - 8);
}

function wall(ink, left, right, y) {
  ink.moveTo(left, y);
  ink.lineTo(right, y);
}

function drawPipe(ink, [left, right], look, dash = [], gap = null) {
  ink.strokeStyle = look.colour;
  ink.lineWidth = 3;
  ink.setLineDash(dash);
  ink.beginPath();
  for (const y of [TOP + 4, TOP + HIGH - 4]) {
    if (gap === null) wall(ink, left, right, y);
    else {
      wall(ink, left, gap - 12, y);
      wall(ink, gap + 12, right, y);
    }
  }
  ink.stroke();
  ink.setLineDash([]);
}

// Two slanting ends for a cut, two upright bars, as on a pause button, for a freeze.
function drawBreak(ink, gap, state, look) {
  const slant = state === "cut" ? 8 : 0;
  ink.strokeStyle = look.colour;
  ink.lineWidth = state === "cut" ? 3 : 5;
  ink.beginPath();
  for (const x of state === "cut" ? [gap - 12, gap + 12] : [gap - 5, gap + 5]) {
    ink.moveTo(x + slant, TOP + 4);
    ink.lineTo(x - slant, TOP + HIGH - 4);
  }
  ink.stroke();
}

function drawLine({ ink, colours }, frame, { pipes, gap }) {
  const { waiting, work, lost } = frame.looks;
  if (frame.state === "whole") drawPipe(ink, pipes[0], work);
  else if (frame.state === "cut") drawPipe(ink, pipes[0], lost, [], gap);
  else drawPipe(ink, pipes[0], waiting, [4, 8]);
  if (frame.state !== "whole") drawBreak(ink, gap, frame.state, frame.state === "cut" ? lost : waiting);
  drawPipe(ink, pipes[1], work);
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  useFont(ink, 13, 600);
  ink.fillText(`the line is ${frame.state}`, gap, 18);
  useFont(ink, 12);
  const [left, right] = pipes[1];
  ink.fillText("clicks →", (left + right) / 2, 18, right - left);
  ink.fillText("← answers", (left + right) / 2, TOP + HIGH + 16, right - left);
}

function drawTrays({ ink, colours }, frame, dots, boxes) {
  const { waiting, held, done, lost, unheard } = frame.looks;
  const looks = { held: waiting, leaving: waiting, answers: held, returning: held,
    refused: lost, lost, unheard, there: done };
  const fromRight = ["held", "returning"];
  const names = { refused: "refused", lost: "lost", unheard: "answers lost", there: "counted" };
  for (const [place, box] of Object.entries(boxes)) {
    const crowd = dots[place];
    drawCrowd(ink, { numbers: crowd }, [...crowd.keys()], box, looks[place], fromRight.includes(place));
    ink.fillStyle = colours.text;
    ink.textAlign = "left";
    useFont(ink, 12);
    if (names[place]) ink.fillText(`${names[place]} ${crowd.length}`, box.x, BOTTOM - 8, box.width);
  }
  if (dots.held.length) {
    ink.fillText(`${dots.held.length} held back`, boxes.held.x, TOP + HIGH + 16, boxes.held.width);
  }
}

// Where a moving dot is, at a share of its way: along the line, or down into its tray.
function wayOf({ kind, from }, share, { here, there, gap }, boxes) {
  if (kind === "click" || kind === "answer") {
    const [west, east] = [here.x + here.width + 8, there.x - 8];
    const start = from === "break" ? gap : kind === "click" ? west : east;
    const goal = kind === "click" ? east : west;
    return [start + share * (goal - start), TOP + (kind === "click" ? CLICKS : ANSWERS)];
  }
  const x = kind === "refused" ? here.x + 10 : gap;
  const start = TOP + (kind === "unheard" ? ANSWERS : CLICKS);
  return [x, start + share * share * (boxes[kind].y + 10 - start)];
}

function drawMoving({ ink }, frame, moving, layout, boxes, now) {
  const looks = { click: "work", answer: "answer", refused: "lost", lost: "lost", unheard: "unheard" };
  for (const motion of moving) {
    const share = Math.max(0, (now - motion.begin) / (motion.end - motion.begin));
    const look = frame.looks[looks[motion.kind]];
    useLook(ink, look, 8.6);
    drawDot(ink, ...wayOf(motion, share, layout, boxes), 8.6, look, motion.number);
  }
}

function drawPicture(sheet, frame, dots, now) {
  const layout = layOut(sheet), boxes = trays(layout);
  const { here, server, there } = layout, { work, done, waiting } = frame.looks;
  drawLine(sheet, frame, layout);
  drawBox(sheet, here, "here", dots.here, "is shown", work.colour);
  drawBox(sheet, server, "server", "", "", waiting.colour);
  drawBox(sheet, there, "there", dots.there.length, "is true", done.colour);
  drawTrays(sheet, frame, dots, boxes);
  drawMoving(sheet, frame, dots.moving, layout, boxes, now);
}
