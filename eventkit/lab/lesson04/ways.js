// A lane for each way: its requests as dots, grey while they wait and green when they are answered,
// and beside them the time, threads and memory that it took, as measured. The same stands below in
// words.

const WAITING = { colour: "#999999" }, ANSWERED = { colour: "#009E73" };
const HEADINGS = 26, TITLE = 22;  // pixels
const NUMBERED = 14, DEEPEST = 84;  // pixels from dot to dot with a number, and a crowd at the most
const BARS = [["time", "seconds", "s", 2], ["threads", "threads", "", 0], ["memory", "memory", "MB", 1]];

// The columns: requests that wait, requests that are answered, and the bars.
function columns(width) {
  const crowd = width * (width < 600 ? 0.27 : 0.32), bar = (width - 2 * crowd) / BARS.length;
  return [0, crowd, ...BARS.map((_, at) => 2 * crowd + at * bar)]
    .map((x, at) => ({ x: x + 4, width: (at < 2 ? crowd : bar) - 12 }));
}

// As high as dots with numbers need, within reason.
function laneHeight(total, width) {
  const across = Math.max(1, Math.floor(columns(width)[0].width / NUMBERED));
  return TITLE + 4 + Math.min(DEEPEST, Math.max(34, Math.ceil(total / across) * NUMBERED));
}

// With many requests the dots are too small for numbers, and only how many are answered is known.
function drawRequests({ ink, high }, lane, { total, numbered }, top, [left, right]) {
  const done = new Set(lane.numbers), all = Array.from({ length: total }, (_, at) => at + 1);
  const answered = numbered ? lane.numbers : all.slice(0, lane.answered);
  const waiting = numbered ? all.filter((one) => !done.has(one)) : all.slice(lane.answered);
  const box = ({ x, width }) => ({ x, y: top, width, height: high - TITLE - 4 });
  const numbers = numbered ? [0, ...all] : [];
  drawCrowd(ink, { numbers }, waiting, box(left), WAITING, true);
  drawCrowd(ink, { numbers }, answered, box(right), ANSWERED);
}

function drawBar(sheet, value, most, digits, unit, colour, top, { x, width }) {
  const { ink } = sheet;
  if (!value) return;
  ink.fillStyle = colour;
  ink.fillRect(x, top + 18, Math.max(1, (value / most) * width), 14);
  const shown = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  write(sheet, `${shown} ${unit}`, x, top + 12);
}

function headings(sheet, places) {
  const titles = ["waiting", "answered", ...BARS.map(([title]) => title)];
  titles.forEach((title, at) => {
    const { x, width } = places[at];
    if (at === 0) write(sheet, title, x + width, 14, { weight: 600, align: "right" });
    else write(sheet, title, x, 14, { weight: 600 });
  });
}

function draw(sheet, frame) {
  const { lanes = [], span = 1 } = frame, { ink, width, colours } = sheet, places = columns(width);
  const high = laneHeight(frame.total, width);
  headings(sheet, places);
  const most = BARS.map(([, key]) =>
    Math.max(key === "seconds" ? span : 0.1, ...lanes.map((lane) => lane[key])));
  lanes.forEach((lane, row) => {
    const top = HEADINGS + row * high;
    ink.strokeStyle = colours.faint;
    ink.lineWidth = 1;
    ink.strokeRect(0.5, top + 0.5, width - 1, high - 4);
    write(sheet, lane.title, places[0].x, top + 14, { weight: 600 });
    if (lane.missing) write(sheet, "not installed", places[1].x, top + 14);
    else drawRequests({ ink, high }, lane, frame, top + TITLE - 3, places);
    BARS.forEach(([, key, unit, digits], at) =>
      drawBar(sheet, lane[key], most[at], digits, unit, lane.colour, top + 8, places[at + 2]));
  });
}

function legend(lane) {
  const item = document.createElement("li"), sample = document.createElement("span");
  sample.style.cssText = `display: inline-block; width: 12px; height: 12px; margin-right: 8px;
    background: ${lane.colour}`;
  item.append(sample, `${lane.title}: ${lane.says}`);
  return item;
}

function render(view) {
  const words = document.createElement("ul");
  words.style.cssText = "list-style: none; margin: 4px 0; padding: 0";
  return liveCanvas(view, words, {
    height: ({ lanes = [], total = 1 }, width) => HEADINGS + lanes.length * laneHeight(total, width),
    draw,
    say: () => {
      const lanes = view.model.get("frame").lanes || [];
      words.replaceChildren(...lanes.map(legend));
      return `Time trial. ${lanes.map((lane) => `${lane.title}: ${lane.says}`).join(" ")}`;
    },
  });
}

export default { render };
