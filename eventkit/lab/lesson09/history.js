// A counter's history: the count over its events, each a numbered dot where there is room, and a
// slider below. The slider's thumb is always under the cursor: both stand at `across` of its value.
// The cursor can be dragged. What a rebuild reads is in colour, what came later is grey.

const EDGE = 36, THUMB = 16, HEIGHT = 190, TOP = 30, GROUND = HEIGHT - 26;

// The page's x of an event, in the chart as in the slider: the thumb's middle is half a thumb from
// the slider's ends.
function across(sequence, last, width) {
  return EDGE + (sequence / Math.max(1, last)) * (width - 2 * EDGE);
}

function nearest(x, last, width) {
  const share = (x - EDGE) / (width - 2 * EDGE);
  return Math.round(Math.max(0, Math.min(1, share)) * last);
}

function scales({ width }, { last, top }) {
  return { x: (sequence) => across(sequence, last, width),
    y: (count) => GROUND - (count / top) * (GROUND - TOP) };
}

function axes({ ink, width, colours }, { threshold, last }, { y }) {
  useFont(ink, 12);
  ink.fillStyle = colours.text;
  ink.strokeStyle = colours.faint;
  for (const [count, dash] of [[0, []], [threshold, [3, 4]]]) {
    ink.lineWidth = 1;
    ink.setLineDash(dash);
    ink.beginPath();
    ink.moveTo(EDGE, y(count));
    ink.lineTo(width - EDGE, y(count));
    ink.stroke();
    ink.textAlign = "right";
    ink.fillText(`${count}`, EDGE - 12, y(count) + 4);
  }
  ink.setLineDash([]);
  ink.textAlign = "left";
  ink.fillText(`${last}`, width - EDGE + 12, GROUND + 4);
}

function steps({ ink }, points, { x, y }, colour) {
  ink.strokeStyle = colour;
  ink.lineWidth = 2.5;
  ink.beginPath();
  points.forEach(([sequence, count], at) => {
    if (at) ink.lineTo(x(sequence), y(points[at - 1][1]));
    ink.lineTo(x(sequence), y(count));
  });
  ink.stroke();
}

function colourOf(sequence, at, { since, colours }) {
  if (sequence > at) return colours.later;
  return sequence > since ? colours.read : colours.kept;
}

function dots({ ink, width }, frame, at, { x, y }) {
  const radius = Math.min(9, 0.45 * (width - 2 * EDGE) / Math.max(1, frame.last));
  if (radius < 3) return;
  frame.points.slice(1).forEach(([sequence, count]) => {
    const colour = colourOf(sequence, at, frame);
    useLook(ink, { colour }, radius);
    drawDot(ink, x(sequence), y(count), radius, { colour }, sequence);
  });
}

// The snapshot that the rebuild began with: a flag from the ground to above the line.
function snapshot({ ink, colours }, { since }, { x }) {
  if (!since) return;
  ink.strokeStyle = ink.fillStyle = colours.text;
  upright(ink, x(since), TOP - 12, GROUND, [2, 3]);
  ink.fillRect(x(since) - 5, TOP - 22, 10, 10);
  useFont(ink, 12);
  ink.textAlign = "right";
  ink.fillText("snapshot", x(since) - 9, TOP - 13);
}

function cursor({ ink, colours }, at, { x }) {
  ink.strokeStyle = ink.fillStyle = colours.text;
  ink.lineWidth = 2;
  ink.beginPath();
  ink.moveTo(x(at), TOP - 12);
  ink.lineTo(x(at), HEIGHT);
  ink.stroke();
}

function draw(sheet, frame, at) {
  const scale = scales(sheet, frame), { points, since, colours } = frame;
  const upTo = (end) => points.findLastIndex(([sequence]) => sequence <= end);
  axes(sheet, frame, scale);
  steps(sheet, points.slice(upTo(at)), scale, colours.later);
  steps(sheet, points.slice(upTo(Math.min(since, at)), upTo(at) + 1), scale, colours.read);
  steps(sheet, points.slice(0, upTo(Math.min(since, at)) + 1), scale, colours.kept);
  snapshot(sheet, frame, scale);
  cursor(sheet, at, scale);
  dots(sheet, frame, at, scale);
}

function newSlider(label) {
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, className: "ek-history" });
  slider.setAttribute("aria-label", label);
  slider.style.cssText = `margin: 0 ${EDGE - THUMB / 2}px 8px; width: calc(100% - ${2 * EDGE - THUMB}px)`;
  return slider;
}

// The pointer moves the slider, wherever in the chart it is pressed.
function draggable(canvas, slider, moveTo, letGo) {
  const follow = ({ clientX }) => {
    const { left, width } = canvas.getBoundingClientRect();
    moveTo(nearest(clientX - left, Number(slider.max), width));
  };
  canvas.style.cssText += "; touch-action: none; cursor: ew-resize";
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    slider.focus();
    follow(event);
    event.preventDefault();
  };
  canvas.onpointermove = (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  };
  canvas.onpointerup = letGo;
}

function legend(words, { colours }) {
  const item = (colour, text) => {
    const part = document.createElement("span"), dot = document.createElement("span");
    dot.style.cssText = `display: inline-block; width: 11px; height: 11px; border-radius: 6px;
      margin: 0 6px 0 0; background: ${colour}`;
    part.style.marginRight = "18px";
    part.append(dot, text);
    return part;
  };
  words.replaceChildren(item(colours.kept, "in the snapshot"),
    item(colours.read, "read by the rebuild"), item(colours.later, "later"));
}

function render(view) {
  const { model, el } = view, words = document.createElement("div");
  const slider = newSlider(model.get("label"));
  const outbox = new Outbox(model);
  let schedule;

  function moveTo(sequence) {
    slider.value = sequence;
    schedule();
    outbox.send("move", "cursor", slider.valueAsNumber);
  }
  slider.oninput = () => moveTo(slider.valueAsNumber);
  const letGo = slider.onchange = () => outbox.hurry();

  const end = liveCanvas(view, words, {
    height: () => HEIGHT,
    begin: (ask) => { schedule = ask; },
    draw: (sheet, frame) => {
      const at = slider.valueAsNumber;
      draw(sheet, frame, at);
      el.dispatchEvent(new CustomEvent("ek-drawn", { bubbles: true,
        detail: { frame, at, x: across(at, frame.last, sheet.width) } }));
    },
    say: () => {
      const { last, answered, says } = model.get("frame");
      slider.max = last;  // before the value, which could be cut off
      outbox.answered(answered[outbox.from] || 0);
      const isDragged = el.matches(":active");
      if (outbox.isSettled && !isDragged) slider.value = model.get("value");
      legend(words, model.get("frame"));
      return says;
    },
  });
  const canvas = el.querySelector("canvas");
  canvas.after(slider);
  draggable(canvas, slider, moveTo, letGo);
  return end;
}

export default { render };
