// Trigger, bus and handlers as boxes. The path of the last event lights up hop by hop, as the bus
// has recorded it. Each handler's box is a button that breaks it, or mends it.

const BOX = 78, GAP = 14, TOP = 6, BEAT = 450;  // pixels, and milliseconds from hop to hop
const FAILED = "#D55E00", DONE = "#009E73", ON_ITS_WAY = "#999999";

function layOut(width, parts) {
  const height = parts.length * (BOX + GAP) - GAP;
  const wide = Math.min(250, width * 0.38), bus = { x: width * 0.36, y: TOP, width: 56, height };
  return {
    trigger: { x: 2, y: TOP + (height - 54) / 2, width: Math.min(110, width * 0.2), height: 54 },
    bus,
    parts: parts.map((_, at) => (
      { x: width - wide - 2, y: TOP + at * (BOX + GAP), width: wide, height: BOX })),
  };
}

function drawBox({ ink, colours }, box, label, isLit) {
  ink.strokeStyle = isLit ? colours.text : ON_ITS_WAY;
  ink.lineWidth = isLit ? 3 : 1.5;
  ink.strokeRect(box.x, box.y, box.width, box.height);
  useFont(ink, 12, 600);
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  ink.fillText(label, box.x + box.width / 2, box.y + box.height / 2 + 4, box.width - 6);
}

function drawArrow({ ink, colours }, from, to, y, isLit, isOff = false) {
  const head = Math.sign(to - from) * 7;
  ink.strokeStyle = ink.fillStyle = isLit ? colours.text : ON_ITS_WAY;
  ink.lineWidth = isLit ? 3 : 1.5;
  ink.setLineDash(isOff ? [3, 5] : []);
  ink.beginPath();
  ink.moveTo(from, y);
  ink.lineTo(to - head, y);
  ink.stroke();
  ink.setLineDash([]);
  ink.beginPath();
  ink.moveTo(to, y);
  ink.lineTo(to - head, y - 5);
  ink.lineTo(to - head, y + 5);
  ink.fill();
}

// The events of some hops, side by side on an arrow from left to right.
function drawEvents({ ink, colours }, hops, left, right, y) {
  const pitch = Math.min(24, (right - left) / hops.length);
  hops.forEach(({ kind, event }, at) => {
    const crossed = kind === "failed";
    const look = { colour: crossed ? FAILED : kind === "handled" ? DONE : ON_ITS_WAY, crossed };
    const x = (left + right) / 2 + (at - (hops.length - 1) / 2) * pitch;
    if (crossed) ink.clearRect(x - 11, y - 4, 22, 8);  // no arrow through the cross
    useLook(ink, look, 9);
    ink.lineWidth = 2;
    drawDot(ink, x, y, 9, look, event);
    if (!crossed) return;
    useFont(ink, 11, 600);  // a crossed dot keeps its number
    ink.fillStyle = colours.text;
    ink.fillText(event, x, y - 12);
  });
}

function drawPart(sheet, { bus, parts }, part, at, hops) {
  const box = parts[at], right = bus.x + bus.width;
  const mine = (...kinds) => hops.filter((hop) => hop.part === part.name && kinds.includes(hop.kind));
  const heard = mine("handled", "failed"), emitted = mine("emitted");
  const high = box.y + (part.emits ? 24 : BOX / 2);
  drawArrow(sheet, right, box.x, high, heard.length > 0, part.mode === "is off");
  drawEvents(sheet, heard, right, box.x, high);
  if (!part.emits) return;
  drawArrow(sheet, box.x, right, box.y + BOX - 18, emitted.length > 0, part.mode === "is off");
  drawEvents(sheet, emitted, right, box.x, box.y + BOX - 18);
}

function drawParts(sheet, { parts }, hops) {
  const boxes = layOut(sheet.width, parts), { trigger, bus } = boxes;
  const fired = hops.filter(({ kind }) => kind === "fired");
  const errors = hops.filter(({ kind }) => kind === "error");
  const y = trigger.y + trigger.height / 2;
  drawBox(sheet, trigger, "trigger", fired.length > 0);
  drawBox(sheet, bus, "bus", fired.length > 0);
  drawArrow(sheet, trigger.x + trigger.width, bus.x, y, fired.length > 0);
  drawEvents(sheet, fired, trigger.x + trigger.width, bus.x, y);
  errors.forEach((hop, at) => {  // which the bus itself fires
    drawEvents(sheet, [hop], bus.x, bus.x + bus.width, bus.y + bus.height - 16 - at * 24);
  });
  parts.forEach((part, at) => drawPart(sheet, boxes, part, at, hops));
  return boxes.parts;
}

function partButton(model, name) {
  const button = document.createElement("button");
  button.className = "jupyter-button";
  button.style.cssText = `position: absolute; height: ${BOX}px; margin: 0; padding: 2px 6px;
    font-size: 12px; line-height: 1.4; border: 3px solid; text-align: left; white-space: normal; overflow: hidden;
    color: var(--jp-ui-font-color1); background: var(--jp-layout-color2); border-radius: 4px;`;
  button.addEventListener("click", () => model.send({ part: name }));
  return button;
}

function describe(button, { name, hears, emits, mode }) {
  const title = document.createElement("b"), isBroken = mode === "raises";
  title.textContent = name;
  const lines = [`hears ${hears}`, ...(emits ? [`emits ${emits}`] : []),
    isBroken ? "✗ raises" : mode];
  button.replaceChildren(title, ...lines.flatMap((line) => [document.createElement("br"), line]));
  button.setAttribute("aria-pressed", isBroken);
  button.title = isBroken ? "mend it" : "break it";
  button.style.opacity = mode === "is off" ? 0.75 : 1;
}

function place(button, box, { mode }, hasFailed) {
  const colour = hasFailed || mode === "raises" ? FAILED : "var(--jp-border-color2)";
  button.style.left = `${box.x}px`;
  button.style.top = `${box.y}px`;
  button.style.width = `${box.width}px`;
  button.style.borderColor = colour;
  button.style.borderStyle = mode === "is off" ? "dashed" : "solid";
}

function render(view) {
  const { model } = view, el = document.createElement("div"), words = document.createElement("div");
  el.style.position = "relative";
  view.el.append(el);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const buttons = model.get("frame").parts.map(({ name }) => partButton(model, name));
  let fires = model.get("frame").fires, since = -Infinity;

  function draw(sheet, frame) {
    const beats = calm.matches ? Infinity : 1 + (performance.now() - since) / BEAT;
    const hops = frame.hops.slice(0, beats);
    const boxes = drawParts(sheet, frame, hops);
    frame.parts.forEach((part, at) => {
      const failed = hops.some((hop) => hop.part === part.name && hop.kind === "failed");
      place(buttons[at], boxes[at], part, failed);
    });
    return hops.length < frame.hops.length;
  }

  function say() {
    const frame = model.get("frame");
    if (frame.fires !== fires) [fires, since] = [frame.fires, performance.now()];
    frame.parts.forEach((part, at) => describe(buttons[at], part));
    words.textContent = frame.topics.length
      ? `Events: ${frame.topics.join(", ")}. Grey: fired. Green: handled. A cross: failed.`
      : "Click a handler to break it, click it again to mend it. Then fire an event.";
    return `Trigger, bus and handlers. ${frame.says || "No event was fired yet."}`;
  }

  const ended = liveCanvas({ model, el }, words, {
    height: (_, width) => layOut(width, model.get("frame").parts).bus.height + 2 * TOP, draw, say,
  });
  el.append(...buttons);
  return ended;
}

export default { render };
