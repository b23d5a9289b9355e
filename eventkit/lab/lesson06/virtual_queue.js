// A queue on a virtual clock: random requests, first come, first served, by the recurrence of
// `queueing.response_times`. Times are in units of work, so a mean of 2 is twice the work. Every
// setting has the same chance: the same gaps, only scaled, and the same work. virtual_run.py has the
// same numbers, and a test compares the two.

const FACTOR = 48271, MODULUS = 2147483647;

// Returns when requests are due, on average 1 apart, and how much work each is, on average 1.
function chances(count, seed) {
  const dues = new Float64Array(count), works = new Float64Array(count);
  let state = seed, now = 0;
  const next = () => {
    state = (state * FACTOR) % MODULUS;
    return -Math.log(state / MODULUS);
  };
  for (let at = 0; at < count; at += 1) {
    now += next();
    dues[at] = now;
    works[at] = next();
  }
  return { dues, works };
}

function newRun(count) {
  const [arrived, started, finished] = [0, 1, 2].map(() => new Float64Array(count));
  return { arrived, started, finished, lanes: new Uint8Array(count), mean: 0 };
}

// Fills in when each request came, was begun and was done, and in which lane.
function simulate({ dues, works }, { rho, servers, exponential }, run) {
  const { arrived, started, finished, lanes } = run, free = new Float64Array(servers);
  const rate = rho * servers;
  let sum = 0;
  for (let at = 0; at < dues.length; at += 1) {
    let lane = 0;
    for (let other = 1; other < servers; other += 1) if (free[other] < free[lane]) lane = other;
    const due = dues[at] / rate, begun = Math.max(due, free[lane]);
    arrived[at] = due;
    started[at] = begun;
    lanes[at] = lane;
    finished[at] = free[lane] = begun + (exponential ? works[at] : 1);
    sum += finished[at] - due;
  }
  run.mean = sum / dues.length;
  run.end = arrived[arrived.length - 1];
  return run;
}

// Returns how many numbers of an ascending list are at most `limit`.
function countUpTo(list, limit) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Of the first `begun` requests, the last in each lane: no other of them can still be running.
function lastInEachLane({ lanes }, servers, begun) {
  const found = [];
  for (let at = begun - 1; at >= 0 && found.length < servers; at -= 1) {
    if (!found.some((other) => lanes[other] === lanes[at])) found.push(at);
  }
  return found;
}

// Returns the requests that wait, are running, and were answered last, and how many were answered.
function stateAt(run, servers, time, most = 40) {
  const came = countUpTo(run.arrived, time), begun = countUpTo(run.started, time);
  const waiting = Array.from({ length: came - begun }, (_, place) => begun + place);
  const working = lastInEachLane(run, servers, begun).filter((at) => run.finished[at] > time);
  const done = [];
  for (let at = begun - 1; at >= 0 && done.length < 2 * most; at -= 1) {
    if (!working.includes(at)) done.push(at);
  }
  done.sort((one, other) => run.finished[other] - run.finished[one]);
  return { came, waiting, working, done: done.slice(0, most), answered: begun - working.length };
}

// Returns the requests that come within `ahead` after a time.
function comingSoon({ arrived }, time, ahead) {
  const coming = [];
  for (let at = countUpTo(arrived, time); arrived[at] <= time + ahead; at += 1) coming.push(at);
  return coming;
}

// Returns the next time at which a request comes or is answered.
function nextChange(run, servers, time) {
  const { came, working } = stateAt(run, servers, time, 0);
  return Math.min(run.arrived[came] ?? Infinity, ...working.map((at) => run.finished[at]));
}
