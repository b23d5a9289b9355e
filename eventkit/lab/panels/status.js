// A line of text whose changes screen readers announce. Only the text changes: if the element were
// replaced with it, the change would not be announced reliably.

function render({ model, el }) {
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  el.append(line);

  function changed() {
    line.className = model.get("kind");
    line.setAttribute("aria-live", model.get("live"));
    if (line.textContent !== model.get("text")) line.textContent = model.get("text");
  }
  model.on("change:text change:kind change:live", changed);
  changed();
  return () => model.off("change:text change:kind change:live", changed);
}

export default { render };
