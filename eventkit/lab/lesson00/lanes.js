// Clicks below each other, each with a lane for the browser, the wire, the event loop and the
// thread. The length of a bar is its time. A click that waits for its answer grows.

const LEFT = 84, RIGHT = 16, LANE = 13, HEAD = 24, GAP = 12, AXIS = 34;

function drawFrame({ ink, width, colours }, lanes, top) {
  useFont(ink, 11);
  ink.textAlign = "right";
  lanes.forEach((name, lane) => {
    const y = top + HEAD + lane * LANE;
    ink.fillStyle = colours.text;
    ink.fillText(name, LEFT - 8, y + LANE - 3);
    ink.fillStyle = colours.faint;
    ink.fillRect(LEFT, y + LANE - 1, width - LEFT - RIGHT, 1);
  });
}

function drawBars({ ink, width }, bars, top, span, hollow) {
  const scale = (width - LEFT - RIGHT) / span;
  for (const [lane, start, length, colour] of bars) {
    const y = top + HEAD + lane * LANE, wide = Math.max(1.5, length * scale);
    const x = Math.min(LEFT + start * scale, width - RIGHT - wide);
    ink.fillStyle = ink.strokeStyle = colour;
    ink.lineWidth = 1.5;
    if (hollow) ink.strokeRect(x + 1, y + 2, wide - 2, LANE - 5);
    else ink.fillRect(x, y + 1, wide, LANE - 3);
  }
}

function drawTitle({ ink, colours }, title, top, left = 26) {
  useFont(ink, 12, 600);
  ink.fillStyle = colours.text;
  ink.textAlign = "left";
  ink.fillText(title, left, top + 14);
}

function drawClick(sheet, { number, case: what, total, bars }, lanes, top, span) {
  const { ink } = sheet, look = { colour: "#009E73" };
  useLook(ink, look, 9);
  drawDot(ink, 12, top + 10, 9, look, number);
  drawTitle(sheet, `${what}: ${total.toLocaleString("en", { maximumFractionDigits: 0 })} ms`, top);
  drawFrame(sheet, lanes, top);
  drawBars(sheet, bars, top, span);
}

// It is not known yet whether it is on the wire or waits for the loop.
function drawPending(sheet, milliseconds, lanes, top, span) {
  drawTitle(sheet, `on its way for ${Math.round(milliseconds).toLocaleString("en")} ms`, top, 8);
  drawFrame(sheet, lanes, top);
  drawBars(sheet, [1, 2].map((lane) => [lane, 0, milliseconds, "#999999"]), top, span, true);
}

function drawAxis({ ink, width, height, colours }, span) {
  const size = 10 ** Math.floor(Math.log10(span));
  const step = [0.2, 0.5, 1, 2, 5].map((one) => one * size).find((one) => span / one <= 6);
  useFont(ink, 11);
  ink.fillStyle = colours.text;
  ink.textAlign = "center";
  for (let tick = 0; tick <= span; tick += step) {
    const x = LEFT + (tick / span) * (width - LEFT - RIGHT);
    ink.fillText(`${Math.round(tick * 10) / 10}`, Math.min(x, width - RIGHT - 10), height - 20);
  }
  ink.fillText("milliseconds since the press", (LEFT + width - RIGHT) / 2, height - 5);
}

function legend(colours) {
  return Object.entries(colours).map(([text, colour]) => {
    const item = document.createElement("span"), sample = document.createElement("span");
    sample.style.cssText = `display: inline-block; width: 12px; height: 12px; margin-right: 5px;
      background: ${colour}`;
    item.append(sample, text);
    return item;
  });
}

function scaleChoice(redraw) {
  const label = document.createElement("label"), choice = document.createElement("select");
  choice.append(new Option("one scale for all clicks"), new Option("each click fills the width"));
  choice.addEventListener("change", redraw);
  choice.style.marginLeft = "8px";
  label.append("Scale", choice);
  return [label, () => choice.selectedIndex === 1];
}

function render(view) {
  const { model, el } = view, words = document.createElement("ul");
  let redraw = () => {};
  const [label, eachFills] = scaleChoice(() => redraw());
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const above = document.createElement("div");
  above.className = "ek-quiet ek-figures";
  above.append(label, ...legend(model.get("frame").colours));
  el.append(above);

  function draw(sheet, { clicks, lanes, outline }) {
    const waits = model.get("pending").map((pressed) => performance.now() - pressed);
    const block = HEAD + lanes.length * LANE + GAP;
    const longest = Math.max(...clicks.map(({ total }) => total), ...waits, 10);
    const span = (own) => (eachFills() ? own : longest);
    clicks.forEach((click, at) => drawClick(sheet, click, lanes, at * block, span(click.total)));
    waits.forEach((wait, at) => {
      drawPending(sheet, wait, lanes, (clicks.length + at) * block, span(wait));
    });
    if (clicks.length + waits.length === 0) {
      drawTitle(sheet, "The way of a click. Click, and its lengths are measured.", 0, 8);
      drawFrame(sheet, lanes, 0);
      drawBars(sheet, outline, 0, outline.length, true);
    } else if (!eachFills()) drawAxis(sheet, longest);
    return waits.length > 0 && !calm.matches;
  }

  return liveCanvas(view, words, {
    height: ({ clicks, lanes }) => {
      const blocks = clicks.length + model.get("pending").length;
      const axis = blocks && !eachFills() ? AXIS : 0;
      return Math.max(1, blocks) * (HEAD + lanes.length * LANE + GAP) + axis;
    },
    draw,
    begin: (schedule) => { redraw = schedule; },
    say: () => {
      const { clicks } = model.get("frame");
      const said = clicks.map(({ says }) => says);
      words.replaceChildren(...said.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }));
      return `Lanes of the clicks. ${said.join(" ") || "No click traced yet."}`;
    },
  });
}

export default { render };
