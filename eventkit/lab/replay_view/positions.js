// The same as positions.py, for the page: where each journey is at a time, in words and in rows. A
// test compares the two.

const TO_COME = 0, TRIGGER = 1, BUS = 2, QUEUE = 3, WORK = 4, HANDLED = 5, FAILED = 6, LEFT_OUT = 7;
const PLACES = ["to come", "at the trigger", "on the bus", "in the queue", "running", "handled",
  "failed", "left out"];
const ALWAYS_SAID = [TRIGGER, QUEUE, WORK, HANDLED];
const MOST_RANGES = 12;

function readRecord(stamps, marks, names) {
  const copy = (view, Kind) =>
    new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const times = copy(stamps, Float64Array), ordinals = copy(marks, Uint32Array);
  const size = times.length / 6;
  const column = (all, number) => all.subarray(number * size, (number + 1) * size);
  const [due, fired, queued, started, finished, left] =
    [0, 1, 2, 3, 4, 5].map((number) => column(times, number));
  const [numbers, workers, subscribers, outcomes, levels] =
    [0, 1, 2, 3, 4].map((number) => column(ordinals, number));
  const moments = Float64Array.from(new Set(times.filter(Number.isFinite))).sort();
  const span = moments.length ? moments[moments.length - 1] : 0;
  const what = new Set(numbers).size < size ? " calls" : "";  // of fewer events
  return { size, what, due, fired, queued, started, finished, left, numbers, workers,
    subscribers, outcomes, names, levels: levels.length ? levels : new Uint32Array(size),
    moments, span, begun: fired.some(Number.isFinite),
    last: numbers.reduce((one, other) => Math.max(one, other), 0), failed: names.outcomes.indexOf("failed") + 1 };
}

// Several records on one clock, on which each begins at 0.
function together(sides) {
  const moments = Float64Array.from(new Set(sides.flatMap((side) => [...side.moments]))).sort();
  const span = Math.max(0, ...sides.map((side) => side.span));
  const begun = sides.some((side) => side.begun);
  const last = Math.max(0, ...sides.map((side) => side.last));
  return { sides: sides.map((side) => ({ ...side, span })), moments, span, begun, last };
}

function placesAt(record, now, places = new Uint8Array(record.size)) {
  const { due, fired, queued, started, finished, left, outcomes, failed } = record;
  for (let at = 0; at < record.size; at += 1) {
    places[at] = left[at] <= now ? LEFT_OUT
      : finished[at] <= now ? (outcomes[at] === failed ? FAILED : HANDLED)
      : started[at] <= now ? WORK
      : queued[at] <= now ? QUEUE
      : fired[at] <= now ? BUS
      : due[at] <= now ? TRIGGER : TO_COME;
  }
  return places;
}

function milliseconds(nanoseconds, span) {
  const digits = span >= 1e9 ? 0 : span >= 1e7 ? 1 : 3;
  return (Math.floor(nanoseconds / 10 ** (6 - digits)) / 10 ** digits)
    .toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function clock(record, now) {
  const whole = now > record.span ? "" : ` of ${milliseconds(record.span, record.span)}`;
  return `${milliseconds(now, record.span)}${whole} ms`;
}

function wordsAt(record, places, now) {
  const counts = new Uint32Array(PLACES.length);
  for (const place of places) counts[place] += 1;
  const said = (count) => count.toLocaleString("en");
  const told = PLACES.map((name, place) => [place, name]).slice(1)
    .filter(([place]) => counts[place]
      || (ALWAYS_SAID.includes(place) && (place !== QUEUE || record.queues)))
    .map(([place, name]) => `${said(counts[place])} ${name}`);
  const came = `${said(record.size - counts[TO_COME])} of ${said(record.size)}${record.what} came`;
  return `${clock(record, now)}: ${came}; ${told.join(", ")}.`;
}

// Returns what has become of each call of an event.
function wordsOf(record, places, number, now) {
  const { due, started, finished, left, span } = record, found = [];
  record.numbers.forEach((one, at) => {
    if (one !== number || places[at] === TO_COME) return;
    const worked = Math.min(finished[at], left[at], now);
    const waited = milliseconds(Math.min(started[at], worked) - due[at], span);
    const work = started[at] <= now ? `, worked ${milliseconds(worked - started[at], span)} ms` : "";
    found.push(`${nameOf(record, places[at], laneOf(record, places[at], at))}, waited ${waited} ms${work}`);
  });
  return found.join("; ") || PLACES[TO_COME];
}

function laneOf(record, place, at) {
  if (place === WORK) {
    return (record.workers[at] - 1) * record.names.subscribers.length + record.subscribers[at];
  }
  if (place === HANDLED || place === FAILED) return record.subscribers[at];
  return place === LEFT_OUT ? record.outcomes[at] : 0;
}

function nameOf({ names }, place, lane) {
  if (place === LEFT_OUT) return names.outcomes[lane - 1];
  if (place === WORK) {
    const handlers = names.subscribers.length, worker = Math.floor((lane - 1) / handlers);
    return `running on ${names.workers[worker]}: ${names.subscribers[(lane - 1) % handlers]}`;
  }
  if (place === HANDLED || place === FAILED) return `${PLACES[place]} by ${names.subscribers[lane - 1]}`;
  return PLACES[place];
}

function ranges(numbers) {
  const found = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = found[found.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  const told = found.slice(0, MOST_RANGES)
    .map(([low, high]) => (low === high ? `${low}` : `${low}–${high}`));
  return told.join(", ") + (found.length > MOST_RANGES ? ", …" : "");
}

function rowsAt(record, places) {
  const found = new Map();
  places.forEach((place, at) => {
    if (place === TO_COME) return;
    const lane = laneOf(record, place, at), key = place * 2 ** 20 + lane;
    if (!found.has(key)) found.set(key, { place, lane, numbers: [] });
    found.get(key).numbers.push(record.numbers[at]);
  });
  return [...found.keys()].sort((a, b) => a - b).map((key) => found.get(key))
    .map(({ place, lane, numbers }) =>
      [nameOf(record, place, lane), numbers.length.toLocaleString("en"), ranges(numbers)]);
}
