// "bob is typing…"

// The server ends it after 6 s; this is for when its word is lost.
const LONGEST_MS = 8_000;

export class Typists {
  #typing = new Map(); // by id: { username, timer }
  #element;
  #myId;

  constructor(element, myId) {
    this.#element = element;
    this.#myId = myId;
  }

  start({ id, username }) {
    if (id === this.#myId) return;
    clearTimeout(this.#typing.get(id)?.timer);
    this.#typing.set(id, { username, timer: setTimeout(() => this.stop(id), LONGEST_MS) });
    this.#draw();
  }

  stop(id) {
    clearTimeout(this.#typing.get(id)?.timer);
    this.#typing.delete(id);
    this.#draw();
  }

  clear() {
    for (const id of [...this.#typing.keys()]) this.stop(id);
  }

  #draw() {
    const names = [...this.#typing.values()].map(({ username }) => username);
    if (names.length > 2) this.#element.textContent = "Several people are typing…";
    else if (names.length) this.#element.textContent = `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing…`;
    else this.#element.textContent = "";
  }
}
