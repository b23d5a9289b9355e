// A line of text whose changes screen readers announce. Only the text changes: if the element were
// replaced with it, the change would not be announced reliably.

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
