"""What Autobahn's cases are run against: a consumer on our server that says everything back, text
by the same line as rooms do."""

from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from realtime.socket.frames import Frame
from realtime.socket.lines import TRANSPORT, Straight


class Echo(AsyncConsumer):
    channel_layer_alias = "none"

    async def dispatch(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "websocket.connect"}:
                await self.send({"type": "websocket.accept"})
                self.line = Straight(self.scope["extensions"][TRANSPORT], self.send)
            case {"text": str(text)}:
                self.line.write(Frame(text.encode()))
            case {"bytes": bytes(data)}:
                await self.send({"type": "websocket.send", "bytes": data})
            case {"type": "websocket.disconnect"}:
                raise StopConsumer


_echo: Any = Echo.as_asgi()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _echo(scope, receive, send)
        return
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
