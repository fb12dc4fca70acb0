// Pages that stay up to date. A part says in its attributes what it is about:
//
//   data-live        the socket's events after which it is read anew
//   data-live-where  "questNumber=3": only when the event is about this
//   data-live-src    where it is read, as a piece of HTML
//   data-live-poll   seconds between readings by somebody who has no socket
//
// XP that comes while a page is open is told in a corner of it.

// The version in our own address: after an upgrade, old parts never meet new ones.
const version = new URL(import.meta.url).search;
const load = (part) => import(`./${part}.js${version}`);
const [{ refresh }, { Toasts }] = await Promise.all(["parts", "toasts"].map(load));
const { tokenUrl, csrfCookie } = document.getElementById("live").dataset;
const parts = [...document.querySelectorAll("[data-live]")];
const toasts = new Toasts();

function isAbout({ liveWhere }, data) {
  if (!liveWhere) return true;
  const [name, value] = liveWhere.split("=");
  // The board of all time changes with every other.
  return data?.[name] === undefined || String(data[name]) === value;
}

const waiting = new Set();

// Many at once are one reading, and a page that nobody looks at waits until somebody does.
function readSoon(part) {
  if (waiting.has(part)) return;
  waiting.add(part);
  setTimeout(() => document.hidden || readNow(part), 150);
}

function readNow(part) {
  waiting.delete(part);
  refresh(part).catch(() => {}); // the next event reads it again
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const part of [...waiting]) readNow(part);
});

function hear(event, data) {
  for (const part of parts) {
    if (part.dataset.live.split(" ").includes(event) && isAbout(part.dataset, data)) readSoon(part);
  }
}

async function token() {
  const cookie = document.cookie.split("; ").find((one) => one.startsWith(`${csrfCookie}=`));
  const headers = { "X-CSRFToken": cookie?.slice(csrfCookie.length + 1) ?? "" };
  const answer = await fetch(tokenUrl, { method: "POST", headers });
  if ([401, 403].includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
}

async function listen() {
  const { Rallypoint } = await import(`../realtime/rallypoint.js${version}`);
  const url = new URL("/ws/", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const client = new Rallypoint({ url: url.href, token });
  client.on("quest:completed", (data) => toasts.completed(data));
  client.on("quest:progress", (data) => toasts.progress(data));
  client.on("level:up", ({ level }) => toasts.level(level));
  for (const event of ["quest:completed", "quest:progress", "level:up", "leaderboard:changed", "quest:drop", "xp:changed"]) {
    client.on(event, (data) => hear(event, data));
  }
  // What happened while there was no connection nobody has told us.
  let wasAway = false;
  client.on("state", ({ state }) => {
    document.documentElement.dataset.live = state;
    if (state === "open" && wasAway) parts.forEach(readSoon);
    wasAway = state !== "open" && (wasAway || state === "waiting");
  });
  client.connect();
}

function poll() {
  for (const part of parts.filter((one) => one.dataset.livePoll)) {
    setInterval(() => document.hidden || readSoon(part), part.dataset.livePoll * 1000);
  }
}

tokenUrl ? listen() : poll();

// --- How long until ------------------------------------------------------------------------------
const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

function until(at) {
  let left = Math.max(0, Math.floor((Date.parse(at) - Date.now()) / 1000));
  const said = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count || said.length || unit === "s") said.push(`${count} ${unit}`);
  }
  return said.slice(0, 3).join(" ");
}

const ends = [...document.querySelectorAll("[data-until]")];
const tick = () => ends.forEach((one) => (one.textContent = until(one.dataset.until)));
if (ends.length) setInterval(tick, 1000);
tick();
