// A room's page made live: rallypoint.js talks to the server, the parts here show what it says.
// The server has drawn the newest messages, so that the page says something without any of this.

// The version in our own address: after an upgrade, old parts never meet new ones.
const version = new URL(import.meta.url).search;
const load = (part) => import(`./${part}.js${version}`);
const [
  { Rallypoint }, { Timeline }, { People }, { Banner }, { Composer, editInPlace }, { Typists }, { QuestNews, Challenge },
] = await Promise.all(["rallypoint", "timeline", "people", "banner", "composer", "typists", "quests"].map(load));

const HISTORY_PAGE = 50;
const MOST_ASKED = 200;
const READ_AFTER_MS = 300;

const GONE = {
  kicked: "You were taken out of this room.",
  banned: "You are banned from this room.",
  closed: "This room is closed.",
  left: "You have left this room.",
  room_not_found: "You are not in this room.",
};

const $ = (id) => document.getElementById(id);
const page = $("main");
const log = $("log");
const { room, user: myId, username, tokenUrl, csrfCookie } = page.dataset;
const firstSeq = Number(page.dataset.firstSeq);
let readSeq = Number(page.dataset.readSeq);

function csrf() {
  const cookie = document.cookie.split("; ").find((one) => one.startsWith(`${csrfCookie}=`));
  return cookie?.slice(csrfCookie.length + 1) ?? "";
}

async function token() {
  const headers = { "X-CSRFToken": csrf() };
  const answer = await fetch(tokenUrl, { method: "POST", headers });
  if ([401, 403].includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
}

const socketUrl = new URL("/ws/", location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
const client = new Rallypoint({ url: socketUrl.href, token });

const me = { id: myId, username };
const timeline = new Timeline({ log, list: $("messages"), template: $("message-template"), me });
const people = new People({
  list: $("people-list"),
  count: $("present"),
  badge: $("toggle-present"),
  more: $("people-more"),
  ask: () => client.request("presence:list", { room }),
});
const banner = new Banner({
  element: $("banner"),
  signIn: `/login?next=${encodeURIComponent(location.pathname)}`,
  onNow: () => client.connect(),
});
const typists = new Typists($("typing"), myId);
const composer = new Composer({
  client, room, timeline, form: $("composer"), pending: $("pending"), template: $("pending-template"),
});

// --- Messages ------------------------------------------------------------------------------------
let unseen = 0;
let leftAt = null; // the newest number when she looked away

function receive(message) {
  const isMine = message.from?.id === myId;
  const wasAtBottom = timeline.isAtBottom;
  if (isMine) composer.heard(message);
  else typists.stop(message.from?.id);
  $("empty").hidden = true;
  timeline.append(message);
  if (isMine) return read();
  if (document.hidden && leftAt !== null) {
    timeline.divide(leftAt);
    leftAt = null;
  }
  if (!wasAtBottom) unseen++;
  showJump();
  read();
}

client.on("message:received", (message) => message.room === room && receive(message));
client.on("message:edited", (change) => change.room === room && timeline.update(change));
client.on("message:deleted", (change) => change.room === room && timeline.update(change));

client.on("room:joined", ({ recovered, seq, messages, role, presence, degraded }) => {
  timeline.canModerate = role === "owner" || role === "moderator";
  if (recovered) {
    messages.forEach(receive);
    timeline.redraw();
    lookAgain();
  } else {
    for (const message of messages) if (message.from?.id === myId) composer.heard(message);
    timeline.replace(messages);
    timeline.divide(readSeq);
    showEdges();
  }
  $("empty").hidden = seq > 0;
  if (presence) people.show(presence);
  $("degraded").hidden = !degraded;
  if ($("leave")) $("leave").hidden = role === "owner";
  if (myStatus) setStatus();
  else showOwnStatus();
  read();
});

// Numbers tell what was said in the meantime, not what was edited or deleted.
async function lookAgain() {
  if (!timeline.size) return;
  const limit = Math.min(timeline.size, MOST_ASKED);
  const { messages } = await client.request("history:get", { room, limit }).catch(() => ({ messages: [] }));
  for (const message of messages) timeline.update(message);
}

// --- What is older, what is new -------------------------------------------------------------------
let isLoading = false;
const edge = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && loadOlder(), {
  root: log,
  rootMargin: "400px 0px 0px 0px",
});

async function loadOlder() {
  if (isLoading || client.state !== "open" || !timeline.size) return;
  isLoading = true;
  try {
    const asked = { room, before: timeline.oldest, limit: HISTORY_PAGE };
    const { messages } = await client.request("history:get", asked);
    timeline.prepend(messages);
    showEdges(messages.length === 0);
  } catch {
    // Scrolling, or the next connection, tries again.
  }
  isLoading = false;
}

// An edge that is still in sight is not told of again: so it is looked at anew.
function showEdges(isEmpty = false) {
  const isAll = isEmpty || timeline.oldest <= firstSeq;
  if (isAll && $("older").contains(document.activeElement)) log.focus(); // What hides loses it.
  $("older").hidden = isAll;
  $("beginning").hidden = !isAll || !timeline.size;
  edge.disconnect();
  if (!isAll) edge.observe($("older"));
}

function showJump() {
  if (timeline.isAtBottom) unseen = 0;
  $("jump").hidden = timeline.isAtBottom;
  $("jump").textContent = unseen ? `${unseen} new ↓` : "Newest ↓";
}

let reading = null;
function read() {
  reading ??= setTimeout(() => {
    reading = null;
    const seq = timeline.newest;
    const sees = !document.hidden && timeline.isAtBottom && client.state === "open";
    if (!sees || seq <= readSeq) return;
    const before = readSeq;
    readSeq = seq;
    client.request("receipt:read", { room, seq }).then(
      () => { page.dataset.read = seq; },
      () => { readSeq = before; },
    );
  }, READ_AFTER_MS);
}

$("older").addEventListener("click", (event) => {
  event.preventDefault();
  loadOlder();
});
$("jump").addEventListener("click", () => {
  timeline.toNewest();
  showJump();
});
log.addEventListener("scroll", () => { showJump(); read(); }, { passive: true });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) leftAt = timeline.newest;
  else read();
});
composer.onSaid = () => timeline.divide(null);

// --- Changing what was said -----------------------------------------------------------------------
$("messages").addEventListener("click", ({ target }) => {
  const deed = target.closest("[data-do]")?.dataset.do;
  const message = deed && timeline.message(target);
  if (deed === "edit" && message) edit(target.closest(".say"), message);
  if (deed === "delete" && message) askToDelete(message);
});

function edit(element, message) {
  const save = (body) => client.request("message:edit", { room, seq: message.seq, body });
  timeline.keepView(() => editInPlace({ element, message, template: $("edit-template"), save }));
}

function askToDelete({ seq }) {
  const dialog = $("ask-delete");
  dialog.returnValue = "";
  dialog.showModal();
  dialog.onclose = () => {
    if (dialog.returnValue !== "delete") return;
    client.request("message:delete", { room, seq }).catch(({ message }) => timeline.warn(seq, message));
  };
}

// --- People --------------------------------------------------------------------------------------
client.on("presence:updated", (change) => change.room === room && people.update(change));
client.on("presence:summary", (summary) => summary.room === room && people.summarise(summary));
client.on("typing:started", ({ room: where, user }) => where === room && typists.start(user));
client.on("typing:stopped", ({ room: where, user }) => where === room && typists.stop(user.id));

let myStatus = null; // chosen on this page; a new connection has to be told again
async function setStatus() {
  const { status, note } = $("own-status").elements;
  myStatus = { status: status.value, note: note.value.trim() };
  const error = $("status-error");
  try {
    await client.request("presence:update", myStatus);
    error.hidden = true;
  } catch (refusal) {
    if (refusal.code === "disconnected") return; // told after the next join
    error.textContent = refusal.message;
    error.hidden = false;
  }
}

// As chosen on another page of hers.
function showOwnStatus() {
  const { status, note } = people.statusOf(myId);
  if (!status) return;
  $("status").value = status;
  $("note").value = note;
}

$("own-status").addEventListener("change", setStatus);
$("own-status").addEventListener("submit", (event) => { event.preventDefault(); setStatus(); });
$("toggle-people").addEventListener("click", ({ currentTarget }) => {
  const isShown = $("people").classList.toggle("is-shown");
  currentTarget.setAttribute("aria-expanded", String(isShown));
});

// --- Quests --------------------------------------------------------------------------------------
const news = new QuestNews({ list: $("quest-news"), room });
const challenge = new Challenge({ form: $("challenge"), result: $("challenge-result"), csrf });
for (const event of QuestNews.events) client.on(event, (data) => news.hear(event, data));
client.on("quest:challenge", (asked) => challenge.hear(asked));

// --- The connection ------------------------------------------------------------------------------
client.on("state", (state) => {
  page.dataset.state = state.state;
  banner.show(state);
  composer.noteConnection(state.state === "open");
  if (state.state !== "open") typists.clear();
});
// Somebody else has signed in here meanwhile: what was typed is not hers to say.
client.on("ready", ({ userId }) => {
  if (userId === myId) return;
  client.close();
  location.reload();
});
client.on("server:degraded", ({ degraded }) => {
  $("degraded").hidden = !degraded;
  if (!degraded) lookAgain(); // what was edited or deleted meanwhile, nobody was told
});
client.on("room:left", ({ room: where, reason }) => where === room && close(GONE[reason] ?? GONE.room_not_found));
client.on("room:refused", ({ room: where, code, detail }) => where === room && close(GONE[code] ?? detail));

function close(text) {
  $("composer").hidden = true;
  $("closed").textContent = text;
  $("closed").hidden = false;
  page.dataset.closed = "";
  client.close();
}

for (const hidden of ["own-status", "toggle-people"]) $(hidden).hidden = false;
timeline.divide(readSeq);
showEdges();
// A page of older messages says nothing of what is new: the server's newest will replace it.
const { newest } = page.dataset;
client.join(room, { after: newest === undefined ? null : Number(newest) });
client.connect();
