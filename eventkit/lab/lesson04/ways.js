// Five lines that rise while their connections are answered, on a logarithmic time axis: a tenth
// of a second and a hundred seconds are both to be seen. The same stands below in words.

const DASHES = [[], [9, 4], [3, 3], [10, 3, 3, 3], [1, 3]];

function dash(index) {
  return DASHES[index % DASHES.length];
}

function legend(line, index) {
  const item = document.createElement("li");
  const sample = document.createElement("canvas");
  sample.width = 34;
  sample.height = 12;
  sample.style.cssText = "vertical-align: middle; margin-right: 8px";
  sample.setAttribute("aria-hidden", "true");
  const ink = sample.getContext("2d");
  ink.strokeStyle = line.colour;
  ink.lineWidth = 3;
  ink.setLineDash(dash(index));
  ink.beginPath();
  ink.moveTo(0, 6);
  ink.lineTo(34, 6);
  ink.stroke();
  item.append(sample, `${line.title}: ${line.says}`);
  return item;
}

function draw({ ink, width, height, colours }, { lines = [], total = 1, ideal = 100, span = 1000 }) {
  const left = 46, right = 16, top = 12, bottom = height - 40;
  const low = Math.log10(Math.max(1, ideal / 3)), high = Math.log10(Math.max(span, 10 * ideal));
  const x = (ms) =>
    left + Math.max(0, (Math.log10(Math.max(1, ms)) - low) / (high - low)) * (width - left - right);
  const y = (count) => bottom - (count / total) * (bottom - top);

  ink.strokeStyle = colours.faint;
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  for (let tick = 10 ** Math.ceil(low); tick <= 10 ** high * 1.001; tick *= 10) {
    upright(ink, x(tick), top, bottom);
    ink.fillText(tick < 1000 ? `${tick} ms` : `${tick / 1000} s`, x(tick), bottom + 15);
  }
  ink.textAlign = "right";
  for (const count of [0, total]) ink.fillText(`${count}`, left - 6, y(count) + 4);
  ink.textAlign = "left";
  ink.fillText("connections answered, by time since the start (each step ten times the one before)",
    left, height - 6);

  ink.strokeStyle = colours.text;
  upright(ink, x(ideal), top, bottom, [2, 4]);
  ink.textAlign = "right";
  ink.fillText("ideal", x(ideal) - 4, top + 10);

  lines.forEach((line, index) => {
    ink.strokeStyle = line.colour;
    ink.lineWidth = 3;
    ink.setLineDash(dash(index));
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
}

function render(view) {
  const words = document.createElement("ul");
  words.style.cssText = "list-style: none; margin: 4px 0; padding: 0";
  return liveCanvas(view, words, {
    height: () => 250,
    draw,
    say: () => {
      const lines = view.model.get("frame").lines || [];
      words.replaceChildren(...lines.map(legend));
      return `Time trial. ${lines.map((line) => `${line.title}: ${line.says}`).join(" ")}`;
    },
  });
}

export default { render };
