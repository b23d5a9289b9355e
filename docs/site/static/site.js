// What scrolls can be reached by keyboard.
for (const box of document.querySelectorAll("pre, .table-wrapper, .output")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
