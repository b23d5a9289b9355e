// The picture of the partition switch: the frames of the kernel, and the dots moving between them.

function render(view) {
  let shown = null, motions = [];
  const stops = stopped();

  function draw(sheet, frame) {
    const now = performance.now();
    if (frame !== shown) {
      stop(stops, frame);
      motions = motionsTo(shown, frame, motions, stops, now);
      shown = frame;
    }
    const dots = sortDots(frame, motions, stops, now);
    drawPicture(sheet, frame, dots, now);
    if (dots.over) motions = [];
    return !dots.over;
  }

  return liveCanvas(view, document.createElement("div"), {
    height: () => PICTURE,
    draw,
    say: (words) => {
      words.textContent = view.model.get("frame").says;
      return words.textContent;
    },
  });
}

export default { render };
