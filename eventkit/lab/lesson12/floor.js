// Visitors on their way through a system: from the doors to the places, to a printer and onto the
// screen. A refused one falls and keeps its number, one who was given up is crossed out.

const RADIUS = 10, STEP = 24, ROWS = 4, TOP = 44, GROUND = 166, HEIGHT = 246;
const FLOOR = GROUND + 22;  // below it lie those who are refused or given up
const GLIDE = 180;  // milliseconds in which a dot goes two thirds of the way to its place

// Where the parts are. There is room for the dots of a crowd beside each other up to its end.
function layOut(width) {
  const columns = 6, doors = 26, places = Math.max(76, width * 0.15);
  const printers = places + columns * STEP + Math.max(30, width * 0.07);
  const screen = printers + STEP + Math.max(60, width * 0.13);
  return { doors, places, printers, screen, end: width - 14 };
}

function inColumns(x, index, rows = ROWS) {
  return { x: x + Math.floor(index / rows) * STEP, y: TOP + 12 + (index % rows) * 29 };
}

function inRows(left, right, top, index, total, bottom) {
  const room = (pitch) =>
    Math.max(1, Math.floor((right - left) / pitch)) * Math.max(1, Math.floor((bottom - top) / pitch));
  const pitch = PITCHES.find((one) => room(one) >= total) || PITCHES[PITCHES.length - 1];
  const across = Math.max(1, Math.floor((right - left) / pitch));
  return { x: left + ((index % across) + 0.5) * pitch,
    y: top + (Math.floor(index / across) + 0.5) * pitch, radius: pitch * 0.45 };
}

// The place and the look of every visitor.
function dotsOf(frame, at) {
  const dots = new Map();
  const put = (visitors, where, look) => visitors.forEach((visitor, index) => {
    if (visitor !== null) dots.set(visitor, { radius: RADIUS, ...where(index), ...look });
  });
  const fallen = (left, right, crowd) => (index) =>
    inRows(left, right, FLOOR + 18, index, crowd.length, HEIGHT);
  put(frame.atDoor, (index) => inColumns(at.doors, index % ROWS), { colour: frame.waiting, hollow: true });
  put(frame.places, (index) => inColumns(at.places, index), { colour: frame.waiting });
  put(frame.printers, (index) => inColumns(at.printers, index), { colour: frame.work });
  put(frame.printed, (index) => inColumns(at.printers + 1.6 * STEP, index % ROWS),
    { colour: frame.done, hollow: true });
  put(frame.counted, (index) => inRows(at.screen + 6, at.end - 6, TOP + 2, index, frame.counted.length,
    GROUND - 8), { colour: frame.done });
  put(frame.failed, fallen(at.printers - STEP, at.end, frame.failed), { colour: frame.lost, crossed: true });
  put(frame.refused, fallen(10, at.printers - 2 * STEP, frame.refused), { colour: frame.waiting });
  return dots;
}

// Moves the dots towards where they belong; returns whether one is still on its way.
function glide(shown, dots, passed) {
  const share = 1 - Math.exp(-passed / GLIDE);
  let moving = false;
  for (const visitor of shown.keys()) if (!dots.has(visitor)) shown.delete(visitor);
  for (const [visitor, { x, y }] of dots) {
    const now = shown.get(visitor) || { x: -RADIUS, y };
    const near = share >= 1 || Math.hypot(x - now.x, y - now.y) < 1;
    shown.set(visitor, near ? { x, y } : { x: now.x + (x - now.x) * share, y: now.y + (y - now.y) * share });
    moving = moving || !near;
  }
  return moving;
}

function box(ink, x, y, width, height) {
  ink.beginPath();
  ink.roundRect(x, y, width, height, 4);
  ink.stroke();
}

function label(ink, text, x, y) {
  ink.textAlign = "left";
  ink.fillText(text, x, y);
}

function building({ ink, colours }, frame, at) {
  ink.fillStyle = colours.text;
  label(ink, "doors", at.doors - 14, 32);
  label(ink, `${frame.room} places`, at.places - 12, 32);
  label(ink, `${frame.printers.length} printers`, at.printers - 12, 32);
  label(ink, "screen", at.screen, 32);
  if (frame.refused.length) label(ink, "refused", 12, FLOOR + 14);
  if (frame.failed.length) label(ink, "given up", at.printers - STEP, FLOOR + 14);
  ink.strokeStyle = colours.faint;
  ink.lineWidth = 1;
  for (const top of [TOP - 4, TOP + 58]) box(ink, at.doors - 14, top, 28, 56);
  for (let index = 0; index < frame.room; index += 1) {
    const { x, y } = inColumns(at.places, index);
    box(ink, x - 11, y - 13, 22, 26);
  }
  ink.strokeStyle = colours.text;
  frame.printers.forEach((_, index) => {
    const { x, y } = inColumns(at.printers, index);
    box(ink, x - 13, y - 13, 26, 26);
  });
  box(ink, at.screen, TOP - 4, at.end - at.screen, GROUND - TOP);
}

// What a kill ends: everything between the doors and the screen.
function process({ ink, colours }, frame, at) {
  ink.strokeStyle = frame.running ? colours.text : frame.lost;
  ink.lineWidth = frame.running ? 1 : 2;
  ink.setLineDash(frame.running ? [] : [6, 4]);
  box(ink, at.places - 22, 8, at.printers + 2.3 * STEP - at.places + 22, FLOOR - 10);
  ink.setLineDash([]);
  ink.fillStyle = colours.text;
  label(ink, frame.process, at.places - 12, FLOOR - 11);
}

function render(view) {
  const shown = new Map(), calm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = performance.now();

  function draw(sheet, frame) {
    const { ink } = sheet, at = layOut(sheet.width), dots = dotsOf(frame, at);
    const now = performance.now(), passed = calm.matches ? Infinity : Math.min(50, now - drawn);
    drawn = now;
    const moving = glide(shown, dots, passed);
    building(sheet, frame, at);
    process(sheet, frame, at);
    for (const [visitor, dot] of dots) {
      const { x, y } = shown.get(visitor);
      useLook(ink, dot, dot.radius);
      drawDot(ink, x, y, dot.radius, dot, visitor);
    }
    return moving;
  }

  return liveCanvas(view, document.createElement("div"), {
    height: () => HEIGHT,
    draw,
    say: (words) => {
      const { says, process } = view.model.get("frame");
      words.textContent = says;
      return `Doors, places, printers and screen; ${process}. ${says}`;
    },
  });
}

export default { render };
