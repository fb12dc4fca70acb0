"""How the rest of the house reaches people who are connected, through Channels' layer: the sockets'
processes are one group, and each knows which of its connections are meant.

What is sent here is not stored: who is not connected does not get it, nor who is while Redis is
away. What must not be lost has a row of its own somewhere.

`send_...` and `broadcast` wait, and say whether it was sent. `post_...` does not wait: what many
post is sent together, in their order. Within a transaction either is for after the commit.
"""

import asyncio
import os
import re
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import ConnectionError as RedisConnectionError

from monitoring.redis_clients import AWAY
from realtime.posts import Post, Posts
from realtime.socket.frames import Frame, encode

log = structlog.get_logger("rallypoint.rooms")

PROCESSES = "processes"
# What the socket and the stream say themselves, and so nobody else: a client must be able to
# believe it. `state` is what our client says of its own connection.
_OURS = frozenset({
    "ack", "auth", "closed", "direct", "error", "history", "join", "leave", "message", "ping",
    "pong", "presence", "ready", "receipt", "room", "server", "state", "typing",
})  # fmt: skip
EVENT = r"^[a-z][a-z-]{0,31}(:[a-z][a-z-]{0,31})?$"
MAX_BYTES = 32 * 1024
_SENT_WITHIN = 1.0


def send_to_user(user_id: str, event: str, data: Any = None) -> bool:
    """To all connections of somebody, by her public id. False while Redis is away. ValueError: see
    `frame_of`."""
    return async_to_sync(tell_user)(str(user_id), frame_of(event, data))


def send_to_room(slug: str, event: str, data: Any = None) -> bool:
    """To everybody who is in the room now; the rest as above."""
    message = {"type": "to.room", "room": slug, "frame": frame_of(event, data).data}
    return async_to_sync(_send)(message)


def broadcast(event: str, data: Any = None) -> bool:
    """To everybody who is connected; the rest as above."""
    return async_to_sync(_send)({"type": "to.all", "frame": frame_of(event, data).data})


def post_to_user(user_id: str, event: str, data: Any = None) -> None:
    """To all connections of somebody, by her public id; from any thread, also one with an event
    loop. ValueError: see `frame_of`."""
    _posts.put({"type": "to.user", "user": str(user_id), "frame": frame_of(event, data).data})


def post_to_room(slug: str, event: str, data: Any = None) -> None:
    """To everybody who is in the room when it arrives; the rest as above."""
    _posts.put({"type": "to.room", "room": slug, "frame": frame_of(event, data).data})


def post_broadcast(event: str, data: Any = None) -> None:
    """To everybody who is connected; the rest as above."""
    _posts.put({"type": "to.all", "frame": frame_of(event, data).data})


def flush_posts(seconds: float = 5.0) -> bool:
    """For commands, which end, and for tests: whether all that was posted is sent, or lost."""
    return _posts.flush(seconds)


def disconnect_user(user_id: str, reason: str = "disconnected") -> bool:
    """Ends her connections; her sign-ins go on. False while Redis is away."""
    return async_to_sync(_send)({"type": "disconnect", "user": str(user_id), "reason": reason})


def frame_of(event: str, data: Any) -> Frame:
    """ValueError for an event that the socket keeps for itself, or that is no event, and for a
    frame of more than MAX_BYTES."""
    if not re.fullmatch(EVENT, event) or event.partition(":")[0] in _OURS:
        raise ValueError("An event is like quest:completed, and not one of the socket's own.")
    frame = encode(event, data)
    if len(frame.data) > MAX_BYTES:
        raise ValueError(f"A frame has at most {MAX_BYTES} bytes.")
    return frame


async def tell_user(user_id: str, frame: Frame, *, unless_in: str = "") -> bool:
    """`unless_in` is a room: connections that are in it have heard."""
    message = {"type": "to.user", "user": user_id, "frame": frame.data, "unless_in": unless_in}
    return await _send(message)


async def _send(message: dict[str, Any]) -> bool:
    try:
        await _tell_processes(message)
    except AWAY as error:
        log.warning("not_sent", kind=message["type"], error=type(error).__name__)
        return False
    return True


async def _tell_processes(message: dict[str, Any]) -> None:
    """Raises what is in AWAY."""
    async with asyncio.timeout(_SENT_WITHIN):
        await get_channel_layer().group_send(PROCESSES, message)


async def _tell_many(posts: list[Post]) -> None:
    """The connection is kept: it may be one to a Redis that was restarted since."""
    message = {"type": "to.many", "posts": posts}
    try:
        await _tell_processes(message)
    except RedisConnectionError:
        await _tell_processes(message)


_posts = Posts(_tell_many)
os.register_at_fork(after_in_child=_posts.forget)
