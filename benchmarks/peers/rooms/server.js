// The usual chat: Socket.IO, jsonwebtoken and node-postgres, with its in-memory adapter, which
// encodes a frame once for all. It does what Rallypoint's socket does: who it is, rooms, typing,
// and messages under numbers without gaps, each committed before its ack.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import pg from "pg";
import { Server } from "socket.io";

const MOST_CHARACTERS = 4_000;
const { secret, issuer, signIn, enter, store, known } = JSON.parse(
  readFileSync(process.env.STATEMENTS, "utf8"));
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL_MAX),
  statement_timeout: 5_000,
});
const http = createServer((request, response) => response.end("pong"));
const io = new Server(http, {
  transports: ["websocket"], perMessageDeflate: false, serveClient: false,
});

io.use(async (socket, next) => {
  const person = await personOf(socket.handshake.auth.token);
  if (!person) return next(new Error("token_invalid"));
  socket.data = { person, user: { id: person.public_id, username: person.username }, ids: new Map() };
  next();
});

io.on("connection", (socket) => {
  const { person, user, ids } = socket.data;

  socket.on("join:room", async ({ room }) => {
    const { rows: [found] } = await pool.query(
      { name: "enter", text: enter, values: [room, person.user_id] });
    if (!found) return socket.emit("error", { code: "room_not_found" });
    ids.set(room, found.id);
    socket.join(room);
    socket.emit("room:joined", { room, seq: Number(found.last_seq) });
  });

  for (const [asked, told] of [["typing:start", "typing:started"], ["typing:stop", "typing:stopped"]]) {
    socket.on(asked, ({ room }) => {
      if (socket.rooms.has(room)) io.to(room).emit(told, { room, user });
    });
  }

  socket.on("message:send", async ({ room, body, clientId }, ack) => {
    if (!socket.rooms.has(room)) return ack({ code: "not_in_room" });
    if (typeof body !== "string" || !body.trim() || body.length > MOST_CHARACTERS) {
      return ack({ code: "frame_invalid" });
    }
    const stored = await storedAs(ids.get(room), person.user_id, body, clientId);
    if (!stored) return ack({ code: "not_a_member" });
    const { seq, public_id: id, created_at: at } = stored;
    if (stored.isNew) {
      io.to(room).emit("message:received", { room, seq: Number(seq), id, from: user, body, at });
    }
    ack({ seq: Number(seq), id, at });
  });
});

// One statement, so one transaction and one round trip: it locks the room's row by taking the next
// number. What was sent before breaks a constraint, which gives the number back.
async function storedAs(room, sender, body, clientId) {
  const values = [room, sender, randomUUID(), clientId, body];
  try {
    const { rows: [made] } = await pool.query({ name: "store", text: store, values });
    return made && { ...made, isNew: true };
  } catch (error) {
    if (error.constraint !== "message_sent_once") throw error;
    const { rows: [found] } = await pool.query(
      { name: "known", text: known, values: [room, sender, clientId] });
    return found;
  }
}

async function personOf(token) {
  let claims;
  try {
    claims = jwt.verify(token, secret, { algorithms: ["HS256"], issuer });
  } catch {
    return null;
  }
  const { rows: [family] } = await pool.query({ name: "sign-in", text: signIn, values: [claims.fam] });
  return family && !family.revoked_at && family.is_active ? family : null;
}

http.listen(Number(process.env.PORT), "127.0.0.1");

process.on("SIGTERM", () => {
  io.close();
  pool.end();
});
