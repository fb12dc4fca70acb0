// Who is in the room, those who are here now first.

const MOST_SHOWN = 100;
const REDRAW_MS = 150;
const WORDS = { online: "online", away: "away", busy: "busy" };

export class People {
  // By id: { username, role, status, note, isDrawn }; no status: not here now. Those whom the page
  // came with stay when they leave; of all others a busy room would keep more every day.
  #people = new Map();
  #list;
  #count;
  #badge;
  #more;
  #ask;
  #present = 0;
  #drawing = null;
  #asking = null;

  // `ask(after)`: the answer of presence:list.
  constructor({ list, count, badge, more, ask }) {
    this.#list = list;
    this.#count = count;
    this.#badge = badge;
    this.#more = more;
    this.#ask = ask;
    for (const element of list.children) {
      const username = element.querySelector(".person__name").textContent;
      this.#people.set(element.dataset.user, { username, role: element.dataset.role, status: null, note: "", isDrawn: true });
    }
  }

  // All who are here; the first page of them at least.
  show({ present, people }) {
    for (const id of this.#people.keys()) this.#left(id);
    for (const { user, status, note } of people) this.#put(user, status, note);
    this.#present = present;
    this.#drawSoon();
  }

  update({ user, status, note, present, left }) {
    this.#present = present;
    if (left) this.#left(user.id);
    else this.#put(user, status, note);
    this.#drawSoon();
  }

  statusOf(id) {
    return this.#people.get(id) ?? {};
  }

  // So many came and went that nobody was told whom.
  summarise({ present }) {
    this.#present = present;
    this.#drawSoon();
    this.#asking ??= setTimeout(async () => {
      this.#asking = null;
      try {
        this.show(await this.#ask());
      } catch {
        // The next room:joined says it.
      }
    }, 1_000 + Math.random() * 2_000);
  }

  #put({ id, username }, status, note) {
    const known = this.#people.get(id) ?? { role: "member" };
    this.#people.set(id, { ...known, username, status, note: note ?? "" });
  }

  #left(id) {
    const person = this.#people.get(id);
    if (person?.isDrawn) person.status = null;
    else this.#people.delete(id);
  }

  #drawSoon() {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = null;
      this.#draw();
    }, REDRAW_MS);
  }

  #draw() {
    const sorted = [...this.#people.entries()].sort(
      ([, one], [, other]) => !one.status - !other.status || one.username.localeCompare(other.username),
    );
    this.#count.textContent = `${this.#present} here now`;
    this.#badge.textContent = this.#present;
    this.#list.replaceChildren(...sorted.slice(0, MOST_SHOWN).map(([id, person]) => draw(id, person)));
    const hidden = Math.max(sorted.length, this.#present) - MOST_SHOWN;
    this.#more.hidden = hidden <= 0;
    this.#more.textContent = `and ${hidden} more`;
  }
}

function draw(id, { username, role, status, note }) {
  const element = document.createElement("li");
  element.className = "person";
  element.dataset.user = id;
  element.dataset.role = role;
  if (status) element.dataset.status = status;
  element.append(part("person__dot", ""), part("person__name", username));
  element.firstElementChild.setAttribute("aria-hidden", "true");
  if (role !== "member") element.append(part("person__role", role));
  element.append(part("visually-hidden", WORDS[status] ?? "not here"));
  if (status && note) element.append(part("person__note", note));
  return element;
}

function part(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
