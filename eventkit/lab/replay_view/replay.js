// The live view: records side by side on the stage, one clock with its controls, and the same in
// words and rows. The event under the pointer, or in the field, is marked everywhere.

const KEYS = "Keys, on the time slider: space plays and pauses, ← and → go to the stamp before and "
  + "after, Page Up and Page Down a tenth on and back, Home and End to the ends; + and − change the "
  + "speed.";

function make(tag, properties = {}, style = "") {
  const made = Object.assign(document.createElement(tag), properties);
  made.style.cssText = style;
  return made;
}

function button(textContent, title, onclick) {
  const className = "jupyter-button widget-button";
  return make("button", { textContent, title, onclick, className }, "width: auto; margin: 0");
}

function speedLabel(speed) {
  return speed < 1 ? `1/${(1 / speed).toLocaleString("en")} speed` : `${speed}× speed`;
}

// `then` wraps a function that changes the player, so that the change is drawn.
function controls(player, then) {
  const slider = make("input", { type: "range", min: 0, step: 1 }, "flex: 1 1 120px");
  slider.setAttribute("aria-label", "Time");
  slider.oninput = then(() => goTo(player, slider.valueAsNumber));
  const speed = make("select", { title: "how fast it is played" });
  speed.setAttribute("aria-label", "Speed");
  speed.append(...SPEEDS.map((one) => new Option(speedLabel(one), one)));
  speed.onchange = then(() => setSpeed(player, Number(speed.value)));
  const event = make("input", { type: "number", min: 0, value: 0, title: "mark this event; 0 for none" },
    "width: 4em");
  event.oninput = then(() => { player.picked = Number.isInteger(event.valueAsNumber) ? event.valueAsNumber : 0; });
  return {
    play: button("Play", "or press space", then(() => playOrPause(player))),
    back: button("◀ Step", "to the stamp before", then(() => stepBy(player, -1))),
    on: button("Step ▶", "to the stamp after", then(() => stepBy(player, 1))),
    slider,
    speed,
    event,
  };
}

function keys(player, then) {
  const step = (by) => then(() => stepBy(player, by));
  const tenth = (by) => then(() => goTo(player, player.time + by * end(player) / 10));
  const speed = (by) => then(() => faster(player, by));
  return { " ": then(() => playOrPause(player)), ArrowLeft: step(-1), ArrowDown: step(-1),
    ArrowRight: step(1), ArrowUp: step(1), PageUp: tenth(1), PageDown: tenth(-1),
    Home: then(() => goTo(player, 0)), End: then(() => goTo(player, Infinity)),
    "+": speed(1), "=": speed(1), "-": speed(-1) };
}

function onKey(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "number") return;
  const isChoice = event.target.tagName === "SELECT" && event.key.length > 1;
  const isPress = event.key === " " && event.target.type !== "range";
  if (isChoice || isPress || !actions[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  actions[event.key]();
}

function fillTable(table, caption, rows) {
  const line = (cells, tag) => {
    const row = make("tr");
    row.append(...cells.map((textContent) => make(tag, { textContent }, "text-align: left")));
    return row;
  };
  const head = line(["where", "how many", "events"], "th");
  table.replaceChildren(head, ...rows.map((row) => line(row, "td")));
  if (caption) table.prepend(make("caption", { textContent: caption }, "text-align: left"));
}

function textForm(parts) {
  const words = make("div"), tables = make("div", {}, "display: flex; flex-wrap: wrap; gap: 24px");
  const details = make("details"), below = make("div"), ofOne = make("p", {}, "margin: 4px 0");
  const label = make("label", { textContent: "Event " });
  const bar = make("div", {}, "display: flex; flex-wrap: wrap; gap: 6px; align-items: center");
  details.append(make("summary", { textContent: "Where each event is" }), tables,
    make("p", { textContent: KEYS }));
  const { event, ...others } = parts;
  label.append(event);
  bar.append(...Object.values(others), label);
  below.append(bar, words, ofOne, details);
  return { below, words, ofOne, details, tables };
}

// Makes a line of words and a table for each side, unless they are there.
function makeRoom({ words, tables }, { sides }) {
  if (words.children.length === sides.length) return;
  const line = () => make("p", {}, "margin: 4px 0; font-variant-numeric: tabular-nums");
  words.replaceChildren(...sides.map(line));
  tables.replaceChildren(...sides.map(() => make("table", {}, "align-self: flex-start")));
}

function tellSide(side, places, time, line, table) {
  placesAt(side, time, places);
  const said = side.begun ? wordsAt(side, places, time)
    : side.size ? `${side.size} events to come.` : "Nothing yet.";
  line.textContent = side.caption ? `${side.caption}: ${said}` : said;
  if (table) fillTable(table, side.caption, rowsAt(side, places));
}

function tellEvent({ record, places, time }, number, line) {
  const known = number > 0 && number <= record.last;
  const told = record.sides.map((side, at) =>
    `${side.caption && `${side.caption}: `}${wordsOf(side, places[at], number, time)}.`);
  line.textContent = known ? `Event ${number}. ${told.join(" ")}` : "";
}

function tell(player, parts, text) {
  const { record, places, time } = player, { words, details, tables } = text;
  player.told = performance.now();
  makeRoom(text, record);
  words.setAttribute("aria-live", isMoving(player) ? "off" : "polite");
  record.sides.forEach((side, at) => tellSide(side, places[at], time, words.children[at],
    details.open && tables.children[at]));
  text.ofOne.setAttribute("aria-live", isMoving(player) ? "off" : "polite");
  tellEvent(player, marked(player), text.ofOne);
  parts.event.max = record.last;
  parts.play.textContent = isMoving(player) ? "Pause" : "Play";
  parts.slider.max = end(player);
  parts.slider.value = time;
  parts.slider.setAttribute("aria-valuetext", clock(record, Math.max(time, 0)));
  parts.speed.value = player.speed;
  for (const part of Object.values(parts)) part.disabled = !record.begun;
}

function readSide({ stamps, marks, names, looks, caption, queues = true, direct = false, lanes = 0 },
  waterfall) {
  return layOut(Object.assign(readRecord(stamps, marks, names),
    { looks, caption, queues, direct, lanes, waterfall }));
}

// Calls `found` with the number of the event under the pointer, or 0.
function follow(canvas, player, found) {
  canvas.onpointermove = ({ offsetX, offsetY }) => {
    found(numberAt(player.record.sides, canvas.clientWidth, offsetX, offsetY));
  };
  canvas.onpointerleave = () => found(0);
}

function render(view) {
  const { model, el } = view, player = newPlayer();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let schedule;
  const then = (change) => () => {
    change();
    tell(player, parts, text);
    schedule();
  };
  const parts = controls(player, then), text = textForm(parts), actions = keys(player, then);
  text.details.ontoggle = () => tell(player, parts, text);
  el.addEventListener("keydown", (event) => onKey(event, actions));

  function say() {
    const record = together(model.get("sides").map((side) => readSide(side, model.get("waterfall"))));
    receive(player, record, model.get("running"), model.get("now"));
    tell(player, parts, text);
    const captions = record.sides.map(({ caption }) => caption).filter(Boolean).join(" and ");
    return `${model.get("title")}: trigger, queue, workers and handlers`
      + `${captions && ` of ${captions}`}. The same stands below in words.`;
  }

  function draw(sheet) {
    const began = performance.now();
    advance(player, calm.matches);
    const { record, places, time } = player;
    record.sides.forEach((side, at) => placesAt(side, time, places[at]));
    drawSides(sheet, record.sides, places,
      { now: time, still: calm.matches, marked: marked(player) });
    if (began - player.told > 250 || !isMoving(player)) tell(player, parts, text);
    else parts.slider.value = time;
    const took = performance.now() - began;
    el.dispatchEvent(new CustomEvent("ek-drawn", { detail: { time, places, took } }));
    return isMoving(player);
  }

  const height = (frame, width) => sidesHeight(player.record.sides, width);
  const begin = (ask) => { schedule = ask; };
  const stop = liveCanvas(view, text.below, { height, draw, say, begin });
  follow(el.querySelector("canvas"), player, (number) => {
    if (player.hovered !== number) then(() => { player.hovered = number; })();
  });
  return stop;
}

export default { render };
