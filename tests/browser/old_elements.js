// The trace viewer of chrome://tracing is built on the first draft of custom elements, which no
// browser has any more. This is as much of that draft as the viewer needs.

(() => {
  const prototypes = {};

  function all(root, visit) {
    visit(root);
    root.querySelectorAll?.("*").forEach(visit);
  }

  function upgrade(element) {
    const prototype = prototypes[element.getAttribute?.("is") || element.localName];
    if (!prototype || element.__upgraded__) return;
    element.__upgraded__ = true;
    Object.setPrototypeOf(element, prototype);
    element.createdCallback?.();
  }

  function attach(element) {
    upgrade(element);
    if (!element.__upgraded__ || !element.isConnected || element.__attached__) return;
    element.__attached__ = true;
    element.attachedCallback?.();
  }

  function attachAdded(records) {
    for (const { addedNodes } of records) addedNodes.forEach((node) => all(node, attach));
  }

  const observer = new MutationObserver(attachAdded);
  observer.observe(document, { childList: true, subtree: true });
  window.CustomElements = {
    useNative: false,
    upgrade,
    takeRecords: () => attachAdded(observer.takeRecords()),
  };

  document.registerElement = (name, { prototype, extends: base }) => {
    prototypes[name] = prototype;
    all(document, attach);
    return () => document.createElement(base || name, base && name);
  };

  function upgradesWhatItMakes(owner, name) {
    const original = owner[name];
    owner[name] = function (...args) {
      const made = original.apply(this, args);
      if (name === "createElement" && typeof args[1] === "string") made.setAttribute("is", args[1]);
      all(made, upgrade);
      return made;
    };
  }
  upgradesWhatItMakes(Document.prototype, "createElement");
  upgradesWhatItMakes(Document.prototype, "importNode");
  upgradesWhatItMakes(Node.prototype, "cloneNode");

  Object.defineProperty(document, "_currentScript", { get: () => document.currentScript });
  window.unwrap = (node) => node;
  Element.prototype.createShadowRoot = () => document.createDocumentFragment(); // for help texts
})();
