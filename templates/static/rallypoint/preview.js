// Markdown beside what it becomes. The server renders it, as it will for players; what comes back
// is sanitised there.
(() => {
  "use strict";
  const PAUSE = 400;

  async function rendered(area, token) {
    const answer = await fetch(area.dataset.preview, {
      method: "POST",
      headers: { "X-CSRFToken": token },
      body: new URLSearchParams({ text: area.value }),
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.text();
  }

  function watch(area) {
    const token = area.form.querySelector("[name=csrfmiddlewaretoken]").value;
    const shown = document.createElement("div");
    shown.className = "rp-prose rp-preview__shown";
    shown.setAttribute("aria-label", "Preview");
    const both = document.createElement("div");
    both.className = "rp-preview";
    area.replaceWith(both);
    both.append(area, shown);

    let asked = 0;
    async function show() {
      const mine = ++asked;
      let html;
      try {
        html = await rendered(area, token);
      } catch {
        if (mine === asked) shown.textContent = "There is no preview just now.";
        return;
      }
      // An older answer may come later than a newer one.
      // rule: html - what quests.markdown has let through
      if (mine === asked) shown.innerHTML = html;
    }

    let timer;
    area.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, PAUSE);
    });
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const area of document.querySelectorAll("textarea[data-preview]")) watch(area);
  });
})();
