// A live waterfall on a canvas: one row for each event, drawn from the kernel's records.
// Waiting is grey, processing coloured, and what is not finished grows until the next record says.

function theme(element) {
  const style = getComputedStyle(element);
  return {
    text: style.getPropertyValue("--jp-ui-font-color1").trim() || style.color || "#111",
    faint: style.getPropertyValue("--jp-border-color2").trim() || "#ccc",
  };
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.style.width = "100%";
  canvas.setAttribute("role", "img");
  const words = document.createElement("div");
  words.className = "ek-quiet";
  el.append(canvas, words);

  let received = performance.now();
  let frameRequest = 0;

  function draw() {
    frameRequest = 0;
    const frame = model.get("frame");
    const rows = frame.rows || [];
    const now = frame.running ? frame.now + performance.now() - received : frame.now || 0;
    const width = Math.max(280, el.clientWidth || 420);
    const rowHeight = Math.max(3, Math.min(18, 300 / Math.max(1, rows.length)));
    const height = rows.length * rowHeight + 44;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    const ink = canvas.getContext("2d");
    const colours = theme(el);
    ink.scale(scale, scale);
    ink.font = "12px sans-serif";
    const left = 34, right = 44, top = 8;  // the last label has room beside its bar
    const span = Math.max(frame.span || 1, now);
    const x = (ms) => left + (ms / span) * (width - left - right);

    ink.fillStyle = ink.strokeStyle = colours.faint;
    ink.lineWidth = 1;
    const step = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000].find((s) => span / s <= 7) || 60000;
    for (let tick = 0; tick <= span; tick += step) {
      ink.beginPath();
      ink.moveTo(x(tick), top);
      ink.lineTo(x(tick), height - 34);
      ink.stroke();
    }
    ink.fillStyle = colours.text;
    for (let tick = 0; tick <= span; tick += step) ink.fillText(`${tick}`, x(tick) - 8, height - 20);
    ink.fillText("ms since the first event", left, height - 5);

    rows.forEach(([due, started, finished], index) => {
      const y = top + index * rowHeight;
      const bar = rowHeight * 0.7;
      if (due > now) return;
      const waitingEnds = started ?? now;
      ink.fillStyle = frame.waiting;
      ink.fillRect(x(due), y, Math.max(1, x(waitingEnds) - x(due)), bar);
      if (started !== null) {
        ink.fillStyle = frame.colour;
        ink.fillRect(x(started), y, Math.max(1, x(finished ?? now) - x(started)), bar);
      }
      ink.fillStyle = colours.text;
      if (rowHeight >= 11) ink.fillText(`${index + 1}`, 8, y + bar);
      if (finished !== null && rowHeight >= 11) {
        ink.fillText(`${Math.round(finished - due)}`, x(finished) + 4, y + bar);
      }
    });
    if (now > 0) {
      ink.strokeStyle = colours.text;
      ink.setLineDash([3, 3]);
      ink.beginPath();
      ink.moveTo(x(now), top);
      ink.lineTo(x(now), height - 34);
      ink.stroke();
      ink.setLineDash([]);
    }
    if (frame.running) schedule();
  }

  function schedule() {
    if (!frameRequest) frameRequest = requestAnimationFrame(draw);
  }

  function changed() {
    received = performance.now();
    const text = model.get("text");
    words.textContent = text;
    canvas.setAttribute("aria-label", `${model.get("title")}: ${text}`);
    schedule();
  }

  model.on("change:frame", changed);
  model.on("change:text", changed);
  const resized = new ResizeObserver(schedule);
  resized.observe(el);
  const themed = new MutationObserver(schedule);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  changed();

  return () => {
    cancelAnimationFrame(frameRequest);
    resized.disconnect();
    themed.disconnect();
    model.off("change:frame", changed);
    model.off("change:text", changed);
  };
}

export default { render };
