// The load curve with its virtual queue. Left: requests on their way, as many as at the utilisation
// that is set. Right: the curve, whose upright line is dragged or moved by the arrow keys.

const AHEAD = 5;  // how far ahead of its coming a request is shown, in units of work
const ROWS = 10;  // of requests that are still to come
const SPEEDS = [0.01, 0.02, 0.05, 0.2, 1];
const SIDE_BY_SIDE = 620;  // pixels that both halves need together
const QUEUE_HEIGHT = 250, CHART_HEIGHT = 330;
const LONGEST_FRAME = 100;  // milliseconds; a page that was out of sight does not catch up
const SHARES = [0.2, 0.32, 0.22, 0.26];

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function halves(width) {
  if (width < SIDE_BY_SIDE) {
    return [{ x: 0, y: 0, width, height: QUEUE_HEIGHT },
      { x: 0, y: QUEUE_HEIGHT, width, height: CHART_HEIGHT }];
  }
  const left = Math.round(width * 0.5);
  return [{ x: 0, y: 0, width: left - 10, height: CHART_HEIGHT },
    { x: left + 10, y: 0, width: width - left - 10, height: CHART_HEIGHT }];
}

function stageBoxes({ x, y, width, height }) {
  let left = x;
  return SHARES.map((share) => {
    const box = { x: left + 6, y: y + 30, width: share * width - 12, height: height - 40 };
    left += share * width;
    return box;
  });
}

function drawRequests(ink, requests, box, look, fromRight) {
  const numbers = requests.map((at) => at + 1);
  drawCrowd(ink, { numbers }, [...numbers.keys()], box, look, fromRight);
}

function drawHeadings({ ink, colours }, boxes, { waiting, answered }, servers) {
  const titles = ["trigger", `queue ${waiting.length}`, servers > 1 ? "servers" : "server",
    `done ${answered.toLocaleString("en")}`];
  ink.strokeStyle = colours.faint;
  boxes.slice(1).forEach((box) => upright(ink, box.x - 6, box.y - 24, box.y + box.height));
  ink.fillStyle = colours.text;
  useFont(ink, 12, 600);
  ink.textAlign = "left";
  titles.forEach((title, at) => ink.fillText(title, boxes[at].x, boxes[at].y - 12, boxes[at].width));
}

// Requests that are still to come: the nearer to the queue, the sooner.
function drawComing({ ink }, { run, time }, box, colour) {
  const look = { colour, hollow: true }, radius = 8.6;
  useLook(ink, look, radius);
  for (const at of comingSoon(run, time, AHEAD)) {
    const x = box.x + box.width - radius - ((run.arrived[at] - time) / AHEAD) * (box.width - 2 * radius);
    drawDot(ink, x, box.y + radius + 1 + (at % ROWS) * 20, radius, look, at + 1);
  }
}

function drawServers({ ink, colours }, { run, time, servers }, working, box, colour) {
  const radius = 8.6, high = 28;
  for (let lane = 0; lane < servers; lane += 1) {
    ink.strokeStyle = colours.faint;
    ink.lineWidth = 1;
    ink.strokeRect(box.x, box.y + lane * (high + 6) + 0.5, box.width, high);
  }
  useLook(ink, { colour }, radius);
  for (const at of working) {
    const done = (time - run.started[at]) / (run.finished[at] - run.started[at]);
    const x = box.x + radius + 2 + done * (box.width - 2 * radius - 4);
    drawDot(ink, x, box.y + run.lanes[at] * (high + 6) + high / 2, radius, { colour }, at + 1);
  }
}

function drawQueue(sheet, state, shown, half, { waiting, work, done }) {
  const boxes = stageBoxes(half), { ink } = sheet;
  drawHeadings(sheet, boxes, shown, state.servers);
  drawComing(sheet, state, boxes[0], waiting);
  drawRequests(ink, shown.waiting, boxes[1], { colour: waiting }, true);
  drawServers(sheet, state, shown.working, boxes[2], work);
  drawRequests(ink, shown.done, boxes[3], { colour: done });
}

// What is set, and the virtual run of it: recomputed when a setting changes.
function settle(state, model) {
  const { count, seed, typical, curves } = model.get("frame");
  const percent = model.get("percent"), chosen = 2 * model.get("servers") + model.get("service");
  if (state.percent === percent && state.chosen === chosen) return;
  const { servers, service } = curves[chosen];
  state.chances ??= chances(count, seed);
  state.run ??= newRun(count);
  Object.assign(state, { percent, chosen, servers });
  simulate(state.chances, { rho: percent / 100, servers, exponential: service !== "fixed" }, state.run);
  state.time = state.run.arrived[typical];
}

function advance(state, { running }) {
  const now = performance.now(), passed = Math.min(now - state.drawn, LONGEST_FRAME);
  state.drawn = now;
  if (!state.playing || running) return;
  state.time = Math.min(state.time + (passed / state.work) * state.speed, state.run.end);
}

function result({ percent, run }) {
  return [`At ${percent} % busy an answer takes `, `${run.mean.toFixed(1)} ×`, " its work"];
}

function runInWords({ run, work, percent, chosen }, { count, curves }) {
  const [, theory] = curves[chosen].points.find(([at]) => at === percent);
  const seconds = Math.floor((run.end * work) / 1e3).toLocaleString("en");
  return `${curves[chosen].name}: a virtual run of ${seconds} s with ${count.toLocaleString("en")} `
    + `requests takes ${(run.mean * work).toFixed(1)} ms on average; theory says ${theory.toFixed(1)} `
    + "ms for a run without end.";
}

function momentInWords({ waiting, working, came }) {
  return `Shown is the queue after request ${came.toLocaleString("en")}: ${waiting.length} wait, `
    + `${working.length} running.`;
}

function controls(state, then) {
  const look = { className: "jupyter-button widget-button" };
  const play = make("button", { ...look, onclick: then(() => { state.playing = !state.playing; }) });
  const step = make("button", { ...look, textContent: "Step ▶",
    title: "to the next request that comes or is answered",
    onclick: then(() => {
      state.playing = false;
      state.time = nextChange(state.run, state.servers, state.time);
    }) });
  const speed = make("select", { ariaLabel: "Speed", title: "how fast the virtual queue is played" },
    ...SPEEDS.map((one) => new Option(one < 1 ? `1/${1 / one} speed` : "real speed", one)));
  speed.value = state.speed;
  speed.onchange = then(() => { state.speed = Number(speed.value); });
  return { play, step, speed };
}

function handle(model) {
  const slider = make("input", { type: "range", className: "ek-handle", ariaLabel: "Utilisation (%)" });
  slider.min = model.get("low");
  slider.max = model.get("high");
  slider.oninput = () => setPercent(model, slider.valueAsNumber);
  return slider;
}

function setPercent(model, percent) {
  model.set("percent", Math.max(model.get("low"), Math.min(Math.round(percent), model.get("high"))));
  model.save_changes();
}

// The slider's knob is under the line: it overlaps the plot's ends by half a knob.
function place(slider, canvas, plot, knob = 18) {
  const [from, to] = [plot.x(slider.min), plot.x(slider.max)];
  slider.style.left = `${canvas.offsetLeft + from - knob / 2}px`;
  slider.style.width = `${to - from + knob}px`;
  slider.style.top = `${canvas.offsetTop + plot.bottom - knob / 2}px`;
}

// The plot can be dragged anywhere, not by the knob alone.
function dragOn(canvas, state, slider, model) {
  const isInside = ({ offsetX: x, offsetY: y }) => state.plot
    && x > state.plot.left - 8 && x < state.plot.right + 8 && y > state.plot.top && y < state.plot.bottom;
  const move = ({ offsetX }) => setPercent(model, state.plot.percent(offsetX));
  canvas.style.touchAction = "pan-y";
  canvas.onpointerdown = (event) => {
    if (!isInside(event)) return;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    slider.focus();
    move(event);
  };
  canvas.onpointermove = (event) => {
    canvas.style.cursor = isInside(event) ? "ew-resize" : "";
    if (canvas.hasPointerCapture(event.pointerId)) move(event);
  };
}

function render(view) {
  const { model, el } = view, calm = matchMedia("(prefers-reduced-motion: reduce)");
  const state = { playing: !calm.matches, speed: 0.05, drawn: 0, work: model.get("frame").work };
  let canvas, schedule, isSeen = true;
  const then = (change) => () => {
    change();
    tell();
    schedule();
  };
  const figure = make("div", { className: "ek-result" }), line = make("p");
  const slider = handle(model), parts = controls(state, then);
  const below = make("div", {}, make("div", { className: "ek-play" }, ...Object.values(parts)), line);
  el.classList.add("ek-load-curve");
  el.append(figure, slider);

  function tell() {
    const frame = model.get("frame"), [before, times, after] = result(state);
    figure.replaceChildren(before, make("b", { textContent: times }), after);
    slider.value = state.percent;
    slider.setAttribute("aria-valuetext", `${state.percent} %: ${times} its work`);
    parts.play.textContent = state.playing ? "Pause" : "Play";
    parts.play.disabled = calm.matches;
    const moment = state.playing ? "" : momentInWords(stateAt(state.run, state.servers, state.time, 0));
    line.textContent = `${runInWords(state, frame)} ${moment}`;
  }

  function say() {
    settle(state, model);
    tell();
    return `Load curve. ${result(state).join("")}. ${line.textContent} ${model.get("frame").says}`;
  }

  function draw(sheet, frame) {
    const [left, right] = halves(sheet.width);
    advance(state, frame);
    const shown = stateAt(state.run, state.servers, state.time);
    state.plot = plotBox(right, frame);
    drawQueue(sheet, state, shown, left, { ...frame.colours, work: frame.curves[state.chosen].colour });
    drawChart(sheet, state.plot, frame, { ...state, mean: state.run.mean * state.work });
    place(slider, canvas, state.plot);
    el.dispatchEvent(new CustomEvent("ek-drawn", { detail: { ...state, shown } }));
    return state.playing && isSeen && !frame.running;
  }

  const stop = liveCanvas(view, below, {
    height: (frame, width) => { const [, chart] = halves(width); return chart.y + chart.height; },
    draw,
    say,
    begin: (ask) => {
      schedule = ask;
      canvas = el.querySelector("canvas");
      dragOn(canvas, state, slider, model);
    },
  });
  const seen = new IntersectionObserver(([entry]) => {
    isSeen = entry.isIntersecting;
    schedule();
  });
  seen.observe(el);
  return () => {
    seen.disconnect();
    stop();
  };
}

export default { render };
