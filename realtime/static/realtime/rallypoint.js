// Rallypoint's rooms over one WebSocket that mends itself. One file, no dependency:
//
//   const rallypoint = new Rallypoint({ url: "wss://community.example/ws/", token });
//   rallypoint.on("message:received", ({ room, seq, from, body }) => show(body));
//   rallypoint.join("lobby");
//   rallypoint.connect();
//   const { seq } = await rallypoint.send("lobby", "Hello");
//
// `token` is an async function: an access token, or null when nobody is signed in. The events are
// those of docs/realtime.md, with `state` and `room:refused`.

const ANSWER_WITHIN = 10_000;
// After a restart thousands stand in line at the door.
const READY_WITHIN = 25_000;
const [FIRST_WAIT, LONGEST_WAIT, FLOOD_WAIT] = [1_000, 30_000, 15_000];
// A connection that ends sooner was none: the back-off goes on where it was.
const STEADY_AFTER = 10_000;
const BEATS_UNHEARD = 2.5;
const MOST_WAITING = 100;
const [RESTARTING, NOT_AUTHENTICATED, FLOODING] = [1012, 4401, 4429];
// Binary frames, origin, path, "a newer connection took your place", an operator's wish, too big:
// trying the same again would end the same, or take turns with the newer connection for ever.
const FINAL = new Set([1003, 4403, 4404, 4409, 4410, 4413]);
// Refusals that are about the moment and not about what was asked.
const PASSING = new Set(["unavailable", "room_busy", "flooding", "rate_limited"]);

export class RallypointError extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

export class Rallypoint extends EventTarget {
  #options;
  #kept; // the token in use: a thousand pages that reconnect need not ask for theirs again
  #socket = null;
  #turn = 0; // of the attempt or connection that counts; what an earlier one still brings is dropped
  #rooms = new Map(); // by slug: { seq, joined, outbox, isSending }
  #asked = new Map(); // by ref: { resolve, reject, timer }
  #refs = 0;
  #attempt = 0; // of connecting; the back-off grows with it
  #refusals = 0; // of tokens, one after the other
  #heardAt = 0;
  #readyAt = Infinity; // while there is no connection
  #backInMs = 0;
  #timer;
  #heartbeat;
  state = "closed"; // or "connecting", "open", "waiting"

  constructor({ url, token }) {
    super();
    this.#options = { url, token };
  }

  on(event, handler) {
    const listener = ({ detail }) => handler(detail);
    this.addEventListener(event, listener);
    return () => this.removeEventListener(event, listener);
  }

  // Also: try again now, and not when the back-off is over.
  connect() {
    if (this.state === "waiting") return this.#onOnline();
    if (this.state !== "closed") return;
    globalThis.addEventListener("online", this.#onOnline);
    globalThis.addEventListener("offline", this.#onOffline);
    this.#attempt = this.#refusals = 0;
    this.#open();
  }

  close = () => this.#end(); // what waits in the outboxes is sent after the next connect()

  // `after`: the newest number that the page has already.
  join(slug, { after = null } = {}) {
    if (this.#rooms.has(slug)) return;
    this.#rooms.set(slug, { seq: after, joined: false, outbox: [], isSending: false });
    this.#enter(slug);
  }

  leave(slug) {
    if (this.state === "open") this.request("leave:room", { room: slug }).catch(() => {});
    this.#giveUp(slug, "You have left this room.");
  }

  // Once it is stored: { seq, id, at }. Over any number of connections; a RallypointError only when
  // the server refuses it for good.
  async send(slug, body) {
    const room = this.#rooms.get(slug);
    if (!room) throw new RallypointError("not_in_room", "Join the room first.");
    if (room.outbox.length >= MOST_WAITING) throw new RallypointError("outbox_full", "Too much is waiting to be sent.");
    return new Promise((resolve, reject) => {
      room.outbox.push({ body, clientId: newId(), resolve, reject });
      this.#sendWaiting(slug, room);
    });
  }

  // Any frame of docs/realtime.md; gives the data of its ack. Not sent again by itself: who asks
  // decides what to do about "disconnected" and "timeout".
  async request(event, data) {
    if (this.state !== "open") throw new RallypointError("disconnected", "There is no connection.");
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      const late = { code: "timeout", detail: "No answer came in time." };
      const timer = setTimeout(() => this.#answer(ref, "error", late), ANSWER_WITHIN);
      this.#asked.set(ref, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ event, ref, data }));
    });
  }

  // --- Connecting ------------------------------------------------------------------------------
  async #open() {
    const turn = ++this.#turn;
    this.#timer = setTimeout(() => this.#drop(), READY_WITHIN);
    this.#tell("connecting");
    const token = await this.#tokenNow();
    // While it was on its way we may have been closed, or the network may have gone and come, with
    // an attempt of its own: this one must not open a second socket then.
    if (turn !== this.#turn) return;
    if (token === undefined) return this.#drop();
    if (token === null) return this.#end(NOT_AUTHENTICATED, "signed_out");
    const socket = new WebSocket(this.#options.url, ["rallypoint.v1", `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  // undefined when it could not be asked for.
  #tokenNow = async () => (this.#kept ??= await this.#options.token().catch(() => undefined));

  #ready({ heartbeatMs }) {
    clearTimeout(this.#timer);
    this.#refusals = 0;
    this.#readyAt = Date.now();
    this.#heartbeat = setInterval(() => this.#beat(heartbeatMs), heartbeatMs);
    this.#tell("open");
    for (const slug of this.#rooms.keys()) this.#enter(slug);
  }

  // A dead network says nothing at all: no close, no error. Silence is the only sign. After a
  // laptop's sleep the first beat finds a silence of hours.
  #beat(heartbeatMs) {
    if (Date.now() - this.#heardAt > BEATS_UNHEARD * heartbeatMs) this.#drop();
    else this.#socket.send(JSON.stringify({ event: "ping" }));
  }

  #closed(code, reason) {
    if (code === NOT_AUTHENTICATED) {
      this.#kept = undefined;
      // An old token is refused once. When the new one is refused as well, it is the person.
      return ++this.#refusals > 1 ? this.#end(code, reason) : this.#drop(0);
    }
    if (FINAL.has(code)) return this.#end(code, reason);
    this.#drop({ [RESTARTING]: this.#backInMs, [FLOODING]: FLOOD_WAIT }[code]);
  }

  // Not waiting for its close event, which on a dead network takes minutes. Full jitter: of a crowd
  // that lost its server at one moment, no two come back together.
  #drop(ms) {
    this.#forget();
    const wait = ms ?? Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempt++);
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#tell("waiting", { inMs: Math.round(wait) });
  }

  #forget() {
    this.#turn++;
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    if (Date.now() - this.#readyAt > STEADY_AFTER) this.#attempt = 0;
    this.#readyAt = Infinity;
    if (this.#socket) this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket?.close();
    this.#socket = null;
    this.state = "waiting";
    for (const room of this.#rooms.values()) room.joined = false;
    const lost = { code: "disconnected", detail: "The connection was lost." };
    for (const ref of [...this.#asked.keys()]) this.#answer(ref, "error", lost);
  }

  #end(code, reason) {
    this.#forget();
    globalThis.removeEventListener("online", this.#onOnline);
    globalThis.removeEventListener("offline", this.#onOffline);
    this.#tell("closed", { code, reason });
  }

  // Browsers keep a WebSocket open without a network, and say "offline" where there is one: so it
  // ends the connection, and does not end the trying.
  #onOffline = () => this.#drop();
  #onOnline = () => {
    if (this.state === "open") return;
    this.#attempt = 0;
    this.#forget();
    this.#open();
  };

  // --- Frames ----------------------------------------------------------------------------------
  #hear({ event, ref, data }) {
    this.#heardAt = Date.now();
    if (this.#asked.has(ref)) return this.#answer(ref, event, data);
    if (event === "room:joined") return this.#joined(data);
    if (event === "message:received" && !this.#isNew(data)) return;
    if (event === "ready") this.#ready(data);
    if (event === "auth:expiring") this.#renew();
    if (event === "server:draining") this.#backInMs = data.reconnectAfterMs;
    // Without a reason it answers our own wish, after which we may have joined again.
    if (event === "room:left" && data.reason) this.#giveUp(data.room, "You are not in this room any more.");
    this.#emit(event, data);
  }

  #answer(ref, event, data = {}) {
    const { resolve, reject, timer } = this.#asked.get(ref);
    clearTimeout(timer);
    this.#asked.delete(ref);
    event === "error" ? reject(new RallypointError(data.code, data.detail)) : resolve(data);
  }

  async #renew() {
    this.#kept = undefined;
    const token = await this.#tokenNow();
    // Without one the server closes with 4401, and that asks again.
    if (token) this.request("auth:refresh", { token }).catch(() => {});
  }

  #emit = (event, detail) => this.dispatchEvent(new CustomEvent(event, { detail }));
  #tell = (state, more) => this.#emit("state", { state: (this.state = state), ...more });

  // --- Rooms -----------------------------------------------------------------------------------
  async #enter(slug) {
    const room = this.#rooms.get(slug);
    if (!room || room.joined || this.state !== "open") return;
    try {
      await this.request("join:room", { room: slug, ...(room.seq !== null && { after: room.seq }) });
    } catch (error) {
      if (error.code === "disconnected") return; // the next connection enters
      if (error.code === "timeout") return this.#drop();
      if (PASSING.has(error.code)) return setTimeout(() => this.#enter(slug), soon());
      this.#giveUp(slug, error.message);
      this.#emit("room:refused", { room: slug, code: error.code, detail: error.message });
    }
  }

  // What is said while we are told what was, the server holds back until after this frame: so
  // nothing can be between `messages` and the next message:received.
  #joined(data) {
    const room = this.#rooms.get(data.room);
    if (!room) return; // left again before the answer came
    // Those that it lacked; or else the newest, which replace what the page had.
    const messages = data.recovered ? data.messages.filter(({ seq }) => seq > room.seq) : data.messages;
    room.seq = data.seq;
    room.joined = true;
    this.#emit("room:joined", { ...data, messages });
    this.#sendWaiting(data.room, room);
  }

  #isNew({ room: slug, seq }) {
    const room = this.#rooms.get(slug);
    const isNew = room !== undefined && seq > room.seq;
    if (isNew) room.seq = seq;
    return isNew;
  }

  // One at a time: were the next one under way already when this one is refused for a moment, it
  // would be stored before it. A message that saw no ack stays the first, under the same clientId:
  // if it was stored before the connection broke, the server answers with the number it has.
  async #sendWaiting(slug, room) {
    if (room.isSending) return;
    room.isSending = true;
    while (room.joined && room.outbox.length) {
      const [message] = room.outbox;
      const { body, clientId, resolve, reject } = message;
      try {
        resolve(await this.request("message:send", { room: slug, body, clientId }));
      } catch (error) {
        if (error.code === "timeout") this.#drop();
        if (!room.joined) break; // it stays, for the next connection
        if (PASSING.has(error.code)) {
          await new Promise((wake) => setTimeout(wake, soon()));
          continue;
        }
        reject(error);
      }
      // Not when leaving the room has emptied it meanwhile.
      if (room.outbox[0] === message) room.outbox.shift();
    }
    room.isSending = false;
  }

  #giveUp(slug, why) {
    const room = this.#rooms.get(slug);
    if (!room || !this.#rooms.delete(slug)) return;
    room.joined = false;
    for (const { reject } of room.outbox.splice(0)) reject(new RallypointError("not_in_room", why));
  }
}

const soon = () => 500 + Math.random() * 1_000;
// crypto.randomUUID is there on https only.
const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
