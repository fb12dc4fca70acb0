// Clicks as they come, on the page of one link. Without this the page shows them when it is loaded.
// The server answers 204 while nothing has changed, and else the latest rows, which are a bounded
// number, and the figures.
(() => {
  "use strict";
  const EVERY = 2_000;
  const LONGEST = 60_000;
  const card = document.querySelector("[data-feed]");
  if (!card) return;
  const rows = card.querySelector("[data-feed-rows]");
  const state = card.querySelector("[data-feed-state]");
  const pause = card.querySelector("[data-feed-pause]");
  const zone = state.textContent;
  const regions = new Intl.DisplayNames(["en"], { type: "region" });
  let after = card.dataset.after;
  let wait = EVERY;
  let timer;
  let ended = false;

  function show(answer) {
    const known = new Set([...rows.children].map((row) => row.dataset.click));
    // rule: html - drawn and escaped by the server
    rows.innerHTML = answer.rows;
    for (const row of rows.children) row.classList.toggle("is-new", !known.has(row.dataset.click));
    for (const cell of rows.querySelectorAll("[data-name=region]")) {
      try {
        cell.textContent = regions.of(cell.textContent.trim()) ?? cell.textContent;
      } catch {
        // No code of a place: it stays as it was sent.
      }
    }
    rows.closest("table").hidden = false;
    card.querySelector("[data-feed-empty]")?.remove();
    for (const [name, value] of Object.entries(answer.figures)) {
      for (const place of document.querySelectorAll(`[data-figure="${name}"]`)) {
        place.textContent = value;
      }
    }
    after = answer.after;
  }

  async function ask() {
    const address = new URL(card.dataset.feed, location.href);
    address.search = location.search;
    address.searchParams.set("after", after);
    const answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
    if (answer.redirected || answer.status === 404) {
      ended = true; // Signed out, or the link is deleted: a reload will say which.
      state.textContent = "Reload the page to go on.";
      pause.hidden = true;
      return;
    }
    if (!answer.ok) throw new Error(`${answer.status}`);
    if (answer.status !== 204) show(await answer.json());
  }

  async function turn() {
    try {
      await ask();
      wait = EVERY;
      if (!ended) state.textContent = `${zone}, live`;
    } catch {
      wait = Math.min(wait * 2, LONGEST);
      state.textContent = "Not reached, trying again";
    }
    plan(wait);
  }

  const runs = () => !ended && !document.hidden && pause.getAttribute("aria-pressed") !== "true";

  function plan(delay) {
    clearTimeout(timer);
    if (runs()) timer = setTimeout(turn, delay);
  }

  pause.hidden = false;
  state.textContent = `${zone}, live`;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", `${paused}`);
    state.textContent = paused ? `${zone}, paused` : `${zone}, live`;
    plan(0);
  });
  document.addEventListener("visibilitychange", () => plan(0));
  plan(EVERY);
})();
