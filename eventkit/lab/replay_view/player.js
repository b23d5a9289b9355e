// The time at which a record is shown: it stands still, is played at some speed, or follows the
// kernel's clock during a run, unless the learner has stopped it.

const SPEEDS = [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 4, 10, 100];
const BEAT = 500;  // milliseconds between pictures if the reader prefers reduced motion

function newPlayer() {
  return { time: 0, speed: 1, chosen: false, playing: false, following: false, running: false,
    drawn: 0, told: 0, picked: 0, hovered: 0 };
}

// Real time, but slower for a very short record and faster for one of minutes.
function fittingSpeed(span) {
  const seconds = span / 1e9;
  if (seconds < 0.5) return SPEEDS.findLast((speed) => seconds / speed >= 5) || SPEEDS[0];
  return SPEEDS.find((speed) => speed >= 1 && seconds / speed <= 60) || SPEEDS[SPEEDS.length - 1];
}

function isMoving({ playing, following }) {
  return playing || following;
}

function end({ running, clock, record }) {
  return running ? Math.max(clock, 0) : record.span;
}

// Takes a new record, or the next state of one that is still being made.
function receive(player, record, running, clock) {
  const wasRunning = player.running;
  Object.assign(player, { record, running, clock, received: performance.now(),
    places: record.sides.map((side) => new Uint8Array(side.size)) });
  if (running && !wasRunning) player.following = true;
  if (!running) {
    if (wasRunning && player.following) player.time = record.span;
    player.following = false;
    if (!player.chosen && record.begun) player.speed = fittingSpeed(record.span);
  }
  player.time = record.begun ? Math.max(0, Math.min(player.time, end(player))) : -1;
}

// Returns the number of the event that is marked wherever it is drawn, or 0.
function marked({ hovered, picked }) {
  return hovered || picked;
}

function advance(player, calm) {
  const now = performance.now(), passed = now - player.drawn;
  if (player.following) {
    const there = player.clock + (now - player.received) * 1e6;
    if (!calm || there - player.time > BEAT * 1e6 || there < player.time) player.time = there;
  } else if (player.playing && (!calm || passed >= BEAT)) {
    player.time = Math.min(player.time + passed * 1e6 * player.speed, end(player));
    player.playing = player.time < end(player);
    player.drawn = now;
  }
}

function goTo(player, time) {
  Object.assign(player, { playing: false, following: false });
  player.time = Math.max(0, Math.min(time, end(player)));
}

function stepBy(player, by) {
  goTo(player, neighbour(player.record.moments, player.time, by));
}

function playOrPause(player) {
  if (isMoving(player)) Object.assign(player, { playing: false, following: false });
  else if (player.running) player.following = true;
  else {
    if (player.time >= end(player)) player.time = 0;
    Object.assign(player, { playing: true, drawn: performance.now() });
  }
}

function setSpeed(player, speed) {
  Object.assign(player, { speed, chosen: true });
}

function faster(player, by) {
  const place = SPEEDS.indexOf(player.speed) + by;
  setSpeed(player, SPEEDS[Math.max(0, Math.min(place, SPEEDS.length - 1))]);
}

// Returns the next moment after or before a time.
function neighbour(moments, time, by) {
  let low = 0, high = moments.length;  // halved until `low` is the first after `time`
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle] > time) high = middle;
    else low = middle + 1;
  }
  if (by > 0) return moments[low] ?? time;
  return moments[moments[low - 1] === time ? low - 2 : low - 1] ?? 0;
}
