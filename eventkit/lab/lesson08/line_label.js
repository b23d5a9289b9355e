// What stands beside a filter's line: its name, a field for each setting, and what came out.

function element(parent, tag, classes, text = "") {
  const made = document.createElement(tag);
  made.className = classes;
  made.textContent = text;
  parent.append(made);
  return made;
}

class LineLabel {
  constructor(parent, line, change) {
    this.box = element(parent, "div", "ek-line");
    element(this.box, "strong", "", line.name);
    const fields = element(this.box, "div", "ek-fields");
    this.inputs = line.fields.map((field, place) =>
      settingField(fields, line.name, field, (value) => change(line.name, place, value)));
    this.says = element(this.box, "div", "ek-says");
  }

  show(line, top, isNarrow, isSettled) {
    this.box.style.top = `${top}px`;
    this.says.textContent = line.says.replace("; ", isNarrow ? "; " : "\n");
    this.inputs.forEach((input, place) => {
      const value = String(line.fields[place][5]);
      if (isSettled && !input.dataset.typing && input.value !== value) input.value = value;
    });
  }
}

// A number that is sent while it is typed, if it is one that can be set.
function settingField(parent, name, [label, unit, low, high, step], change) {
  const field = element(parent, "label", "", `${label} `);
  const input = element(field, "input", "");
  Object.assign(input, { type: "number", min: low, max: high, step });
  input.setAttribute("aria-label", `${name}: ${label}${unit ? ` (${unit})` : ""}`);
  field.append(` ${unit}`);
  input.addEventListener("input", () => {
    input.dataset.typing = "yes";
    if (input.value && input.validity.valid) change(input.valueAsNumber);
  });
  input.addEventListener("change", () => { delete input.dataset.typing; });
  return input;
}
