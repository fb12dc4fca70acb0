// The usual short-link service: Express and Redis, each command awaited before the redirect.
// It keeps what such services keep of a click: a total, the visitors, the day's count, a log.
import express from "express";
import Redis from "ioredis";

const DAY_SECONDS = 90 * 86_400;
const redis = new Redis(process.env.REDIS_URL);
const app = express();

app.get("/ping", (request, response) => response.send("pong"));

app.get("/:slug", async (request, response) => {
  const { slug } = request.params;
  const stored = await redis.get(`link:${slug}`);
  if (stored === null) return response.status(404).json({ error: "Not found" });
  const link = JSON.parse(stored);
  const now = new Date().toISOString();
  const daily = `clicks:${slug}:${now.slice(0, 10)}`;
  await redis.incr(`clicks:${slug}`);
  await redis.sadd(`visitors:${slug}`, request.ip);
  await redis.incr(daily);
  await redis.expire(daily, DAY_SECONDS);
  await redis.lpush(`log:${slug}`, JSON.stringify({
    at: now,
    ip: request.ip,
    agent: request.get("user-agent"),
    referrer: request.get("referer"),
    language: request.get("accept-language"),
  }));
  response.redirect(302, link.url);
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1");

process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  redis.disconnect();
});
