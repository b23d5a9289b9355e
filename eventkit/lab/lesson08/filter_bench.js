// The filter bench in the page: the marble diagram, with a handle on each event of the input line.
// A handle is a slider for the keyboard, and the pointer drags it.

const PAGE = 500;  // milliseconds that a Page key moves an event
const HINT = "Point at an event, or go to it with Tab, to see what each filter does with it. "
  + "Arrow and Page keys move it, Delete removes it, Insert adds another.";

class MarbleBench {
  constructor({ model, el }) {
    this.model = model;
    this.el = el;
    this.outbox = new Outbox(model);
    this.handles = new Map();
    this.local = new Map();  // where events are here, until the kernel has answered
    this.spots = [];         // where events are drawn on the filters' lines
    this.state = { marked: null, drag: null };
    this.gestures = 0;
    this.wantsNew = false;   // whether the next new event gets the focus
    this.build();
    this.changed = () => this.show();
    model.on("change:frame", this.changed);
    this.show();
  }

  get frame() {
    return this.model.get("frame");
  }

  layout() {
    return stageLayout(this.frame, this.stage.clientWidth);
  }

  build() {
    this.el.classList.add("ek-marbles");
    this.result = element(this.el, "div", "ek-result");
    this.result.setAttribute("role", "status");
    this.stage = element(this.el, "div", "ek-stage");
    this.words = document.createElement("div");
    this.end = liveCanvas({ model: this.model, el: this.stage }, this.words, {
      height: (frame, width) => stageLayout(frame, width).height,
      draw: (sheet, frame) => this.draw(sheet, frame),
      say: () => this.say(),
      begin: (schedule) => { this.redraw = schedule; },
    });
    this.over = element(this.stage, "div", "ek-over");
    const hint = element(this.over, "div", "ek-line");
    element(hint, "strong", "", "Events");
    element(hint, "div", "ek-says", "Drag one along the line or off it. Click beside them to add one.");
    const change = (...setting) => this.outbox.send("change", ...setting);
    this.over.addEventListener("change", () => this.outbox.hurry());
    this.labels = this.frame.lines.map((line) => new LineLabel(this.over, line, change));
    this.listen();
  }

  listen() {
    this.canvas = this.stage.querySelector("canvas");
    this.canvas.addEventListener("click", (event) => this.clicked(event));
    this.stage.addEventListener("pointermove", (event) => this.hovered(event));
    this.stage.addEventListener("pointerleave", () => this.mark());
  }

  close() {
    this.end();
    this.model.off("change:frame", this.changed);
  }

  // What is shown

  show() {
    this.outbox.answered(this.frame.answered[this.outbox.from] || 0);
    if (this.outbox.isSettled) this.local.clear();
    this.result.textContent = this.frame.says;
    this.keepHandles();
    this.tell();
  }

  events() {
    const moved = this.frame.events.map(([number, time]) => [number, this.local.get(number) ?? time]);
    return moved.sort((one, other) => one[1] - other[1] || one[0] - other[0]);
  }

  draw(sheet, frame) {
    const isDark = document.body.dataset.jpThemeLight === "false";
    const event = isDark ? "#dddddd" : "#333333";
    this.layOut(frame, stageLayout(frame, sheet.width));
    const drawn = drawMarbles({ ...sheet, event }, frame, this.events(), this.state);
    this.spots = drawn.spots;
    for (const { number, x, y } of drawn.inputs) {
      const handle = this.handles.get(number);
      if (handle) handle.style.transform = `translate(${x}px, ${y}px)`;
    }
    this.stage.dataset.drawn = frame.version;
    return false;
  }

  layOut(frame, at) {
    this.el.classList.toggle("ek-narrow", at.isNarrow);
    this.over.style.setProperty("--ek-label", `${at.isNarrow ? at.right : at.left - 14}px`);
    this.labels.forEach((label, row) =>
      label.show(frame.lines[row], at.top(row) + 5, at.isNarrow, this.outbox.isSettled));
  }

  say() {
    const lines = this.frame.lines.map((line) => `${line.name}: ${line.says}.`);
    return `Marble diagram. ${this.frame.says} ${lines.join(" ")}`;
  }

  tell() {
    const { marked, drag } = this.state;
    this.words.textContent = drag?.away ? `Let go to remove event ${drag.number}.`
      : this.frame.stories[marked] || HINT;
  }

  mark(number) {
    this.state.marked = number ?? this.state.drag?.number ?? this.focused() ?? null;
    this.tell();
    this.redraw();
  }

  focused() {
    return [...this.handles].find(([, handle]) => handle.contains(document.activeElement))?.[0];
  }

  // The handles

  keepHandles() {
    const events = new Map(this.frame.events);
    for (const number of this.handles.keys()) if (!events.has(number)) this.removeHandle(number);
    const added = [...events.keys()].filter((number) => !this.handles.has(number));
    added.forEach((number) => this.addHandle(number));
    for (const [number, time] of events) this.setSlider(number, this.local.get(number) ?? time);
    if (this.wantsNew && added.length) this.focus(added[added.length - 1]);
    if (added.length || this.frame.full) this.wantsNew = false;
  }

  removeHandle(number) {
    this.handles.get(number).remove();
    this.handles.delete(number);
    if (this.state.marked === number) this.state.marked = null;
    if (this.state.drag?.number === number) this.release();
  }

  addHandle(number) {
    const handle = element(this.over, "span", "ek-event"), slider = element(handle, "input", "");
    const { end, step } = this.frame;
    Object.assign(slider, { type: "range", min: 0, max: end, step });
    slider.setAttribute("aria-label", `Event ${number}`);
    this.handles.set(number, handle);
    this.listenToKeys(slider, number);
    handle.addEventListener("pointerenter", () => this.mark(number));
    handle.addEventListener("pointerleave", () => this.mark());
    handle.addEventListener("pointerdown", (event) => this.grab(event, number));
    handle.addEventListener("pointermove", (event) => this.drag(event));
    handle.addEventListener("pointerup", (event) => this.drop(event));
    handle.addEventListener("pointercancel", () => this.giveUp());
  }

  listenToKeys(slider, number) {
    let gesture = "";
    slider.addEventListener("focus", () => {
      gesture = this.newGesture();
      this.mark(number);
    });
    slider.addEventListener("blur", () => {
      this.outbox.hurry();
      this.mark();
    });
    slider.addEventListener("input", () => this.move(number, slider.valueAsNumber, gesture));
    slider.addEventListener("keydown", (event) => {
      const page = { PageUp: PAGE, PageDown: -PAGE }[event.key];
      const time = Math.min(this.frame.end, Math.max(0, slider.valueAsNumber + page));
      if (page) this.move(number, time, gesture);
      else if (event.key === "Delete" || event.key === "Backspace") this.remove(number);
      else if (event.key === "Insert") this.add();
      else if (event.key === "Escape" && this.state.drag) this.giveUp();
      else return;
      event.preventDefault();
    });
  }

  slider(number) {
    return this.handles.get(number)?.firstChild;
  }

  setSlider(number, time) {
    this.slider(number).value = time;
    this.slider(number).setAttribute("aria-valuetext", `${time / 1000} s`);
  }

  focus(number) {
    const control = this.slider(number) ?? this.over.querySelector("input");
    control.focus({ preventScroll: true });
  }

  newGesture() {
    this.gestures += 1;
    return this.gestures;
  }

  // What the user does

  add(...time) {
    this.wantsNew = true;
    this.outbox.send("add", ...time);
  }

  move(number, time, gesture) {
    if (this.events().find(([one]) => one === number)?.[1] === time) return;
    this.local.set(number, time);
    this.setSlider(number, time);
    this.outbox.send("move", number, time, gesture);
    this.redraw();
  }

  remove(number) {
    const order = this.events().map(([one]) => one), place = order.indexOf(number);
    this.focus(order[place + 1] ?? order[place - 1]);
    this.outbox.send("remove", number);
  }

  grab(event, number) {
    if (event.button !== 0 || this.state.drag) return;  // one finger at a time
    event.preventDefault();
    this.handles.get(number).setPointerCapture(event.pointerId);
    this.focus(number);
    const time = this.slider(number).valueAsNumber;
    const { pointerId } = event, gesture = this.newGesture();
    this.state.drag = { pointerId, number, time, gesture, away: false, y: 0 };
    this.over.classList.add("ek-dragging");
  }

  drag(event) {
    const dragged = this.state.drag, at = this.layout();
    if (dragged?.pointerId !== event.pointerId) return;
    const { x, y } = this.place(event);
    dragged.y = y;
    dragged.away = Math.abs(y - at.input) > OFF;
    this.move(dragged.number, at.time(x), dragged.gesture);
    this.tell();
    this.redraw();
  }

  drop(event) {
    if (this.state.drag?.pointerId !== event.pointerId) return;
    const dragged = this.release();
    if (dragged?.away) this.remove(dragged.number);
  }

  giveUp() {
    const dragged = this.release();
    if (dragged) this.move(dragged.number, dragged.time, dragged.gesture);
  }

  release() {
    const dragged = this.state.drag;
    this.state.drag = null;
    this.over.classList.remove("ek-dragging");
    this.outbox.hurry();
    this.tell();
    this.redraw();
    return dragged;
  }

  place(event) {
    const stage = this.stage.getBoundingClientRect();
    return { x: event.clientX - stage.left, y: event.clientY - stage.top };
  }

  clicked(event) {
    const { x, y } = this.place(event), at = this.layout();
    if (at.isOnInput(x, y)) this.add(at.time(x));
  }

  hovered(event) {
    if (event.target !== this.canvas || this.state.drag) return;
    const { x, y } = this.place(event);
    const far = (spot) => Math.hypot(spot.x - x, spot.y - y);
    const [near] = this.spots.filter((spot) => far(spot) < 14).sort((a, b) => far(a) - far(b));
    this.canvas.style.cursor = this.layout().isOnInput(x, y) ? "copy" : "default";
    this.mark(near?.number);
  }
}

function render(view) {
  const bench = new MarbleBench(view);
  return () => bench.close();
}

export default { render };
