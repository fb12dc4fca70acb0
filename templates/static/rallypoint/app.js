// Comforts on top of pages that work without: copying, names of countries and languages, and the
// visitor's own time zone.
(() => {
  "use strict";

  const copied = document.createElement("p");
  copied.className = "visually-hidden";
  copied.setAttribute("role", "status");
  document.body.append(copied);

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = "Copied";
    copied.textContent = `${button.dataset.copy} is copied.`;
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  }

  // Browsers have a clipboard only on https and on this machine itself.
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button));
    }
  }

  for (const type of ["region", "language"]) {
    const names = new Intl.DisplayNames(["en"], { type });
    for (const element of document.querySelectorAll(`[data-name="${type}"]`)) {
      const code = element.textContent.trim();
      try {
        element.textContent = names.of(code) ?? code;
      } catch {
        // No code of a place or a tongue: it stays as it was sent.
      }
    }
  }

  // The menu of a person closes like any other.
  const menu = document.querySelector(".menu");
  document.addEventListener("click", ({ target }) => {
    if (menu?.open && !menu.contains(target)) menu.open = false;
  });
  menu?.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offer = document.querySelector("[data-zone-offer]");
  const known = document.querySelector(`option[value="${CSS.escape(mine)}"]`);
  if (offer && known && offer.dataset.zoneOffer !== mine) {
    const address = new URL(location.href);
    address.searchParams.set("tz", mine);
    offer.href = address.href;
    offer.textContent = `Show times in ${mine.split("/").pop().replaceAll("_", " ")}`;
    offer.hidden = false;
  }
})();
