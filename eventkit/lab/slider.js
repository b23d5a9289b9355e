// The browser's own slider, with a name, which the handle of ipywidgets' sliders has not.

function render({ model, el }) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = model.get("low");
  slider.max = model.get("high");
  slider.setAttribute("aria-label", model.get("label"));
  slider.style.width = "170px";
  el.append(slider);

  function changed() {
    slider.value = model.get("value");
  }
  slider.addEventListener("input", () => {
    model.set("value", slider.valueAsNumber);
    model.save_changes();
  });
  model.on("change:value", changed);
  changed();
  return () => model.off("change:value", changed);
}

export default { render };
