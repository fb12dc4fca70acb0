// What she says: typing, sending, what waits or failed, and changing it afterwards.

const TYPING_EVERY_MS = 3_000;

export class Composer {
  #client;
  #room;
  #timeline;
  #form;
  #body;
  #pending;
  #template;
  #typingAt = 0;
  onSaid = () => {};

  constructor({ client, room, timeline, form, pending, template }) {
    this.#client = client;
    this.#room = room;
    this.#timeline = timeline;
    this.#form = form;
    this.#body = form.elements.body;
    this.#pending = pending;
    this.#template = template;
    form.addEventListener("submit", (event) => this.#submit(event));
    this.#body.addEventListener("input", () => this.#typed());
    this.#body.addEventListener("blur", () => this.#stopTyping());
    sendOnEnter(this.#body, form);
    fitAsTyped(this.#body);
  }

  // A message of hers is in the list: the oldest one that waits with these words is it. It carries
  // no clientId, and comes before its ack as a rule.
  heard({ seq, body }) {
    const waiting = [...this.#pending.children];
    const said =
      waiting.find((item) => item.dataset.seq === String(seq)) ??
      waiting.find((item) => !item.dataset.seq && !item.dataset.failed && bodyOf(item).textContent === body);
    said?.remove();
  }

  // What waits says what it waits for.
  noteConnection(isOpen) {
    for (const item of this.#pending.querySelectorAll(":scope > :not([data-failed])")) {
      noteOf(item).textContent = isOpen ? "Sending…" : "Waiting for the connection";
    }
  }

  #submit(event) {
    event.preventDefault();
    const body = this.#body.value;
    if (!body.trim()) return;
    this.#body.value = "";
    this.#body.dispatchEvent(new Event("input"));
    this.#body.focus();
    this.#typingAt = 0; // the server knows that who has sent has stopped
    this.#say(body);
  }

  #say(body) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    bodyOf(item).textContent = body;
    item.querySelector('[data-do="again"]').addEventListener("click", () => {
      item.remove();
      this.#say(body);
    });
    item.querySelector('[data-do="discard"]').addEventListener("click", () => item.remove());
    this.#pending.append(item);
    this.noteConnection(this.#client.state === "open");
    this.#timeline.toNewest();
    this.#deliver(item, body);
    this.onSaid();
  }

  async #deliver(item, body) {
    try {
      const { seq } = await this.#client.send(this.#room, body);
      item.dataset.seq = seq;
      if (this.#timeline.has(seq)) item.remove();
    } catch (error) {
      item.dataset.failed = error.code;
      noteOf(item).textContent = `Not sent. ${error.message}`;
      for (const button of item.querySelectorAll("button")) button.hidden = false;
    }
  }

  #typed() {
    if (!this.#body.value) return this.#stopTyping();
    if (Date.now() - this.#typingAt < TYPING_EVERY_MS) return;
    this.#typingAt = Date.now();
    this.#tell("typing:start");
  }

  #stopTyping() {
    if (this.#typingAt) this.#tell("typing:stop");
    this.#typingAt = 0;
  }

  // Not worth sending again, whatever becomes of it.
  #tell(event) {
    this.#client.request(event, { room: this.#room }).catch(() => {});
  }
}

// A form in the place of the words, until they are saved or left as they were.
export function editInPlace({ element, message, template, save }) {
  if (element.querySelector(".edit")) return;
  const form = template.content.firstElementChild.cloneNode(true);
  const [input, error] = [form.querySelector("textarea"), form.querySelector(".error")];
  const body = bodyOf(element);
  const close = () => {
    form.remove();
    body.hidden = false;
    element.querySelector('[data-do="edit"]').focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      if (input.value !== message.body) await save(input.value);
      close();
    } catch (refusal) {
      error.textContent = refusal.message;
      error.hidden = false;
    }
  });
  form.querySelector('[data-do="cancel"]').addEventListener("click", close);
  input.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  sendOnEnter(input, form);
  input.value = message.body;
  body.hidden = true;
  body.after(form);
  fitAsTyped(input);
  input.focus();
}

// Enter sends, with Shift it begins a line. While an input method composes, Enter is its own.
function sendOnEnter(input, form) {
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

// As high as what is in it; the stylesheet says where that ends.
function fitAsTyped(input) {
  const fit = () => {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight + input.offsetHeight - input.clientHeight}px`;
  };
  input.addEventListener("input", fit);
  fit();
}

const bodyOf = (item) => item.querySelector(".say__body");
const noteOf = (item) => item.querySelector(".say__note");
