// What the page says about its connection.

const BACK_SHOWN_MS = 4_000;

const ENDINGS = {
  4401: ["You are signed out.", "Sign in"],
  4409: ["This page was disconnected.", "Connect again"],
  4410: ["You were disconnected by an operator.", "Connect again"],
};

export class Banner {
  #element;
  #text;
  #wait;
  #now;
  #link;
  #ticking;
  #hiding;
  #wasOpen = false;

  constructor({ element, signIn, onNow }) {
    this.#element = element;
    [this.#text, this.#wait, this.#now, this.#link] = ["text", "wait", "now", "link"].map((part) =>
      element.querySelector(`#banner-${part}`),
    );
    this.#link.href = signIn;
    this.#now.addEventListener("click", onNow);
  }

  // A `state` event of the client.
  show({ state, inMs, code }) {
    clearInterval(this.#ticking);
    clearTimeout(this.#hiding);
    if (state === "open") this.#back();
    else if (state === "waiting" && inMs > 0) this.#lost(inMs);
    else if (state === "connecting" && !this.#element.hidden) this.#wait.textContent = "trying now";
    else if (state === "closed" && code) this.#ended(code);
    else if (state === "closed") this.#element.hidden = true; // on purpose
  }

  #lost(inMs) {
    const until = Date.now() + inMs;
    this.#draw("lost", this.#wasOpen ? "Connection lost," : "No connection,");
    const tick = () => {
      this.#wait.textContent = `trying again in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`;
    };
    tick();
    this.#ticking = setInterval(tick, 1_000);
    this.#offer("Try now");
  }

  #back() {
    const wasLost = !this.#element.hidden;
    this.#element.hidden = true;
    if (wasLost && this.#wasOpen) {
      this.#draw("back", "You are back.");
      this.#hiding = setTimeout(() => { this.#element.hidden = true; }, BACK_SHOWN_MS);
    }
    this.#wasOpen = true;
  }

  #ended(code) {
    const [text, offer] = ENDINGS[code] ?? ["The server refused the connection.", "Try again"];
    this.#draw("lost", text);
    if (code !== 4401) return this.#offer(offer);
    this.#link.textContent = offer;
    this.#link.hidden = false;
  }

  #draw(kind, text) {
    this.#element.dataset.kind = kind;
    this.#element.hidden = false;
    this.#text.textContent = text;
    this.#wait.textContent = "";
    this.#now.hidden = this.#link.hidden = true;
  }

  #offer(text) {
    this.#now.textContent = text;
    this.#now.hidden = false;
  }
}
