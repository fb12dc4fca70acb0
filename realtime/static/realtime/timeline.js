// The messages of one room, one element for each number, the newest at the bottom.

const TOGETHER_MS = 5 * 60_000;
const AT_BOTTOM_PX = 48;
// A page that stays open for days does not grow for days.
const MOST_SHOWN = 800;
const LEFT_SHOWN = 400;
const FACES = 6;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export class Timeline {
  #shown = new Map(); // by number: { element, message }
  #list;
  #log;
  #me;
  #template;
  canModerate = false;

  constructor({ log, list, template, me }) {
    this.#log = log;
    this.#list = list;
    this.#template = template;
    this.#me = me;
    this.#quietly(() => this.#reset(Array.from(list.children, read)));
  }

  get size() {
    return this.#shown.size;
  }

  get oldest() {
    return this.#numberOf(this.#list.firstElementChild);
  }

  get newest() {
    return this.#numberOf(this.#list.lastElementChild);
  }

  // The log is a column in reverse: its scrollTop is 0 at the newest message and negative above.
  get isAtBottom() {
    return this.#log.scrollTop > -AT_BOTTOM_PX;
  }

  has(seq) {
    return this.#shown.has(seq);
  }

  message(element) {
    return this.#shown.get(this.#numberOf(element.closest("[data-seq]")))?.message;
  }

  replace(messages) {
    this.#quietly(() => this.#reset(messages));
  }

  append(message) {
    if (this.#shown.has(message.seq)) return this.update(message);
    this.keepView(() => this.#list.append(this.#draw(message)));
    this.#decorate(this.#list.lastElementChild);
    if (this.isAtBottom && this.size > MOST_SHOWN) this.#trim();
  }

  // Counted from the bottom, nothing moves when something comes in at the top.
  prepend(messages) {
    this.#quietly(() => {
      const unknown = messages.filter(({ seq }) => !this.#shown.has(seq));
      this.#list.prepend(...unknown.map((message) => this.#draw(message)));
      for (const { seq } of unknown) this.#decorate(this.#shown.get(seq).element);
      const next = this.#list.children[unknown.length];
      if (next) this.#decorate(next);
    });
  }

  // What has become of a message: edited or deleted.
  update(change) {
    const shown = this.#shown.get(change.seq);
    if (!shown) return;
    Object.assign(shown.message, change.deletedAt ? { ...change, body: "" } : change);
    this.keepView(() => this.#fill(shown.element, shown.message));
  }

  // Around a change below what is read: what is read stays where it is.
  keepView(change) {
    const wasAtBottom = this.isAtBottom;
    const before = this.#log.scrollHeight;
    change();
    if (wasAtBottom) this.#log.scrollTop = 0;
    else this.#log.scrollTop -= this.#log.scrollHeight - before;
  }

  // Why something could not be done to a message.
  warn(seq, text) {
    const note = this.#shown.get(seq)?.element.querySelector(".say__warning");
    if (!note) return;
    note.textContent = text;
    note.hidden = false;
  }

  toNewest() {
    this.#log.scrollTop = 0;
  }

  // "New" above the first message after `seq` that is not her own; null takes it away.
  divide(seq) {
    for (const element of this.#list.querySelectorAll(".say__new:not([hidden])")) element.hidden = true;
    if (seq === null) return;
    const first = [...this.#shown.values()]
      .filter(({ message }) => message.seq > seq && message.from?.id !== this.#me.id)
      .sort((one, other) => one.message.seq - other.message.seq)[0];
    if (first) first.element.querySelector(".say__new").hidden = false;
  }

  redraw() {
    for (const { element, message } of this.#shown.values()) this.#fill(element, message);
  }

  #reset(messages) {
    this.#shown.clear();
    this.#list.replaceChildren(...messages.map((message) => this.#draw(message)));
    for (const element of this.#list.children) this.#decorate(element);
  }

  // A log is read out as it grows. What is old is not news.
  #quietly(change) {
    this.#log.setAttribute("aria-live", "off");
    change();
    requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
  }

  #trim() {
    for (const element of [...this.#list.children].slice(0, -LEFT_SHOWN)) {
      this.#shown.delete(this.#numberOf(element));
      element.remove();
    }
    this.#decorate(this.#list.firstElementChild);
  }

  #draw(message) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.dataset.seq = message.seq;
    this.#shown.set(message.seq, { element, message });
    const name = message.from?.username ?? "Somebody who has gone";
    const face = element.querySelector(".say__face");
    face.textContent = name[0].toUpperCase();
    face.dataset.face = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % FACES;
    element.querySelector(".say__author").textContent = name;
    const time = element.querySelector("time");
    time.dateTime = message.at;
    time.textContent = clock.format(new Date(message.at));
    time.title = moment.format(new Date(message.at));
    this.#fill(element, message);
    return element;
  }

  #fill(element, message) {
    const body = element.querySelector(".say__body");
    body.toggleAttribute("data-deleted", Boolean(message.deletedAt));
    body.replaceChildren(...(message.deletedAt ? ["This message was deleted."] : spell(message.body, this.#me.username)));
    element.querySelector(".say__warning").hidden = true;
    element.classList.toggle("say--names-me", body.querySelector(".mention--me") !== null);
    element.querySelector(".say__edited").hidden = !message.editedAt || Boolean(message.deletedAt);
    const isMine = message.from?.id === this.#me.id;
    element.querySelector('[data-do="edit"]').hidden = !isMine;
    element.querySelector(".say__tools").hidden = Boolean(message.deletedAt) || !(isMine || this.canModerate);
  }

  // What depends on the message above: the day, and whether the author is said again.
  #decorate(element) {
    const { message } = this.#shown.get(this.#numberOf(element));
    const above = this.#shown.get(this.#numberOf(element.previousElementSibling))?.message;
    const at = new Date(message.at);
    const isNewDay = !above || new Date(above.at).toDateString() !== at.toDateString();
    const label = element.querySelector(".say__day");
    label.hidden = !isNewDay;
    label.textContent = dayName(at);
    const follows = !isNewDay && above.from?.id === message.from?.id && at - new Date(above.at) < TOGETHER_MS;
    element.classList.toggle("say--follows", follows);
  }

  #numberOf(element) {
    return element ? Number(element.dataset.seq) : 0;
  }
}

// As the server has drawn it.
function read(element) {
  const body = element.querySelector(".say__body");
  const author = element.querySelector(".say__author").textContent;
  const at = element.querySelector("time").dateTime;
  return {
    seq: Number(element.dataset.seq),
    from: element.dataset.author ? { id: element.dataset.author, username: author } : null,
    body: body.hasAttribute("data-deleted") ? "" : body.textContent,
    at,
    editedAt: element.querySelector(".say__edited").hidden ? undefined : at,
    deletedAt: body.hasAttribute("data-deleted") ? at : undefined,
  };
}

function dayName(date) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (date.toDateString() === today.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return day.format(date);
}

// @names as the server reads them, and addresses; everything else stays the text that it is.
const MARKED = /(?<![\p{L}\p{N}_@])@([\p{L}\p{N}_.+-]*[\p{L}\p{N}_])|https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}']/gu;

function spell(body, myName) {
  const parts = [];
  let end = 0;
  for (const match of body.matchAll(MARKED)) {
    parts.push(body.slice(end, match.index), match[1] ? mention(match, myName) : link(match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, body.slice(end)].filter((part) => part !== "");
}

function mention([text, name], myName) {
  const element = document.createElement("span");
  element.className = name.toUpperCase() === myName.toUpperCase() ? "mention mention--me" : "mention";
  element.textContent = text;
  return element;
}

function link(address) {
  const element = document.createElement("a");
  element.href = address;
  element.rel = "noopener noreferrer nofollow";
  element.target = "_blank";
  element.textContent = address;
  return element;
}
