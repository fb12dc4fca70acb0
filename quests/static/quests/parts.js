// A part of a page, read again from the server and put in place of what stands there. What did not
// change stays the very same element; what somebody has typed, and where she is, stay as well.

export async function refresh(part) {
  const answer = await fetch(new URL(part.dataset.liveSrc, location.href), { headers: { Accept: "text/html" } });
  // Signed out meanwhile, it would be the page of signing in.
  if (!answer.ok || answer.redirected) throw new Error(`not read: ${answer.status}`);
  const fresh = document.createElement("template");
  // rule: html - a page of our own, escaped by its template
  fresh.innerHTML = await answer.text();
  replace(part, fresh.content);
}

function replace(part, fresh) {
  keepTokens(part, fresh);
  const kept = new Map(keyed(part).map((element) => [element.dataset.key, element]));
  const typed = inputsOf(part);
  const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
  for (const element of keyed(fresh)) {
    const old = kept.get(element.dataset.key);
    if (old?.open) element.open = true;
    if (old && sameAs(old, element)) element.replaceWith(old);
    else if (old) element.classList.add("is-changed");
  }
  part.replaceChildren(fresh);
  restore(part, typed);
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

const keyed = (parent) => [...parent.querySelectorAll("[data-key]")];

function sameAs(old, fresh) {
  if (!old.classList.contains("is-changed")) return old.isEqualNode(fresh);
  const copy = old.cloneNode(true);
  copy.classList.remove("is-changed");
  if (!copy.className) copy.removeAttribute("class");
  return copy.isEqualNode(fresh);
}

// Each rendering masks the token anew, and any of them is right: with the old one, what is the same
// looks the same.
function keepTokens(part, fresh) {
  const old = part.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (!old) return;
  for (const input of fresh.querySelectorAll("[name=csrfmiddlewaretoken]")) input.setAttribute("value", old);
}

function inputsOf(part) {
  const inputs = [...part.querySelectorAll("input[id], textarea[id]")];
  return new Map(inputs.filter((one) => one.type !== "file").map((one) => [one.id, [one.value, one.checked]]));
}

function restore(part, typed) {
  for (const [id, [value, checked]] of typed) {
    const input = part.querySelector(`#${CSS.escape(id)}`);
    if (!input) continue;
    if (input.type === "radio" || input.type === "checkbox") input.checked = checked;
    else input.value = value;
  }
}
