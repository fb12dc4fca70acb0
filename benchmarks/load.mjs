// The load generator where wrk is not installed: keep-alive connections on plain sockets, one
// request each at a time, its bytes made beforehand.
// node load.mjs HOST PORT PATH SECONDS CONNECTIONS HEADER... -> the same JSON as report.lua
// With LOAD_TOKENS it asks what complete.lua does.
import { readFileSync } from "node:fs";
import net from "node:net";

const [host, port, path, seconds, connections, ...headers] = process.argv.slice(2);
const { LOAD_TOKENS, LOAD_FIRST } = process.env;
const request = LOAD_TOKENS ? completions(LOAD_TOKENS, Number(LOAD_FIRST)) : always(path);
const micros = [];
let errors = 0;
let running = true;
let open = Number(connections);

function always(target) {
  const bytes = Buffer.from(
    [`GET ${target} HTTP/1.1`, `Host: ${host}:${port}`, ...headers, "", ""].join("\r\n"));
  return () => bytes;
}

function completions(file, first) {
  const tokens = readFileSync(file, "utf8").trim().split("\n");
  let number = first;
  return () => {
    const quest = Math.floor(number / tokens.length) + 1;
    const token = tokens[number % tokens.length];
    number += 1;
    return `POST /api/progress/complete/${quest} HTTP/1.1\r\nHost: ${host}:${port}\r\n`
      + `Authorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`;
  };
}

function begin() {
  const socket = net.connect(Number(port), host);
  socket.setNoDelay(true);
  let sent = 0n;
  let received = "";
  const ask = () => {
    if (!running) return socket.end();
    sent = process.hrtime.bigint();
    socket.write(request());
  };
  socket.on("connect", ask);
  socket.on("data", (data) => {
    received += data.toString("latin1");
    if (!isComplete(received)) return;
    micros.push(Number(process.hrtime.bigint() - sent) / 1000);
    if (received[9] !== "2" && received[9] !== "3") errors += 1;
    received = "";
    ask();
  });
  socket.on("error", () => { errors += 1; });
  socket.on("close", () => { open -= 1; if (open === 0) report(); });
}

function isComplete(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  return text.length >= end + 4 + (length ? Number(length[1]) : 0);
}

const started = process.hrtime.bigint();
let elapsed = 0;

function report() {
  micros.sort((a, b) => a - b);
  const at = (share) => micros[Math.min(micros.length - 1, Math.floor(micros.length * share))] ?? 0;
  console.log(JSON.stringify({
    requests: micros.length, seconds: elapsed, errors, p50: at(0.5), p99: at(0.99),
  }));
}

for (let i = 0; i < Number(connections); i += 1) begin();
setTimeout(() => {
  elapsed = Number(process.hrtime.bigint() - started) / 1e9;
  running = false;
}, Number(seconds) * 1000);
