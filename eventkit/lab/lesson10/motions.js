// Which dots are moving. A click runs when it has arrived, an answer when it has been heard, and
// what is refused or lost falls: a dot never sets out before what it shows has happened. Where the
// reader wants no motion, every dot is in its place at once.

const RUN = 700, FALL = 500, SPREAD = 600;  // milliseconds
const FALLING = ["refused", "lost", "unheard"];

function added(list, before) {
  const known = new Set(before);
  return list.filter((number) => !known.has(number));
}

function wantsNoMotion() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// They set out one after another, in their order, and the last of many does not wait for long.
function setOut(numbers, kind, from, now, lasts) {
  const pause = Math.min(lasts / 6, SPREAD / Math.max(1, numbers.length));
  return numbers.map((number, at) => ({
    kind, number, from: from(number), begin: now + at * pause, end: now + at * pause + lasts,
  }));
}

// Clicks and answers that a cut or a freeze has held up, by their numbers.
function stopped() {
  return { held: new Set(), answers: new Set() };
}

function stop(before, { state, held, answers }) {
  if (state === "whole") return;
  held.forEach((number) => before.held.add(number));
  answers.forEach((number) => before.answers.add(number));
}

// Clicks set out behind those of earlier frames, and an answer waits for its click to arrive.
function runs(before, frame, motions, stops, now) {
  const ahead = motions.filter(({ kind }) => kind === "click").map(({ begin }) => begin + 1);
  const clicks = setOut(added(frame.there, before.there), "click",
    (number) => (stops.held.has(number) ? "break" : "here"), Math.max(now, ...ahead), RUN);
  const arrivals = new Map([...motions, ...clicks]
    .filter(({ kind }) => kind === "click").map(({ number, end }) => [number, end]));
  const heard = setOut(added(frame.heard, before.heard), "answer",
    (number) => (stops.answers.has(number) ? "break" : "there"), now, RUN);
  for (const answer of heard) {
    const wait = Math.max(0, (arrivals.get(answer.number) || 0) - answer.begin);
    answer.begin += wait;
    answer.end += wait;
  }
  return [...clicks, ...heard];
}

// The motions that lead on from one frame to the next. While the line is not whole nothing runs on
// it: what has arrived is in its place.
function motionsTo(before, frame, motions, stops, now) {
  if (!before || wantsNoMotion()) return [];
  const falls = FALLING.flatMap((kind) =>
    setOut(added(frame[kind], before[kind]), kind, () => "break", now, FALL));
  const kept = motions.filter(({ kind, number }) =>
    (FALLING.includes(kind) ? frame[kind].includes(number) : frame.state === "whole"));
  return [...kept, ...(frame.state === "whole" ? runs(before, frame, kept, stops, now) : []), ...falls];
}

// Where the dots of a frame are at one time: in crowds, or moving. Each click is in one place.
function sortDots(frame, motions, stops, now) {
  const pending = motions.filter(({ end }) => now < end);
  const waits = (kind, from) => pending
    .filter((one) => one.kind === kind && one.from === from && now < one.begin)
    .map(({ number }) => number);
  const rest = (place, kind) => added(frame[place],
    pending.filter((one) => one.kind === kind).map(({ number }) => number));
  return {
    moving: pending.filter(({ kind, begin }) => now >= begin || FALLING.includes(kind)),
    over: pending.length === 0,
    held: [...waits("click", "break"), ...frame.held.filter((one) => stops.held.has(one))],
    leaving: [...waits("click", "here"), ...frame.held.filter((one) => !stops.held.has(one))],
    answers: [...waits("answer", "break"), ...frame.answers.filter((one) => stops.answers.has(one))],
    returning: frame.answers.filter((one) => !stops.answers.has(one)),
    there: rest("there", "click"),
    refused: rest("refused", "refused"),
    lost: rest("lost", "lost"),
    unheard: rest("unheard", "unheard"),
    here: frame.here - pending.filter(({ kind }) => kind === "answer").length,
  };
}
