// The figures of the operators' first page, asked for again while somebody looks at them.

const EVERY_MS = 15_000;
const TIMEOUT_MS = 10_000;
const root = document.querySelector("#overview");

async function look() {
  const answer = await fetch(root.dataset.figures, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  // Signed out meanwhile: what would come is the page to sign in.
  if (!answer.ok || answer.redirected) throw new Error(`the figures answer ${answer.status}`);
  // A click or a key on a figure must not lose what it was on.
  const focused = root.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  // rule: html - a part of our own page, escaped by its template
  root.innerHTML = await answer.text();
  delete root.dataset.old;
  if (focused) root.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

async function watch() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    if (document.hidden) continue;
    try {
      await look();
    } catch {
      root.dataset.old = ""; // the style sheet says that these are old
    }
  }
}

if (root) watch();
