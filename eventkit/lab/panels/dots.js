// Events as all panels draw them: a numbered dot in the colour of its state, hollow while it is on
// the bus, crossed out if its handler failed.

const PITCHES = [20, 14, 10, 7, 5, 4, 3, 2];  // pixels from dot to dot, the first that has room

function contrasting(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 105 ? "#000000" : "#ffffff";
}

// One dot: filled, hollow while it is on the bus, crossed out if its handler failed.
function drawDot(ink, x, y, radius, { colour, hollow, crossed }, number) {
  if (radius < 3) {
    ink.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    return;
  }
  ink.beginPath();
  ink.arc(x, y, radius, 0, 2 * Math.PI);
  if (hollow || crossed) ink.stroke();
  else ink.fill();
  if (crossed) {
    const reach = radius * 0.7;
    ink.beginPath();
    ink.moveTo(x - reach, y - reach);
    ink.lineTo(x + reach, y + reach);
    ink.moveTo(x + reach, y - reach);
    ink.lineTo(x - reach, y + reach);
    ink.stroke();
  } else if (radius >= 5.5) {
    ink.fillStyle = hollow ? ink.strokeStyle : contrasting(colour);
    ink.fillText(number, x, y + 3.5, 2 * radius - 2);
    ink.fillStyle = colour;
  }
}

function useLook(ink, { colour }, radius) {
  ink.fillStyle = ink.strokeStyle = colour;
  ink.lineWidth = 1.5;
  useFont(ink, radius < 7 ? 8 : 10);
  ink.textAlign = "center";
}

// Dots row by row, as large as there is room for; the first is on the left, or on the right. Where
// each of them is goes into `spots`, if the record has it.
function drawCrowd(ink, { numbers, spots }, dots, box, look, fromRight = false) {
  const room = (pitch) => Math.floor(box.width / pitch) * Math.floor(box.height / pitch);
  const pitch = PITCHES.find((one) => room(one) >= dots.length) || PITCHES[PITCHES.length - 1];
  const across = Math.max(1, Math.floor(box.width / pitch));
  const seen = Math.min(dots.length, room(pitch)), radius = pitch * 0.43;
  useLook(ink, look, radius);
  if (radius < 3) {
    drawSquares(ink, seen, across, pitch, box, fromRight);
    return;
  }
  for (let place = 0; place < seen; place += 1) {
    const along = ((place % across) + 0.5) * pitch;
    const x = fromRight ? box.x + box.width - along : box.x + along;
    const y = box.y + (Math.floor(place / across) + 0.5) * pitch;
    drawDot(ink, x, y, radius, look, numbers[dots[place]]);
    spots?.push({ x, y, radius, number: numbers[dots[place]] });
  }
}

// Thousands of squares cost as much as their rows and columns: the rows are filled as two blocks,
// then the gaps between the squares are cut out.
function drawSquares(ink, count, across, pitch, { x, y, width }, fromRight) {
  const full = Math.floor(count / across), rest = count % across, gap = pitch * 0.16;
  const begin = (squares) => (fromRight ? x + width - squares * pitch : x);
  const wide = across * pitch, high = (full + (rest > 0)) * pitch;
  ink.fillRect(begin(across), y, wide, full * pitch);
  ink.fillRect(begin(rest), y + full * pitch, rest * pitch, pitch);
  ink.globalCompositeOperation = "destination-out";  // clearRect would round the gaps away
  for (let at = 0; at <= wide; at += pitch) ink.fillRect(begin(across) + at - gap / 2, y, gap, high);
  for (let at = 0; at <= high; at += pitch) ink.fillRect(begin(across), y + at - gap / 2, wide, gap);
  ink.globalCompositeOperation = "source-over";
}
