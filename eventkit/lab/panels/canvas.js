// The common part of the live views: a canvas in the page's colours, drawn at most once a frame,
// with the same in words below it. `draw` gets a sheet to draw on and the last frame from the
// kernel, and returns whether it wants to draw again soon. `say` fills in the words and returns the
// picture's name. `begin` gets a function that asks for a drawing.

function theme(element) {
  const style = getComputedStyle(element);
  return {
    text: style.getPropertyValue("--jp-ui-font-color1").trim() || style.color || "#111",
    faint: style.getPropertyValue("--jp-border-color2").trim() || "#ccc",
    font: style.fontFamily,
  };
}

// Keeps the family, which is the page's: liveCanvas has set it.
function useFont(ink, size, weight = 400) {
  ink.font = `${weight} ${size}px ${ink.font.slice(ink.font.indexOf("px ") + 3)}`;
}

function write(sheet, text, x, y, { align = "left", size = 12, weight = 400, width } = {}) {
  const { ink, colours } = sheet;
  useFont(ink, size, weight);
  ink.textAlign = align;
  ink.fillStyle = colours.text;
  ink.fillText(text, x, y, width);
}

function upright(ink, x, top, bottom, dash = []) {
  ink.lineWidth = 1;
  ink.setLineDash(dash);
  ink.beginPath();
  ink.moveTo(x, top);
  ink.lineTo(x, bottom);
  ink.stroke();
  ink.setLineDash([]);
}

function liveCanvas({ model, el }, words, { height, draw, say, begin }) {
  const canvas = document.createElement("canvas");
  canvas.style.width = "100%";
  canvas.setAttribute("role", "img");
  words.className = "ek-quiet";
  el.append(canvas, words);

  let received = performance.now();
  let frameRequest = 0;
  let seen = 420;  // the last width; a hidden cell has none

  function redraw() {
    frameRequest = 0;
    const frame = model.get("frame");
    seen = el.clientWidth || seen;
    const width = Math.max(280, seen), sheet = { width, height: height(frame, width) };
    const ink = canvas.getContext("2d");
    fit(sheet);
    ink.save();
    ink.scale(canvas.width / sheet.width, canvas.height / sheet.height);
    ink.clearRect(0, 0, sheet.width, sheet.height);
    const colours = theme(el);
    ink.font = `12px ${colours.font}`;
    if (draw({ ...sheet, ink, colours }, frame, performance.now() - received)) schedule();
    ink.restore();
  }

  function fit(sheet) {
    const scale = window.devicePixelRatio || 1;
    const wide = Math.round(sheet.width * scale), high = Math.round(sheet.height * scale);
    if (canvas.width === wide && canvas.height === high) return;
    canvas.width = wide;
    canvas.height = high;
    canvas.style.height = `${sheet.height}px`;
  }

  function schedule() {
    if (!frameRequest) frameRequest = requestAnimationFrame(redraw);
  }

  function changed() {
    received = performance.now();
    canvas.setAttribute("aria-label", say(words));
    schedule();
  }

  model.on("change", changed);
  const resized = new ResizeObserver(schedule);
  resized.observe(el);
  const themed = new MutationObserver(schedule);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  if (begin) begin(schedule);
  changed();

  return () => {
    cancelAnimationFrame(frameRequest);
    resized.disconnect();
    themed.disconnect();
    model.off("change", changed);
  };
}
