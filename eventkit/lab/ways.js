// Five lines that rise while their connections are answered, on a logarithmic time axis: a tenth
// of a second and a hundred seconds are both to be seen. The same stands below in words.

function theme(element) {
  const style = getComputedStyle(element);
  return {
    text: style.getPropertyValue("--jp-ui-font-color1").trim() || style.color || "#111",
    faint: style.getPropertyValue("--jp-border-color2").trim() || "#ccc",
  };
}

const DASHES = [[], [9, 4], [3, 3], [10, 3, 3, 3], [1, 3]];

function legend(line, dash) {
  const item = document.createElement("li");
  const sample = document.createElement("canvas");
  sample.width = 34;
  sample.height = 12;
  sample.style.cssText = "vertical-align: middle; margin-right: 8px";
  sample.setAttribute("aria-hidden", "true");
  const ink = sample.getContext("2d");
  ink.strokeStyle = line.colour;
  ink.lineWidth = 3;
  ink.setLineDash(dash);
  ink.beginPath();
  ink.moveTo(0, 6);
  ink.lineTo(34, 6);
  ink.stroke();
  item.append(sample, `${line.title}: ${line.says}`);
  return item;
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.style.width = "100%";
  canvas.setAttribute("role", "img");
  const words = document.createElement("ul");
  words.className = "ek-quiet";
  words.style.cssText = "list-style: none; margin: 4px 0; padding: 0";
  el.append(canvas, words);
  let frameRequest = 0;

  function draw() {
    frameRequest = 0;
    const { lines = [], total = 1, ideal = 100, span = 1000 } = model.get("frame");
    const width = Math.max(280, el.clientWidth || 640), height = 250;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    const ink = canvas.getContext("2d");
    const colours = theme(el);
    ink.scale(scale, scale);
    ink.font = "12px sans-serif";
    const left = 46, right = 16, top = 12, bottom = height - 40;
    const low = Math.log10(Math.max(1, ideal / 3)), high = Math.log10(Math.max(span, 10 * ideal));
    const x = (ms) =>
      left + Math.max(0, (Math.log10(Math.max(1, ms)) - low) / (high - low)) * (width - left - right);
    const y = (count) => bottom - (count / total) * (bottom - top);

    ink.strokeStyle = colours.faint;
    ink.fillStyle = colours.text;
    ink.textAlign = "center";
    for (let tick = 10 ** Math.ceil(low); tick <= 10 ** high * 1.001; tick *= 10) {
      ink.beginPath();
      ink.moveTo(x(tick), top);
      ink.lineTo(x(tick), bottom);
      ink.stroke();
      ink.fillText(tick < 1000 ? `${tick} ms` : `${tick / 1000} s`, x(tick), bottom + 15);
    }
    ink.textAlign = "right";
    for (const count of [0, total]) ink.fillText(`${count}`, left - 6, y(count) + 4);
    ink.textAlign = "left";
    ink.fillText("connections answered, by time since the start (each step ten times the one before)",
      left, height - 6);

    ink.strokeStyle = colours.text;
    ink.lineWidth = 1;
    ink.setLineDash([2, 4]);
    ink.beginPath();
    ink.moveTo(x(ideal), top);
    ink.lineTo(x(ideal), bottom);
    ink.stroke();
    ink.setLineDash([]);
    ink.textAlign = "right";
    ink.fillText("ideal", x(ideal) - 4, top + 10);

    lines.forEach((line, index) => {
      ink.strokeStyle = line.colour;
      ink.lineWidth = 3;
      ink.setLineDash(DASHES[index % DASHES.length]);
      ink.beginPath();
      let before = 0;
      line.points.forEach(([ms, count], place) => {
        if (place === 0) ink.moveTo(x(ms), y(0));
        ink.lineTo(x(ms), y(before));
        ink.lineTo(x(ms), y(count));
        before = count;
      });
      ink.stroke();
    });
    ink.setLineDash([]);
  }

  function schedule() {
    if (!frameRequest) frameRequest = requestAnimationFrame(draw);
  }

  function changed() {
    const lines = model.get("frame").lines || [];
    words.replaceChildren(...lines.map((line, index) => legend(line, DASHES[index % DASHES.length])));
    const said = lines.map((line) => `${line.title}: ${line.says}`).join(" ");
    canvas.setAttribute("aria-label", `Race of five. ${said}`);
    schedule();
  }

  model.on("change:frame", changed);
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
  };
}

export default { render };
