// Being told, and by nobody else: a receiver that checks signatures. Needs nothing but Node.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { SECRET, PORT = "8080" } = process.env; // whsec_…, from the answer to POST /api/webhooks
const seen = new Set(); // in real life a table: the same event may come twice

// Over the bytes as they came, before they are parsed.
function isGenuine(headers, body) {
  const timestamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false; // old: a replay, perhaps
  const hmac = createHmac("sha256", Buffer.from(SECRET.replace(/^whsec_/, ""), "base64"));
  hmac.update(`${headers["webhook-id"]}.${timestamp}.`).update(body);
  const expected = Buffer.from("v1," + hmac.digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const genuine = isGenuine(request.headers, body);
  response.writeHead(genuine ? 204 : 401).end();
  if (genuine && !seen.has(request.headers["webhook-id"])) {
    seen.add(request.headers["webhook-id"]);
    const { type, data } = JSON.parse(body);
    console.log(type, JSON.stringify(data));
  }
}).listen(Number(PORT), "127.0.0.1");
