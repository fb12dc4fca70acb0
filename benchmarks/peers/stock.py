"""A chat as Channels' own tutorial has it, with the Redis layer that its documentation recommends:
on the same server with the same settings. Who it is, is asked once, as Rallypoint asks it."""

import os
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [settings.REDIS_URL]},
    }
}
django.setup()

from channels.db import database_sync_to_async  # noqa: E402 - after the set-up
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 - after the set-up
from channels.routing import ProtocolTypeRouter  # noqa: E402

from accounts.selectors import find_family  # noqa: E402

_TOLD = {"typing:start": "typing:started", "typing:stop": "typing:stopped"}


class Talk(AsyncJsonWebsocketConsumer):
    rooms: set[str]

    async def connect(self) -> None:
        self.rooms = set()
        token = next(item[7:] for item in self.scope["subprotocols"] if item.startswith("bearer."))
        user = (await database_sync_to_async(find_family)(access_token=token)).user
        self.user = {"id": str(user.public_id), "username": user.username}
        await self.accept("rallypoint.v1")
        await self.send_json({"event": "ready", "data": self.user})

    async def disconnect(self, _: int) -> None:
        for room in self.rooms:
            await self.channel_layer.group_discard(room, self.channel_name)

    async def receive_json(self, content: dict[str, Any]) -> None:
        event, room = content["event"], content["data"]["room"]
        if event == "join:room":
            await self.channel_layer.group_add(room, self.channel_name)
            self.rooms.add(room)
            await self.send_json({"event": "room:joined", "data": {"room": room}})
        elif room in self.rooms:
            data = {"room": room, "user": self.user}
            message = {"type": "room.event", "frame": {"event": _TOLD[event], "data": data}}
            await self.channel_layer.group_send(room, message)

    async def room_event(self, message: dict[str, Any]) -> None:
        await self.send_json(message["frame"])


async def pong(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"pong"})


_routed = ProtocolTypeRouter({"http": pong, "websocket": Talk.as_asgi()})


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "lifespan":
        await _routed(scope, receive, send)
        return
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
