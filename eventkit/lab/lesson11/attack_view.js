// The scene of an attack: Ann, the line and the house, the attacker beneath the place where he is,
// and the guard. A message is a numbered dot that takes the way which it took in the real try.

const ACROSS = { ann: 0, client: 0.14, line: 0.41, door: 0.67, house: 0.8, disk: 1 };
const ROAD = 80, REACH = 134, BELOW = 182, HIGH = 236;  // rows, in pixels
const EDGE = 38;
const WAY = 900;  // milliseconds that a message takes
const COLOURS = { waiting: "#999999", arrived: "#009E73", stopped: "#D55E00", attacker: "#CC79A7" };
const BOX = { wide: 64, high: 48 };

function spot(place, { attacker }, width) {
  const rows = { attacker: BELOW, reach: REACH }, column = rows[place] ? attacker : place;
  return { x: EDGE + ACROSS[column] * (width - 2 * EDGE), y: rows[place] || ROAD };
}

function stroke(ink, points, colour, wide, dash = []) {
  ink.strokeStyle = colour;
  ink.lineWidth = wide;
  ink.setLineDash(dash);
  ink.beginPath();
  points.forEach(({ x, y }, at) => (at ? ink.lineTo(x, y) : ink.moveTo(x, y)));
  ink.stroke();
  ink.setLineDash([]);
}

// The dots stand in the upper part of a box, and its name in the lower.
function box(sheet, { x, y }, name, colour = sheet.colours.text) {
  const { ink } = sheet;
  ink.clearRect(x - BOX.wide / 2, y - 16, BOX.wide, BOX.high);
  ink.strokeStyle = colour;
  ink.lineWidth = 2;
  ink.strokeRect(x - BOX.wide / 2, y - 16, BOX.wide, BOX.high);
  write(sheet, name, x, y + 27, { weight: 600, align: "center" });
}

// Splits a text into lines that are at most `room` wide.
function wrapped({ ink, colours }, text, room) {
  useFont(ink, 12);
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (ink.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// The guard's words, and where they stand: above it, or beside it where it is above the attacker.
function guardWords(sheet, frame) {
  const { width } = sheet, { x, y } = spot(frame.guard, frame, width);
  const lines = wrapped(sheet, `Guard ${frame.on ? "on" : "off"}: ${frame.words}`, 190);
  const middle = Math.min(width - 100, Math.max(100, x)), raised = (lines.length - 1) * 16;
  if (frame.guard !== "reach") return { lines, x: middle, y: y - 34 - raised, align: "center" };
  const align = x > width / 2 ? "right" : "left";
  return { lines, x: x + (align === "right" ? -38 : 38), y: y + 4 - raised / 2, align };
}

function guard(sheet, frame) {
  const { ink, width, colours } = sheet, { x, y } = spot(frame.guard, frame, width);
  const [wide, high] = frame.guard === "reach" ? [44, 7] : [7, 52];
  ink.strokeStyle = ink.fillStyle = colours.text;
  ink.lineWidth = 1.5;
  ink.setLineDash(frame.on ? [] : [3, 3]);
  ink.strokeRect(x - wide / 2, y - high / 2, wide, high);
  if (frame.on) ink.fillRect(x - wide / 2, y - high / 2, wide, high);
  ink.setLineDash([]);
  const words = guardWords(sheet, frame);
  words.lines.forEach((line, at) =>
    write(sheet, line, words.x, words.y + at * 16, { align: words.align }));
}

function scenery(sheet, frame) {
  const { ink, width, colours } = sheet, at = (place) => spot(place, frame, width);
  stroke(ink, [at("ann"), at("house")], colours.text, 2);
  stroke(ink, [at("house"), at("disk")], colours.text, 1);
  stroke(ink, [at(frame.attacker), at("attacker")], COLOURS.attacker, 2, [2, 4]);
  write(sheet, "the line", at("line").x + 8, ROAD - 10);
  for (const [place, name] of [["ann", "Ann"], ["house", "house"], ["disk", "disk"]]) {
    box(sheet, at(place), name);
  }
  box(sheet, at("attacker"), "attacker", COLOURS.attacker);
  if (frame.attacker === "ann") write(sheet, "is Ann", at("reach").x + 8, REACH + 4);
  guard(sheet, frame);
}

// Where a message is after a part of its way: all pieces of the way take the same time.
function along(points, part) {
  const whole = part * (points.length - 1), from = Math.min(Math.floor(whole), points.length - 2);
  const [one, other] = [points[from], points[from + 1]], rest = whole - from;
  return { x: one.x + rest * (other.x - one.x), y: one.y + rest * (other.y - one.y), from };
}

// Messages that end at one place stand beside each other.
function aside(routes, number) {
  const last = ({ places }) => places[places.length - 1];
  return routes.slice(0, number).filter((one) => last(one) === last(routes[number])).length * 22;
}

// Below the dot: that it was stopped, and that it was altered.
function captions(sheet, frame, { stopped, altered }, { x, y }) {
  const below = y + 48;
  if (altered) write(sheet, "altered", x, below + (stopped ? 16 : 0), { align: "center" });
  if (!stopped) return;
  const words = guardWords(sheet, frame), said = `${frame.number} stopped`;
  if (frame.guard !== "reach") write(sheet, said, x, below, { weight: 600, align: "center" });
  else {
    write(sheet, said, words.x, words.y + words.lines.length * 16, { weight: 600, align: words.align });
  }
}

function dot(sheet, frame, { stopped, altered }, { x, y }, colour) {
  const { ink } = sheet;
  if (stopped) ink.clearRect(x - 14, y - 14, 28, 28);
  useLook(ink, { colour }, 10);
  drawDot(ink, x, y, 10, { colour, crossed: stopped }, frame.number);
  if (!altered) return;
  ink.strokeStyle = COLOURS.attacker;
  ink.lineWidth = 3;
  ink.beginPath();
  ink.arc(x, y, 13, 0, 2 * Math.PI);
  ink.stroke();
}

function message(sheet, frame, number, part) {
  const { ink, width } = sheet, route = frame.routes[number], over = part === 1;
  const points = route.places.map((place) => spot(place, frame, width));
  const now = along(points, part), stopped = over && route.stopped;
  const altered = route.altered && now.from >= route.places.indexOf("attacker");
  const colour = COLOURS[over ? (stopped ? "stopped" : "arrived") : "waiting"];
  stroke(ink, [...points.slice(0, now.from + 1), now], colour, 3, [6, 3]);
  const here = { x: now.x + (over ? aside(frame.routes, number) : 0), y: now.y };
  dot(sheet, frame, { stopped, altered }, here, colour);
  captions(sheet, frame, { stopped, altered }, here);
}

function draw(sheet, frame, elapsed, calm) {
  const { routes = [] } = frame, { width } = sheet;
  if (!frame.begins) return false;
  scenery(sheet, frame);
  if (!routes.length) {
    dot(sheet, frame, {}, spot(frame.begins, frame, width), COLOURS.waiting);
  }
  const now = calm ? Infinity : elapsed / WAY;
  routes.forEach((_, at) => {
    if (now >= at) message(sheet, frame, at, Math.min(1, now - at));
  });
  return now < routes.length;
}

function render(view) {
  const { matches: calm } = matchMedia("(prefers-reduced-motion: reduce)");
  return liveCanvas(view, document.createElement("div"), {
    height: () => HIGH,
    draw: (sheet, frame, elapsed) => draw(sheet, frame, elapsed, calm),
    say: (words) => {
      words.textContent = view.model.get("frame").says || "";
      return `Ann, the line, the house and the attacker. ${words.textContent}`;
    },
  });
}

export default { render };
