// Plays `recorded`, a replay as JSON, without a kernel. A page's scripts run in the order of their
// elements, so each finds its own: the first that is still empty.

function unpack({ stamps, marks, ...side }) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return { ...side, stamps: bytes(stamps), marks: bytes(marks) };
}

function play(el, { title, waterfall, sides }) {
  const state = { title, waterfall, sides: sides.map(unpack), running: false, now: 0 };
  el.setAttribute("aria-label", title);
  el.append(make("strong", { textContent: title }));
  render({ model: { get: (name) => state[name], on() {}, off() {} }, el });
}

play(document.querySelector(".ek-replay:empty"), recorded);
