// The live view: a record on the stage, controls for its time, and the same in words and rows.

const KEYS = "Keys: space plays and pauses, ← and → go to the stamp before and after, Page Up and "
  + "Page Down a tenth on and back, Home and End to the ends; + and − change the speed.";

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
  return {
    play: button("Play", "or press space", then(() => playOrPause(player))),
    back: button("◀ Step", "to the stamp before", then(() => stepBy(player, -1))),
    on: button("Step ▶", "to the stamp after", then(() => stepBy(player, 1))),
    slider,
    speed,
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
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isChoice = event.target.tagName === "SELECT" && event.key.length > 1;
  const isPress = event.key === " " && event.target.type !== "range";
  if (isChoice || isPress || !actions[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  actions[event.key]();
}

function fillTable(table, rows) {
  const line = (cells, tag) => {
    const row = make("tr");
    row.append(...cells.map((textContent) => make(tag, { textContent }, "text-align: left")));
    return row;
  };
  const head = line(["where", "how many", "events"], "th");
  table.replaceChildren(head, ...rows.map((row) => line(row, "td")));
}

function textForm(parts) {
  const words = make("p", {}, "margin: 4px 0; font-variant-numeric: tabular-nums");
  const details = make("details"), table = make("table"), below = make("div");
  const bar = make("div", {}, "display: flex; flex-wrap: wrap; gap: 6px; align-items: center");
  details.append(make("summary", { textContent: "Where each event is" }), table,
    make("p", { textContent: KEYS }));
  bar.append(...Object.values(parts));
  below.append(bar, words, details);
  return { below, words, details, table };
}

function tell(player, parts, { words, details, table }) {
  const { record, places, time } = player;
  player.told = performance.now();
  placesAt(record, time, places);
  words.setAttribute("aria-live", isMoving(player) ? "off" : "polite");
  words.textContent = record.size ? wordsAt(record, places, time) : "Nothing yet.";
  if (details.open) fillTable(table, rowsAt(record, places));
  parts.play.textContent = isMoving(player) ? "Pause" : "Play";
  parts.slider.max = end(player);
  parts.slider.value = time;
  parts.slider.setAttribute("aria-valuetext", clock(record, time));
  parts.speed.value = player.speed;
  for (const part of Object.values(parts)) part.disabled = !record.size;
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
    const record = readRecord(model.get("stamps"), model.get("marks"), model.get("names"));
    receive(player, layOut(record), model.get("running"), model.get("now"));
    tell(player, parts, text);
    return `${model.get("title")}: trigger, queue, processors and listeners. `
      + "The same stands below in words.";
  }

  function draw(sheet) {
    const began = performance.now();
    advance(player, calm.matches);
    placesAt(player.record, player.time, player.places);
    drawStage(sheet, player.record, player.places, player.time, model.get("looks"), calm.matches);
    if (began - player.told > 250 || !isMoving(player)) tell(player, parts, text);
    else parts.slider.value = player.time;
    const { time, places } = player, took = performance.now() - began;
    el.dispatchEvent(new CustomEvent("ek-drawn", { detail: { time, places, took } }));
    return isMoving(player);
  }

  const height = () => stageHeight(player.record);
  const begin = (ask) => { schedule = ask; };
  return liveCanvas(view, text.below, { height, draw, say, begin });
}

export default { render };
