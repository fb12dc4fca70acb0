// A short link and its statistics. Needs Node 18 or newer, and a key with links:read and links:write.
const { RALLYPOINT = "http://127.0.0.1:8000", KEY } = process.env;

async function api(path, { body, ...options } = {}) {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json", ...options.headers };
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(RALLYPOINT + path, { ...options, headers, signal, body: body && JSON.stringify(body) });
  const data = await answer.json();
  if (!answer.ok) throw new Error(`${data.code}: ${data.detail}`);
  return data;
}

// The key makes it safe to send again: the second answer is the first one.
const link = await api("/api/links", {
  method: "POST",
  headers: { "Idempotency-Key": crypto.randomUUID() },
  body: { url: "https://www.python.org/", title: "Python", tags: ["example"] },
});
console.log("Made", link.shortUrl);

const { totals } = await api(`/api/links/${link.id}/stats?interval=day&groupBy=country&bots=include`);
console.log(`Clicks: ${totals.clicks}, of people: ${totals.humans}`);
