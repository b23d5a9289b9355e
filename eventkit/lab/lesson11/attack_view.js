// The scene of an attack: Ann, the line and the house, the attacker beneath the place where he is,
// and the guard. A message is a numbered dot that takes the way which it took in the real try.

const ACROSS = { ann: 0.09, client: 0.2, line: 0.43, door: 0.64, house: 0.76, disk: 0.93 };
const ROAD = 96, REACH = 148, BELOW = 194, HIGH = 232;  // rows, in pixels
const WAY = 900;  // milliseconds that a message takes
const COLOURS = { waiting: "#999999", arrived: "#009E73", stopped: "#D55E00", attacker: "#CC79A7" };
const BOX = { wide: 64, high: 48 };

function spot(place, { attacker }, width) {
  if (place === "attacker") return { x: ACROSS[attacker] * width, y: BELOW };
  if (place === "reach") return { x: ACROSS[attacker] * width, y: REACH };
  return { x: ACROSS[place] * width, y: ROAD };
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

function write({ ink, colours }, text, x, y, weight = 400, align = "center") {
  ink.font = `${weight} 12px ${colours.font}`;
  ink.textAlign = align;
  ink.fillStyle = colours.text;
  ink.fillText(text, x, y);
}

// The dots stand in the upper part of a box, and its name in the lower.
function box(sheet, { x, y }, name, colour = sheet.colours.text) {
  const { ink } = sheet;
  ink.clearRect(x - BOX.wide / 2, y - 16, BOX.wide, BOX.high);
  ink.strokeStyle = colour;
  ink.lineWidth = 2;
  ink.strokeRect(x - BOX.wide / 2, y - 16, BOX.wide, BOX.high);
  write(sheet, name, x, y + 27, 600);
}

// Splits a text into lines that are at most `room` wide.
function wrapped({ ink, colours }, text, room) {
  ink.font = `12px ${colours.font}`;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (ink.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function guard(sheet, frame) {
  const { ink, width, colours } = sheet;
  const { x, y } = spot(frame.guard, frame, width), flat = frame.guard === "reach";
  const [wide, high] = flat ? [44, 7] : [7, 52];
  ink.strokeStyle = ink.fillStyle = colours.text;
  ink.lineWidth = 1.5;
  ink.setLineDash(frame.on ? [] : [3, 3]);
  ink.strokeRect(x - wide / 2, y - high / 2, wide, high);
  if (frame.on) ink.fillRect(x - wide / 2, y - high / 2, wide, high);
  ink.setLineDash([]);
  const lines = wrapped(sheet, `Guard ${frame.on ? "on" : "off"}: ${frame.words}`, 190);
  const toLeft = flat && x > width / 2;
  const side = flat ? x + (toLeft ? -30 : 30) : Math.min(width - 100, Math.max(100, x));
  const top = flat ? y + 4 - (lines.length - 1) * 8 : y - 34 - (lines.length - 1) * 16;
  const align = flat ? (toLeft ? "right" : "left") : "center";
  lines.forEach((line, at) => write(sheet, line, side, top + at * 16, 400, align));
}

function scenery(sheet, frame) {
  const { ink, width, colours } = sheet, at = (place) => spot(place, frame, width);
  stroke(ink, [at("ann"), at("house")], colours.text, 2);
  stroke(ink, [at("house"), at("disk")], colours.text, 1);
  stroke(ink, [at(frame.attacker), at("attacker")], COLOURS.attacker, 2, [2, 4]);
  write(sheet, "the line", at("line").x + 8, ROAD - 10, 400, "left");
  for (const [place, name] of [["ann", "Ann"], ["house", "house"], ["disk", "disk"]]) {
    box(sheet, at(place), name);
  }
  const name = frame.attacker === "ann" ? "is Ann" : "attacker";
  box(sheet, at("attacker"), name, COLOURS.attacker);
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

function message(sheet, frame, number, part) {
  const { ink, width } = sheet;
  const route = frame.routes[number];
  const points = route.places.map((place) => spot(place, frame, width));
  const { x, y, from } = along(points, part), over = part === 1;
  const touched = route.altered && from >= route.places.indexOf("attacker");
  const kind = over ? (route.stopped ? "stopped" : "arrived") : "waiting", colour = COLOURS[kind];
  stroke(ink, [...points.slice(0, from + 1), { x, y }], colour, 3, [6, 3]);
  const at = x + (over ? aside(frame.routes, number) : 0);
  if (touched) {
    ink.strokeStyle = COLOURS.attacker;
    ink.lineWidth = 3;
    ink.beginPath();
    ink.arc(at, y, 13, 0, 2 * Math.PI);
    ink.stroke();
    write(sheet, "altered", at, y + (route.stopped ? 46 : -18));
  }
  const crossed = over && route.stopped;
  if (crossed) write(sheet, `${frame.number} stopped`, at, y + 32, 600);
  useLook(ink, { colour }, 10);
  drawDot(ink, at, y, 10, { colour, crossed }, frame.number);
}

function draw(sheet, frame, elapsed, calm) {
  const { routes = [] } = frame, { ink, width } = sheet;
  if (!frame.begins) return false;
  scenery(sheet, frame);
  if (!routes.length) {
    const { x, y } = spot(frame.begins, frame, width), look = { colour: COLOURS.waiting };
    useLook(ink, look, 10);
    drawDot(ink, x, y, 10, look, frame.number);
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
