// The filter bench in the page: the marble diagram, with a handle on each event of the input line
// and a field for each setting. A handle is a slider for the keyboard and is dragged by the
// pointer. The kernel answers every change; while an answer is due, later moves replace earlier
// ones, so a drag never queues up.

const LATE = 2000;  // milliseconds after which an answer is given up

function element(parent, tag, classes, text = "") {
  const made = document.createElement(tag);
  made.className = classes;
  made.textContent = text;
  parent.append(made);
  return made;
}

// Sends edits, one message at a time. Of several moves of one event, only the newest is sent.
function outbox(model) {
  let waiting = 0, edits = [];
  const flush = () => {
    if (waiting || !edits.length) return;
    model.send(edits);
    edits = [];
    waiting = setTimeout(answered, LATE);
  };
  const answered = () => {
    clearTimeout(waiting);
    waiting = 0;
    flush();
  };
  return {
    answered,
    isEmpty: () => !waiting,
    send: (...edit) => {
      const last = edits[edits.length - 1];
      const isSame = edit[0] === "move" && last?.[0] === "move" && last[1] === edit[1];
      if (isSame) edits.pop();
      edits.push(edit);
      flush();
    },
  };
}

// The fields of one line, with its name above and what came out below.
function lineLabel(parent, line, row, send) {
  const box = element(parent, "div", "ek-line");
  element(box, "strong", "", line.name);
  const fields = element(box, "div", "ek-fields");
  const inputs = line.fields.map(([label, unit, low, high, step], place) => {
    const field = element(fields, "label", "", `${label} `);
    const input = element(field, "input", "");
    Object.assign(input, { type: "number", min: low, max: high, step });
    input.setAttribute("aria-label", `${line.name}: ${label}${unit ? ` (${unit})` : ""}`);
    field.append(` ${unit}`);
    input.addEventListener("input", () => {
      input.dataset.typing = "yes";
      if (input.value && input.validity.valid) send("change", line.name, place, input.valueAsNumber);
    });
    input.addEventListener("change", () => { delete input.dataset.typing; });
    return input;
  });
  const says = element(box, "div", "ek-says");
  return (now, at, isSettled) => {
    box.style.top = `${at.top(row) + 5}px`;
    says.textContent = now.says.replace("; ", at.isNarrow ? "; " : "\n");
    inputs.forEach((input, place) => {
      const value = String(now.fields[place][5]);
      if (isSettled && !input.dataset.typing && input.value !== value) input.value = value;
    });
  };
}

function seconds(time) {
  return `${time / 1000} s`;
}

function render({ model, el }) {
  const now = () => model.get("frame");
  const box = outbox(model);
  const local = new Map();  // where events are here, until the kernel has answered
  const state = { marked: null, drag: null };
  const handles = new Map();
  let redraw = () => {}, gestures = 0, wantsNew = false, spots = [];

  el.classList.add("ek-marbles");
  const result = element(el, "div", "ek-result");
  const stage = element(el, "div", "ek-stage");
  const words = document.createElement("div");
  const end = liveCanvas({ model, el: stage }, words, { height, draw, say, begin });
  const over = element(stage, "div", "ek-over");
  const hint = element(over, "div", "ek-line");
  element(hint, "strong", "", "Events");
  element(hint, "div", "ek-says", "Drag one along the line or off it. Click beside them to add one.");
  hint.style.top = "4px";
  const labels = now().lines.map((line, row) => lineLabel(over, line, row, box.send));

  function begin(schedule) {
    redraw = schedule;
  }

  function height(frame, width) {
    return stageLayout(frame, width).height;
  }

  function events(frame) {
    const moved = frame.events.map(([number, time]) => [number, local.get(number) ?? time]);
    return moved.sort((one, other) => one[1] - other[1] || one[0] - other[0]);
  }

  function draw(sheet, frame) {
    const style = getComputedStyle(el), isDark = document.body.dataset.jpThemeLight === "false";
    const own = { family: style.fontFamily, event: isDark ? "#dddddd" : "#333333" };
    const drawn = drawMarbles({ ...sheet, ...own }, frame, events(frame), state);
    spots = drawn.spots;
    layLabels(frame, sheet.width);
    for (const { number, x, y } of drawn.inputs) {
      const handle = handles.get(number);
      if (handle) handle.style.transform = `translate(${x}px, ${y}px)`;
    }
    stage.dataset.drawn = frame.version;
    return false;
  }

  function layLabels(frame, width) {
    const at = stageLayout(frame, width);
    el.classList.toggle("ek-narrow", at.isNarrow);
    over.style.setProperty("--ek-label", `${at.isNarrow ? width - RIGHT : at.left - 14}px`);
    labels.forEach((label, row) => label(frame.lines[row], at, box.isEmpty()));
  }

  function say() {
    const frame = now();
    return `Marble diagram. ${frame.says} ${frame.lines.map((one) => `${one.name}: ${one.says}`).join(". ")}.`;
  }

  function mark(number) {
    state.marked = number ?? focused() ?? state.drag?.number ?? null;
    tell();
    redraw();
  }

  function focused() {
    return [...handles].find(([, handle]) => handle.contains(document.activeElement))?.[0];
  }

  function tell() {
    words.textContent = state.drag?.away ? `Let go to remove event ${state.drag.number}.` : now().stories[state.marked]
      || "Point at an event, or go to it with Tab, to see what each filter does with it. "
      + "Arrow and Page keys move it, Delete removes it, Insert adds another.";
  }

  function move(number, time, gesture) {
    const slider = handles.get(number)?.firstChild;
    if (!slider || events(now()).find(([one]) => one === number)?.[1] === time) return;
    local.set(number, time);
    slider.value = time;
    slider.setAttribute("aria-valuetext", seconds(time));
    box.send("move", number, time, gesture);
    redraw();
  }

  function add(...time) {
    wantsNew = true;
    box.send("add", ...time);
  }

  function remove(number) {
    const order = events(now()).map(([one]) => one), place = order.indexOf(number);
    const next = order[place + 1] ?? order[place - 1];
    (handles.get(next)?.firstChild ?? over.querySelector("input")).focus({ preventScroll: true });
    box.send("remove", number);
  }

  function addHandle(number) {
    const handle = element(over, "span", "ek-event");
    const slider = element(handle, "input", "");
    Object.assign(slider, { type: "range", min: 0, max: now().end, step: now().step });
    slider.setAttribute("aria-label", `Event ${number}`);
    let gesture = "";
    slider.addEventListener("focus", () => {
      gesture = `keys ${number} ${gestures += 1}`;
      mark(number);
    });
    slider.addEventListener("blur", () => mark());
    slider.addEventListener("input", () => move(number, slider.valueAsNumber, gesture));
    slider.addEventListener("keydown", (event) => keyed(event, number, slider, gesture));
    handle.addEventListener("pointerenter", () => mark(number));
    handle.addEventListener("pointerleave", () => mark());
    handle.addEventListener("pointerdown", (event) => grab(event, number));
    handle.addEventListener("pointermove", drag);
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", giveUp);
    handles.set(number, handle);
  }

  function keyed(event, number, slider, gesture) {
    const page = { PageUp: 500, PageDown: -500 }[event.key];
    if (page) {
      const time = Math.min(now().end, Math.max(0, slider.valueAsNumber + page));
      move(number, time, gesture);
    } else if (event.key === "Delete" || event.key === "Backspace") remove(number);
    else if (event.key === "Insert") add();
    else if (event.key === "Escape" && state.drag) giveUp();
    else return;
    event.preventDefault();
  }

  function grab(event, number) {
    if (event.button !== 0) return;
    event.preventDefault();
    const handle = handles.get(number);
    handle.setPointerCapture(event.pointerId);
    handle.firstChild.focus({ preventScroll: true });
    const time = handle.firstChild.valueAsNumber;
    state.drag = { number, time, gesture: `drag ${gestures += 1}`, away: false, y: 0 };
    over.classList.add("ek-dragging");
  }

  function drag(event) {
    if (!state.drag) return;
    const { number, gesture } = state.drag, at = stageLayout(now(), stage.clientWidth);
    const place = stage.getBoundingClientRect();
    state.drag.y = event.clientY - place.top;
    state.drag.away = Math.abs(state.drag.y - at.input) > OFF;
    move(number, at.time(event.clientX - place.left), gesture);
    tell();
    redraw();
  }

  function drop() {
    const dragged = release();
    if (dragged?.away) remove(dragged.number);
  }

  function giveUp() {
    const dragged = release();
    if (dragged) move(dragged.number, dragged.time, dragged.gesture);
  }

  function release() {
    const dragged = state.drag;
    state.drag = null;
    over.classList.remove("ek-dragging");
    redraw();
    return dragged;
  }

  function clicked(event) {
    const place = stage.getBoundingClientRect(), at = stageLayout(now(), stage.clientWidth);
    const x = event.clientX - place.left, y = event.clientY - place.top;
    if (at.isOnInput(y) && x > at.left - RADIUS && x < at.x(now().end) + 24) add(at.time(x));
  }

  function hovered(event) {
    if (event.target !== canvas || state.drag) return;
    const place = stage.getBoundingClientRect(), at = stageLayout(now(), stage.clientWidth);
    const x = event.clientX - place.left, y = event.clientY - place.top;
    const far = (one) => Math.hypot(one.x - x, one.y - y);
    const near = spots.filter((one) => far(one) < 14).sort((one, other) => far(one) - far(other));
    canvas.style.cursor = at.isOnInput(y) && x > at.left - RADIUS ? "copy" : "default";
    if ((near[0]?.number ?? focused() ?? null) !== state.marked) mark(near[0]?.number);
  }

  function changed() {
    const frame = now();
    box.answered();
    if (box.isEmpty()) local.clear();
    result.textContent = frame.says;
    keepHandles(frame);
    tell();
  }

  function keepHandles(frame) {
    const wanted = new Map(frame.events);
    for (const [number, handle] of handles) {
      if (wanted.has(number)) continue;
      handle.remove();
      handles.delete(number);
      if (state.marked === number) state.marked = null;
    }
    let newest = null;
    for (const [number, time] of wanted) {
      if (!handles.has(number)) addHandle(newest = number);
      const slider = handles.get(number).firstChild, here = local.get(number) ?? time;
      slider.value = here;
      slider.setAttribute("aria-valuetext", seconds(here));
    }
    if (wantsNew && newest) handles.get(newest).firstChild.focus({ preventScroll: true });
    wantsNew = wantsNew && !newest && !frame.full;
  }

  const canvas = stage.querySelector("canvas");
  canvas.addEventListener("click", clicked);
  stage.addEventListener("pointermove", hovered);
  stage.addEventListener("pointerleave", () => mark());
  model.on("change:frame", changed);
  changed();
  return () => {
    end();
    model.off("change:frame", changed);
  };
}

export default { render };
