// The interleaving picker on a page without a kernel. Each of the `programs` has every position that
// can be reached, named by the letters of the tasks that made the steps to it.

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function listing(name, { first, lines }, { places, waits }) {
  const place = places[name], ended = place === undefined || place === null;
  const code = make("pre");
  lines.forEach((line, at) => code.append(
    first + at === place ? make("b", { textContent: `▶ ${line}\n` }) : `  ${line}\n`));
  const state = ended ? "has finished" : waits[name] || "can go";
  return make("div", {}, make("strong", { textContent: name }), ` ${state}`, code);
}

function stepsTable({ code, positions }, path) {
  const names = Object.keys(code);
  const line = (cells, tag) =>
    make("tr", {}, ...cells.map((textContent) => make(tag, { textContent })));
  const rows = [...path].map((_, at) => {
    const [task, did, state] = positions[path.slice(0, at + 1)].row;
    return line([at + 1, ...names.map((name) => (name === task ? did : "")), state], "td");
  });
  return make("table", { hidden: !path }, line(["step", ...names, "shared, after it"], "th"), ...rows);
}

function picker(el) {
  const state = { program: programs[0], path: "", bad: 0, said: null };
  const title = "Interleaving picker: who goes next?";
  const status = make("p", { role: "status" }), code = make("div", { className: "ek-row" });
  const steps = make("div");
  const chooser = make("select", { ariaLabel: "Program" },
    ...programs.map(({ name }) => new Option(name)));

  function draw() {
    const { program, path } = state, at = program.positions[path];
    const good = state.said ? null : at.good;
    status.textContent = state.said || at.said;
    status.className = good === null ? "ek-quiet" : `ek-notice${good ? " ek-good" : ""}`;
    code.replaceChildren(...Object.entries(program.code).map(([name, own]) => listing(name, own, at)));
    steps.replaceChildren(stepsTable(program, path));
  }

  function to(path, said = null) {
    Object.assign(state, { path, said });
    draw();
  }

  function go(name) {
    const { program, path } = state, waits = program.positions[path].waits[name];
    if (program.positions[path + name]) to(path + name);
    else if (!Object.keys(program.code).some((one) => program.positions[path + one]))
      to(path, "No task can go on. Press Undo or Reset.");
    else to(path, `${name} ${waits || "has finished"} and cannot go on: let the other go.`);
  }

  function undo() {
    to(state.path.slice(0, -1), state.path ? null : "There is nothing to undo.");
  }

  function showBad() {
    const { program, bad } = state, number = bad % program.bad.length, path = program.bad[number];
    if (!program.bad.length) return to(state.path, `There is none. ${program.all}`);
    to(path, `Bad order ${number + 1} of ${program.bad.length}. ${program.positions[path].said}`);
    state.bad = number + 1;
  }

  const button = (textContent, onclick) => make("button", { textContent, onclick });
  chooser.onchange = () => {
    Object.assign(state, { program: programs[chooser.selectedIndex], bad: 0 });
    to("");
  };
  el.setAttribute("aria-label", title);
  el.append(make("strong", { textContent: title }), make("div", { className: "ek-row" }, chooser,
    button("A goes", () => go("A")), button("B goes", () => go("B")),
    button("Undo", undo), button("Reset", () => to("")),
    button("Run all orders", () => to(state.path, state.program.all)),
    button("Show me a bad one", showBad)), status, code, steps);
  draw();
}

picker(document.querySelector(".ek-picker:empty"));
