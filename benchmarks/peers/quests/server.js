// The usual quest service: Express, jsonwebtoken and node-postgres. It does what Rallypoint does for
// a completion: the token and its sign-in, then the one statement; SQL and secret come from STATEMENTS.
import { createHash, createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";

const KEPT_MS = 2_000;
const { secret, issuer, hashKey, signIn, quest, complete, badges, values } = JSON.parse(
  readFileSync(process.env.STATEMENTS, "utf8"));
const sessionKey = createHash("sha256").update(hashKey + secret).digest();
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL_MAX),
  statement_timeout: 30_000,
});
const quests = new Map();
const app = express();

app.get("/ping", (request, response) => response.send("pong"));

app.post("/api/progress/complete/:number", async (request, response) => {
  const correlation = request.get("x-correlation-id") ?? randomUUID().replaceAll("-", "");
  response.set("X-Correlation-Id", correlation);
  const player = await callerOf(request);
  if (!player) return response.status(401).json({ code: "token_invalid" });
  const found = await questOf(Number(request.params.number));
  if (!found) return response.status(404).json({ code: "quest_not_found" });
  const now = new Date();
  const publicId = randomUUID();
  const xp = found.xp_reward;
  const given = {
    now, quest: found.id, version: found.version, season: found.season_id, player,
    public_id: publicId, period: "", status: "paid", xp, reason: "", evidence: [],
    category: found.category, number: found.number, amount: xp, completions: 1,
    event: "quest.completed", correlation,
    payload: JSON.stringify({
      completionId: publicId, questNumber: found.number, questName: found.title, xpEarned: xp,
      held: false, completedAt: now.toISOString(),
    }),
  };
  const result = await pool.query({
    name: "complete", text: complete, values: values.map((name) => given[name]), rowMode: "array",
  });
  const [known, completion, , totalXP, achievements] = result.rows[0];
  if (known === "0") return response.status(503).json({ code: "quest_changing" });
  if (completion === null) return response.status(409).json({ code: "quest_already_completed" });
  response.json({
    message: `“${found.title}” completed. +${xp} XP`,
    completionId: publicId,
    status: "paid",
    xpEarned: xp,
    totalXP: Number(totalXP),
    achievements: achievements ? await slugsOf(achievements) : [],
    completedAt: now.toISOString(),
    evidence: [],
  });
});

// The id of who signed in, unless the sign-in has ended or the password was changed since.
async function callerOf(request) {
  const [scheme, token] = (request.get("authorization") ?? "").split(" ");
  if (scheme !== "Bearer") return null;
  let claims;
  try {
    claims = jwt.verify(token, secret, { algorithms: ["HS256"], issuer });
  } catch {
    return null;
  }
  if (claims.token_type !== "access") return null;
  const { rows: [family] } = await pool.query(
    { name: "sign-in", text: signIn, values: [claims.fam] });
  if (!family || family.revoked_at || !family.is_active) return null;
  const hash = createHmac("sha256", sessionKey).update(family.password).digest("hex");
  const same = hash.length === family.session_hash.length
    && timingSafeEqual(Buffer.from(hash), Buffer.from(family.session_hash));
  return same ? family.user_id : null;
}

async function questOf(number) {
  const kept = quests.get(number);
  if (kept && Date.now() < kept.until) return kept.found;
  const { rows: [found] } = await pool.query({ name: "quest", text: quest, values: [number] });
  if (found) quests.set(number, { until: Date.now() + KEPT_MS, found });
  return found;
}

async function slugsOf(ids) {
  const { rows } = await pool.query({ name: "badges", text: badges, values: [ids] });
  return rows.map((row) => row.slug);
}

const server = app.listen(Number(process.env.PORT), "127.0.0.1");

process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  pool.end();
});
