// The usual cached answer: Express and Redis in front of PostgreSQL, for ten seconds.
import express from "express";
import Redis from "ioredis";
import pg from "pg";

const KEPT_SECONDS = 10;
const redis = new Redis(process.env.REDIS_URL);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 });
const app = express();

app.get("/ping", (request, response) => response.send("pong"));

app.get("/api/quests", async (request, response) => {
  const key = `answer:${request.originalUrl}`;
  const kept = await redis.get(key);
  if (kept !== null) return response.set("X-Cache", "HIT").type("json").send(kept);
  const { rows } = await pool.query(
    `SELECT number AS id, title, description, xp_reward AS "xpReward", category,
       estimated_time AS "estimatedTime", status, NULL AS season, starts_at AS "startsAt",
       ends_at AS "endsAt", quota, recurrence AS repeats
     FROM quests_quest WHERE status IN ('published', 'closed') ORDER BY number LIMIT 50`);
  const answer = JSON.stringify({ next: null, previous: null, results: rows });
  await redis.set(key, answer, "EX", KEPT_SECONDS);
  response.set("X-Cache", "MISS").type("json").send(answer);
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1");

process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  redis.disconnect();
  pool.end();
});
