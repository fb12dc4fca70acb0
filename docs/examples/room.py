"""A room over the socket: coming in, saying something, hearing it. Needs websockets."""

import asyncio
import json
import os
import uuid

import websockets

RALLYPOINT = os.environ.get("RALLYPOINT", "http://127.0.0.1:8000")
ROOM = os.environ.get("ROOM", "lobby")


async def main():
    # The token comes beside the handshake, because browsers can send no other header.
    spoken = ["rallypoint.v1", f"bearer.{os.environ['TOKEN']}"]
    address = RALLYPOINT.replace("http", "ws", 1) + "/ws/"
    async with websockets.connect(address, subprotocols=spoken) as socket:

        async def say(event, data, ref=None):
            await socket.send(json.dumps({"event": event, "ref": ref, "data": data}))

        await say("join:room", {"room": ROOM}, ref="1")  # "after": 41 would bring what was missed
        async for text in socket:
            frame = json.loads(text)
            if frame["event"] == "room:joined":
                # The same clientId again is the same message: after a cut, send it again.
                hello = {"room": ROOM, "body": "Hello from Python", "clientId": uuid.uuid4().hex}
                await say("message:send", hello, ref="2")
            elif frame["event"] == "message:received":
                sender = frame["data"]["from"] or {"username": "somebody"}
                print(f"{frame['data']['seq']} {sender['username']}: {frame['data']['body']}")
                return
            elif frame["event"] == "error":
                raise SystemExit(f"{frame['data']['code']}: {frame['data']['detail']}")


asyncio.run(main())
