// The operators' live figures: asks every few seconds, draws with the Chart.js that unfold brings.

const EVERY_MS = 5_000;
const WINDOW_SECONDS = 15;
const POINTS = 60;
const COLOURS = ["#0f766e", "#b45309", "#b91c1c", "#1d4ed8"];
const SECTIONS = ["machine", "workers", "pools", "queues", "breakers", "cache", "shedding", "limits", "rooms"];

// Of each chart, its lines and where their values stand in the answer.
const CHARTS = {
  requests: { "a second": (found) => found.requests.rate, "5xx a second": (found) => found.requests.rate * found.requests.errorRate },
  latency: { p50: (found) => found.requests.p50, p95: (found) => found.requests.p95, p99: (found) => found.requests.p99 },
  loop: { p50: (found) => found.eventLoop.p50, p99: (found) => found.eventLoop.p99 },
  database: { p95: (found) => found.database.p95, "queries a second": (found) => found.database.queryRate },
  memory: { "GiB used": (found) => measured(found.machine, "memory_used") / 2 ** 30, "GiB of workers": (found) => total(found.workers, "memory_bytes") / 2 ** 30 },
  queues: { tasks: (found) => named(found.queues, "rallypoint_task_queue"), "clicks, s": (found) => measured(found.queues, "lag_seconds") },
};

const root = document.querySelector("#operations");
const part = (name) => root.querySelector(`#op-${name}`);

const measured = (series, measure) => series.find((one) => one.labels.measure === measure)?.value ?? null;
const named = (series, name) => series.find((one) => one.name === name)?.value ?? null;
const total = (series, measure) =>
  series.filter((one) => one.labels.measure === measure).reduce((sum, one) => sum + one.value, 0);
const number = (value) => (value === null ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 }));

const charts = Object.entries(CHARTS).map(([name, lines]) => {
  const canvas = root.querySelector(`canvas[data-chart="${name}"]`);
  const datasets = Object.keys(lines).map((label, place) => ({
    label, data: [], borderColor: COLOURS[place], borderWidth: 2, pointRadius: 0, tension: 0.2,
  }));
  const options = {
    animation: false, maintainAspectRatio: false,
    scales: { y: { beginAtZero: true }, x: { ticks: { maxTicksLimit: 5 } } },
  };
  const chart = new globalThis.Chart(canvas, { type: "line", data: { labels: [], datasets }, options });
  return { chart, read: Object.values(lines) };
});

function element(name, text, state) {
  const made = document.createElement(name);
  made.textContent = text;
  if (state) made.dataset.state = state;
  return made;
}

function plot(found) {
  const now = new Date().toLocaleTimeString("en-GB");
  for (const { chart, read } of charts) {
    chart.data.labels.push(now);
    chart.data.datasets.forEach((line, place) => line.data.push(read[place](found)));
    if (chart.data.labels.length > POINTS) {
      chart.data.labels.shift();
      for (const line of chart.data.datasets) line.data.shift();
    }
    chart.update();
  }
}

function list(found) {
  part("routes").replaceChildren(
    ...found.routes.slice(0, 20).map((route) => {
      const row = document.createElement("tr");
      const cells = [route.rate, route.p50, route.p95, route.p99].map(number);
      const failed = `${(route.errorRate * 100).toFixed(2)} %`;
      row.append(...[`${route.method} ${route.route}`, ...cells, failed].map((text) => element("td", text)));
      return row;
    }),
  );
  part("advice").replaceChildren(
    ...found.recommendations.map((one) =>
      element("li", `${one.subject}: ${number(one.measurement)} ${one.unit} (threshold ${one.threshold}). ${one.advice}`),
    ),
  );
  part("series").replaceChildren(
    ...SECTIONS.flatMap((section) => found[section]).flatMap((one) => [
      element("dt", [one.name.replace("rallypoint_", ""), ...Object.values(one.labels)].join(" ")),
      element("dd", one.rate === undefined ? number(one.value) : `${number(one.rate)} a second`),
    ]),
  );
}

function tell(health) {
  part("status").textContent = `${health.status}, version ${health.version}`;
  part("status").dataset.state = health.status;
  part("checks").replaceChildren(
    ...Object.entries(health.checks).map(([name, found]) => element("li", `${name} ${found.status}`, found.status)),
  );
}

async function get(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10_000) });
  if (!answer.ok && answer.status !== 503) throw new Error(`${address} answers ${answer.status}`);
  return answer.json();
}

async function look() {
  try {
    // Without cookies the answer comes from in front of the application, whatever is away behind it.
    const health = await fetch(root.dataset.health, { credentials: "omit", signal: AbortSignal.timeout(5_000) });
    tell(await health.json());
    const found = await get(`${root.dataset.performance}?window=${WINDOW_SECONDS}`);
    if (!found.requests) throw new Error(found.detail);
    plot(found);
    list(found);
    part("note").textContent = `over ${number(found.window)} s, at ${new Date().toLocaleTimeString("en-GB")}`;
  } catch (error) {
    part("note").textContent = error.message;
  }
}

async function watch() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

watch();
