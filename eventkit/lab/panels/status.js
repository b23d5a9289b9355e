// A line of text whose changes screen readers announce. The element stays and its text changes:
// a region that is replaced together with its text is not reliably announced.

function render({ model, el }) {
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  el.append(line);

  function changed() {
    line.className = model.get("kind");
    if (line.textContent !== model.get("text")) line.textContent = model.get("text");
  }
  model.on("change:text change:kind", changed);
  changed();
  return () => model.off("change:text change:kind", changed);
}

export default { render };
