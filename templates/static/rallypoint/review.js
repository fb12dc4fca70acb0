// Keys of the review queue: a approves, r goes to the note of a rejection, j and k to the
// neighbours. Without this, the page is a form with two buttons and two links.
(() => {
  "use strict";
  const TYPED = "input, textarea, select, [contenteditable]";

  const press = (selector) => document.querySelector(selector)?.click();

  const deeds = {
    a: () => press('[data-review] [value="approve"]'),
    r: () => document.querySelector("[data-review] textarea")?.focus(),
    j: () => press('.rp-queue [rel="next"]'),
    k: () => press('.rp-queue [rel="prev"]'),
  };

  document.addEventListener("keydown", (event) => {
    const isShortcut = event.ctrlKey || event.metaKey || event.altKey;
    // A key held down must not decide about the next one as well.
    if (isShortcut || event.repeat || event.target.closest(TYPED)) return;
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
})();
