// The board asks for itself anew, as long as somebody can see it. What fails is tried the next time:
// an old board is better than an empty one.
(() => {
  "use strict";

  const EVERY = 15_000;

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { credentials: "omit", signal: AbortSignal.timeout(EVERY / 2) });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [mine, newer] = [document, page].map((one) => one.getElementById("board"));
      if (mine && newer && mine.innerHTML !== newer.innerHTML) mine.replaceWith(document.adoptNode(newer));
    } catch {
      // Away for a moment.
    }
  }

  setInterval(refresh, EVERY);
  document.addEventListener("visibilitychange", refresh);
})();
