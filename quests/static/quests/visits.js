// Coming back from a link that asks for a stay: told to the server as soon as this page is seen again,
// and once more when it says that it was too soon. The form does the same by hand.

const MOST_TRIES = 4;
const opened = new Map(); // step -> how often its return was told

document.addEventListener("submit", ({ target }) => {
  if (target.dataset.visit) opened.set(target.dataset.visit, 0);
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const step of [...opened.keys()]) tell(step);
});

async function tell(step) {
  const form = document.querySelector(`[data-return="${CSS.escape(step)}"]`);
  const tries = opened.get(step);
  if (!form || tries === undefined || tries >= MOST_TRIES) return opened.delete(step);
  opened.set(step, tries + 1);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (answer.ok) {
      opened.delete(step);
      return location.reload();
    }
    say(form, step, await answer.text());
    const wait = Number(answer.headers.get("Retry-After"));
    if (wait) setTimeout(() => document.hidden || tell(step), wait * 1000);
  } catch {} // no connection: the form is still there
}

// What the page says beside the form when it is sent by hand.
function say(form, step, html) {
  const told = new DOMParser().parseFromString(html, "text/html").getElementById(`refusal-${step}`);
  document.getElementById(`refusal-${step}`)?.remove();
  if (told) form.after(document.adoptNode(told));
}
