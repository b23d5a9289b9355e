// A panel's heading. It makes the panel a group with a name, and hides plain keys pressed inside
// from JupyterLab, which would take the arrows from a dropdown and cut the cell on X.

function frame(panel, title) {
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", title);
  panel.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey) event.stopPropagation();
  });
}

function render({ model, el }) {
  const heading = document.createElement("strong");
  heading.textContent = model.get("title");
  el.append(heading);
  // The heading is made before it is put into its panel: wait for that.
  const placed = new ResizeObserver(() => {
    const panel = el.closest(".ek-panel");
    if (!panel) return;
    placed.disconnect();
    frame(panel, model.get("title"));
  });
  placed.observe(el);
  return () => placed.disconnect();
}

export default { render };
