// A button that reads the browser's clock when it is pressed and when its answer is on the screen.

async function render({ model, el }) {
  const status = await model.widget_manager.get_model(model.get("status").replace("IPY_MODEL_", ""));
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
    status.set("text", "The click is on its way …");
    model.send({ kind: "click", pressed });
  });

  function answered(message) {
    if (message.kind !== "answer" || !waiting.delete(message.pressed)) return;
    // Two frames later the text has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const milliseconds = performance.now() - message.pressed;
      model.send({ kind: "painted", number: message.number, milliseconds });
    }));
  }
  status.on("msg:custom", answered);
  return () => status.off("msg:custom", answered);
}

export default { render };
