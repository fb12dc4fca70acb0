// A room over the socket: coming in, saying something, hearing it. Needs Node 22 or newer, or a page.
// On pages rather take /static/realtime/rallypoint.js: it comes back by itself and loses nothing.
const { RALLYPOINT = "http://127.0.0.1:8000", TOKEN, ROOM = "lobby" } = process.env;

// The token comes beside the handshake, because browsers can send no other header.
const socket = new WebSocket(`${RALLYPOINT.replace("http", "ws")}/ws/`, ["rallypoint.v1", `bearer.${TOKEN}`]);
const say = (event, data, ref) => socket.send(JSON.stringify({ event, ref, data }));

socket.addEventListener("open", () => say("join:room", { room: ROOM }, "1")); // `after: 41` brings what was missed
socket.addEventListener("message", ({ data: text }) => {
  const { event, data } = JSON.parse(text);
  if (event === "room:joined") {
    // The same clientId again is the same message: after a cut, send it again.
    say("message:send", { room: ROOM, body: "Hello from JavaScript", clientId: crypto.randomUUID() }, "2");
  } else if (event === "message:received") {
    console.log(`${data.seq} ${data.from?.username ?? "somebody"}: ${data.body}`);
    socket.close();
  } else if (event === "error") {
    console.error(`${data.code}: ${data.detail}`);
    socket.close();
  }
});
socket.addEventListener("close", ({ code }) => console.log("Closed with", code));
