// Plays a record on the stage: pause, slow down, step from stamp to stamp, go to any time. While
// the run goes on, the view follows the kernel's clock until somebody stops it.

const SPEEDS = [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 4, 10, 100];
const BEAT = 500;  // milliseconds from picture to picture where motion is not wanted
const KEYS = "Keys: space plays and pauses, ← and → go to the stamp before and after, Page Up and "
  + "Page Down a tenth on, Home and End to the ends; + and − change the speed.";

function speedLabel(speed) {
  return speed < 1 ? `1/${(1 / speed).toLocaleString("en")} speed` : `${speed}× speed`;
}

// Real time; slower if it would be over in the twinkling of an eye, faster if it took minutes.
function fittingSpeed(span) {
  const seconds = span / 1e9;
  if (seconds < 0.5) return SPEEDS.findLast((speed) => seconds / speed >= 5) || SPEEDS[0];
  return SPEEDS.find((speed) => speed >= 1 && seconds / speed <= 60) || SPEEDS[SPEEDS.length - 2];
}

function receive(model, player) {
  const record = readRecord(model.get("stamps"), model.get("marks"), model.get("names"));
  const { names, outcomes } = record;
  record.order = Uint32Array.from(record.due.keys())
    .sort((a, b) => Math.min(record.finished[a], record.left[a])
      - Math.min(record.finished[b], record.left[b]) || a - b);
  record.rowOf = [-1, ...names.subscribers.map((name) => names.listeners.indexOf(name))];
  record.canFail = outcomes.includes(record.failed);
  record.canLeave = outcomes.some((one) => one > record.failed);
  const wasRunning = player.running;
  player.running = model.get("running");
  player.record = record;
  player.places = new Uint8Array(record.size);
  player.clock = model.get("now");
  player.received = performance.now();
  if (player.running && !wasRunning) player.following = true;
  if (!player.running) {
    if (wasRunning && player.following) player.time = record.span;
    player.following = false;
    player.speed = player.speed || (record.size ? fittingSpeed(record.span) : 0);
  }
  player.time = Math.min(player.time, end(player));
}

function end({ running, clock, record }) {
  return running ? Math.max(clock, 0) : record.span;
}

function advance(player, still) {
  const now = performance.now(), passed = now - player.drawn;
  if (player.following) {
    const there = player.clock + (now - player.received) * 1e6;
    if (!still || there - player.time > BEAT * 1e6 || there < player.time) player.time = there;
  } else if (player.playing && (!still || passed >= BEAT)) {
    player.time = Math.min(player.time + passed * 1e6 * player.speed, end(player));
    player.playing = player.time < end(player);
    player.drawn = now;
  }
}

function controls(player, refresh) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const button = (text, title, onclick) => {
    const made = make("button", { textContent: text, title, onclick });
    made.className = "jupyter-button widget-button";
    made.style.cssText = "width: auto; margin: 0";
    return made;
  };
  const go = (time) => {
    Object.assign(player, { playing: false, following: false });
    player.time = Math.max(0, Math.min(time, end(player)));
    refresh();
  };
  const step = (by) => go(neighbour(player.record.moments, player.time, by));
  const toggle = () => {
    if (player.playing || player.following) Object.assign(player, { playing: false, following: false });
    else if (player.running) player.following = true;
    else {
      if (player.time >= end(player)) player.time = 0;
      Object.assign(player, { playing: true, drawn: performance.now() });
    }
    refresh();
  };
  const faster = (by) => {
    const at = SPEEDS.indexOf(player.speed) + by;
    player.speed = SPEEDS[Math.max(0, Math.min(at, SPEEDS.length - 1))];
    refresh();
  };
  const parts = {
    play: button("Play", "or press space", toggle),
    back: button("◀ Step", "to the stamp before", () => step(-1)),
    on: button("Step ▶", "to the stamp after", () => step(1)),
    slider: make("input", { type: "range", min: 0, step: 1 }),
    speed: make("select", { title: "how fast it is played" }),
  };
  parts.slider.setAttribute("aria-label", "Time");
  parts.slider.style.flex = "1 1 120px";
  parts.slider.oninput = () => go(parts.slider.valueAsNumber);
  parts.speed.setAttribute("aria-label", "Speed");
  parts.speed.append(...SPEEDS.map((speed) => new Option(speedLabel(speed), speed)));
  parts.speed.onchange = () => {
    player.speed = Number(parts.speed.value);
    refresh();
  };
  const tenth = (by) => go(player.time + by * end(player) / 10);
  const keys = { " ": toggle, ArrowLeft: () => step(-1), ArrowDown: () => step(-1),
    ArrowRight: () => step(1), ArrowUp: () => step(1), Home: () => go(0), End: () => go(Infinity),
    PageUp: () => tenth(1), PageDown: () => tenth(-1),
    "+": () => faster(1), "=": () => faster(1), "-": () => faster(-1) };
  return { parts, keys };
}

function neighbour(moments, time, by) {
  let low = 0, high = moments.length;  // the first moment after `time`, by halving
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle] > time) high = middle;
    else low = middle + 1;
  }
  const before = moments[low - 1] === time ? low - 2 : low - 1;
  return by > 0 ? moments[low] ?? time : moments[before] ?? 0;
}

function pressed(event, keys) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isOthers = event.target.tagName === "SELECT" && event.key.length > 1;
  const isPress = event.key === " " && event.target.type !== "range";
  if (isOthers || isPress || !keys[event.key] || event.currentTarget.disabled) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

function fillTable(table, rows) {
  const line = (cells, tag) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => {
      const cell = document.createElement(tag);
      cell.textContent = text;
      cell.style.textAlign = "left";
      return cell;
    }));
    return row;
  };
  table.replaceChildren(line(["where", "how many", "events"], "th"), ...rows.map((row) => line(row, "td")));
}

function render(view) {
  const { model, el } = view;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const player = { time: 0, speed: 0, playing: false, following: false, running: false, drawn: 0, told: 0 };
  let schedule = () => {};
  receive(model, player);

  const below = document.createElement("div"), bar = document.createElement("div");
  const words = document.createElement("p"), details = document.createElement("details");
  const table = document.createElement("table"), hint = document.createElement("p");
  const summary = document.createElement("summary");
  const { parts, keys } = controls(player, () => { tell(); schedule(); });
  bar.style.cssText = "display: flex; flex-wrap: wrap; gap: 6px; align-items: center";
  bar.append(...Object.values(parts));
  words.style.cssText = "margin: 4px 0; font-variant-numeric: tabular-nums";
  summary.textContent = "Where each event is";
  hint.textContent = KEYS;
  details.append(summary, table, hint);
  details.ontoggle = () => tell();
  below.append(bar, words, details);
  el.addEventListener("keydown", (event) => pressed(event, keys));

  function tell() {
    const { record, time, playing, following } = player;
    const isMoving = playing || following, isEmpty = record.size === 0;
    player.told = performance.now();
    placesAt(record, time, player.places);
    words.setAttribute("aria-live", isMoving ? "off" : "polite");
    words.textContent = isEmpty ? "Nothing yet." : wordsAt(record, player.places, time);
    if (details.open) fillTable(table, rowsAt(record, player.places));
    parts.play.textContent = isMoving ? "Pause" : "Play";
    parts.slider.max = end(player);
    parts.slider.value = time;
    parts.slider.setAttribute("aria-valuetext", clock(record, time));
    parts.speed.value = player.speed || 1;
    for (const part of Object.values(parts)) part.disabled = isEmpty;
  }

  function draw(sheet) {
    const began = performance.now();
    advance(player, calm.matches);
    placesAt(player.record, player.time, player.places);
    drawStage(sheet, player.record, player.places, player.time, model.get("looks"), calm.matches);
    const isMoving = player.playing || player.following;
    if (began - player.told > 250 || !isMoving) tell();
    else parts.slider.value = player.time;
    const took = performance.now() - began;
    el.dispatchEvent(new CustomEvent("ek-drawn",
      { detail: { time: player.time, places: player.places, took, sheet } }));
    return isMoving;
  }

  return liveCanvas(view, below, {
    height: () => stageHeight(player.record),
    draw,
    begin: (ask) => { schedule = ask; },
    say: () => {
      receive(model, player);
      tell();
      return `${model.get("title")}: trigger, queue, processors and listeners. The same stands below in words.`;
    },
  });
}

export default { render };
