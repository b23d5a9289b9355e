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

  const pressedAt = new Map();
  let clicks = 0;
  button.addEventListener("click", () => {
    clicks += 1;
    pressedAt.set(clicks, performance.now());
    answer.textContent = `Click ${clicks} is on its way …`;
    model.send({ kind: "click", click: clicks });
  });

  function received(message) {
    if (message.kind !== "answer") return;
    answer.textContent = message.text;
    // Two frames later the text has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const took = performance.now() - pressedAt.get(message.click);
      pressedAt.delete(message.click);
      model.send({ kind: "painted", click: message.click, milliseconds: took });
    }));
  }
  model.on("msg:custom", received);
  return () => model.off("msg:custom", received);
}

export default { render };
