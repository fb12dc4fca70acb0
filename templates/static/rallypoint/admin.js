// What unfold's pages lack for those who hear them or have no mouse.
addEventListener("DOMContentLoaded", () => {
  const content = document.getElementById("content");
  if (content) addMainPart(content);
  document.querySelectorAll(".vDateField, .vTimeField").forEach(nameField);
  document.querySelectorAll("[x-on\\:click]").forEach(makeReachable);
  document.querySelectorAll(".material-symbols-outlined").forEach(nameSymbol);
  // They come before that of the page, and are no part of it.
  for (const group of document.querySelectorAll("#nav-sidebar h2")) group.role = "presentation";
});
// Choices with a search are drawn by a script of their own, when jQuery is ready, as this is after it.
addEventListener("load", () => {
  globalThis.django?.jQuery?.(() => document.querySelectorAll(".select2-selection").forEach(nameChoice));
  // What draws these listens to the same event, and does so later.
  setTimeout(() => document.querySelectorAll(".selector-filter input").forEach(nameFilter));
});

// A part that readers of the screen jump to, and a way past the forty links before it.
function addMainPart(content) {
  content.setAttribute("role", "main");
  content.tabIndex = -1;
  const skip = document.createElement("a");
  skip.href = "#content";
  skip.className = "rp-skip";
  skip.textContent = "Skip to the content";
  document.body.prepend(skip);
}

// The two fields of a moment stand beside a label that is for neither.
function nameField(field) {
  const label = field.closest(".field-line")?.querySelector("label");
  if (label && !field.labels.length) {
    field.ariaLabel = `${label.textContent.trim()}: ${field.placeholder}`;
  }
}

// What is chosen names it, which is nothing to begin with.
function nameChoice(choice) {
  const select = choice.closest(".select2-container").previousElementSibling;
  const label = select?.labels?.[0];
  if (!label) return;
  label.id ||= `${select.id}_label`;
  choice.setAttribute("aria-labelledby", `${label.id} ${choice.getAttribute("aria-labelledby")}`);
}

// Two lists stand side by side, and each has a filter.
function nameFilter(field) {
  const list = field.closest(".selector-available, .selector-chosen");
  field.ariaLabel = `Filter: ${list.querySelector("label, h2").textContent.trim()}`;
}

// Menus and filters are opened by what is neither a link nor a button. Escape closes them too, so
// nobody needs to come to their backdrop.
function makeReachable(spot) {
  const isReachable = spot.tabIndex >= 0 && !spot.matches("a:not([href])");
  const isBackdrop = !spot.textContent.trim();
  if (isReachable || isBackdrop) return;
  spot.role = "button";
  spot.tabIndex = 0;
  spot.addEventListener("keydown", (event) => {
    if (event.target !== spot || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    spot.click();
  });
}

// A symbol is a word in a font of symbols, which would be read out; where it stands alone it is what
// names its button.
const NAMES = { close: "Close the menu", dock_to_right: "Menu", more_horiz: "More" };
function nameSymbol(symbol) {
  const word = symbol.textContent.trim();
  const button = symbol.closest("a, button, [role=button]");
  const isAlone = button?.textContent.trim() === word;
  if (isAlone && !button.title) button.ariaLabel ??= NAMES[word] ?? word.replaceAll("_", " ");
  if (button !== symbol) symbol.ariaHidden = "true";
}
