// The browser's own slider, with a name. The handle of ipywidgets' sliders has none.

function render({ model, el }) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = model.get("low");
  slider.setAttribute("aria-label", model.get("label"));
  slider.style.width = "170px";
  el.append(slider);

  function changed() {
    slider.max = model.get("high");  // before the value, which could be cut off
    slider.value = model.get("value");
  }
  slider.addEventListener("input", () => {
    model.set("value", slider.valueAsNumber);
    model.save_changes();
  });
  model.on("change:value change:high", changed);
  changed();
  return () => model.off("change:value change:high", changed);
}

export default { render };
