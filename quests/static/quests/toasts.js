// What just happened, told in a corner of the page and to screen readers, gone after a while.

const SHOWN_MS = 7_000;
const MOST = 3;

export class Toasts {
  #box = document.createElement("div");

  constructor() {
    this.#box.className = "toasts";
    this.#box.setAttribute("role", "status");
    this.#box.setAttribute("aria-live", "polite");
    document.body.append(this.#box);
  }

  completed({ title, xpEarned, held }) {
    if (held) this.#say(`“${title}” is done. It is paid after a review.`);
    else this.#say(`“${title}” is done`, `+${xpEarned.toLocaleString("en")} XP`);
  }

  progress({ title, stepTitle, seen, needed }) {
    this.#say(`${stepTitle}: ${seen} of ${needed}, for “${title}”`);
  }

  level(level) {
    this.#say(`You have reached level ${level}.`);
  }

  #say(text, xp = "") {
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.append(piece("toast__text", text));
    if (xp) toast.append(" ", piece("xp number", xp));
    this.#box.append(toast);
    while (this.#box.children.length > MOST) this.#box.firstElementChild.remove();
    setTimeout(() => toast.remove(), SHOWN_MS);
  }
}

function piece(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
