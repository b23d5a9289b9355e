// A button that reads the browser's clock when it is pressed, when its answer arrives, and when the
// answer is on the screen.

async function render({ model, el }) {
  const other = (name) => model.widget_manager.get_model(model.get(name).replace("IPY_MODEL_", ""));
  const [status, lanes] = [await other("status"), await other("lanes")];
  const button = document.createElement("button");
  button.className = "jupyter-button widget-button mod-primary";
  button.style.width = "auto";
  button.style.marginRight = "12px";
  button.textContent = "Click me and trace it";
  el.append(button);

  // Only clicks that this view has sent: other views of the widget, and Python, send their own.
  const waiting = new Set();
  button.addEventListener("click", () => {
    const pressed = performance.now();
    waiting.add(pressed);
    lanes.set("pending", [...lanes.get("pending"), pressed]);
    status.set("text", "The click is on its way …");
    model.send({ kind: "click", pressed });
  });

  function answered(message) {
    if (message.kind !== "answer" || !waiting.delete(message.pressed)) return;
    const { number, pressed } = message, arrived = performance.now() - pressed;
    // Two frames later the text has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const painted = performance.now() - pressed;
      lanes.set("pending", lanes.get("pending").filter((one) => one !== pressed));
      model.send({ kind: "painted", number, arrived, painted });
    }));
  }
  status.on("msg:custom", answered);
  return () => status.off("msg:custom", answered);
}

export default { render };
