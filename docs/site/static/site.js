// What scrolls can be reached by keyboard.
for (const box of document.querySelectorAll("pre, .table-wrapper, .output")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}

// Two parts of the page of one kind are told apart by name.
for (const [part, name] of [[".sidebar-drawer", "All pages"], [".toc-drawer", "This page"]]) {
  document.querySelector(part)?.setAttribute("aria-label", name);
}
