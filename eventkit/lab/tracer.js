// A button that reads the browser's clock when it is pressed and when its answer is on the screen.

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-button widget-button mod-primary";
  button.style.width = "auto";
  button.textContent = "Click me and trace it";
  const answer = document.createElement("span");
  answer.style.marginLeft = "12px";
  answer.className = "ek-quiet";
  answer.setAttribute("role", "status");
  el.append(button, answer);

  // Only clicks that this view has sent: another view of the same widget, or Python, has its own.
  const waiting = new Set();
  button.addEventListener("click", () => {
    const pressed = performance.now();
    waiting.add(pressed);
    answer.textContent = "The click is on its way …";
    model.send({ kind: "click", pressed });
  });

  function received(message) {
    if (message.kind !== "answer" || !waiting.delete(message.pressed)) return;
    answer.textContent = message.text;
    // Two frames later the text has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const milliseconds = performance.now() - message.pressed;
      model.send({ kind: "painted", number: message.number, milliseconds });
    }));
  }
  model.on("msg:custom", received);
  return () => model.off("msg:custom", received);
}

export default { render };
