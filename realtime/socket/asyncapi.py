"""The AsyncAPI 3 document of the socket, made of the frames themselves."""

from functools import lru_cache
from typing import Any, get_args

import msgspec
from msgspec.inspect import StructType, type_info

from realtime.socket import posted, said
from realtime.socket.frames import SUBPROTOCOL, ClientFrame

_DESCRIPTION = (
    "Rooms over a WebSocket. The token of a sign-in comes beside the handshake (subprotocols "
    f"`{SUBPROTOCOL}, bearer.<token>`) or in the first frame, `auth`. A frame with a `ref` is "
    "answered by an `ack` or an `error` that bears it. Programs of this server may send "
    "others than these events through `/api/realtime`. Where sockets are blocked, `GET "
    "/api/rooms/{slug}/events` gives the same frames of one room as Server-Sent Events."
)


@lru_cache(maxsize=1)
def document(version: str) -> bytes:
    """JSON."""
    heard, told = get_args(ClientFrame), get_args(said.ServerFrame | posted.PostedFrame)
    _, schemas = msgspec.json.schema_components(
        [*heard, *told], ref_template="#/components/schemas/{name}"
    )
    return msgspec.json.encode({
        "asyncapi": "3.0.0",
        "info": {"title": "Rallypoint rooms", "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/ws/",
                "messages": {
                    frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"}
                    for frame in (*heard, *told)
                },
            }
        },
        "operations": {
            **{_event(frame): _operation("receive", frame) for frame in heard},
            **{_event(frame): _operation("send", frame) for frame in told},
        },
        "components": {
            "schemas": schemas,
            "messages": {frame.__name__: _message(frame) for frame in (*heard, *told)},
        },
    })  # fmt: skip


def _event(frame: type[msgspec.Struct]) -> str:
    info = type_info(frame)
    assert isinstance(info, StructType)  # noqa: S101 - all frames are structs
    return str(info.tag)


def _operation(action: str, frame: type[msgspec.Struct]) -> dict[str, Any]:
    """`receive` is what clients say: the document is the server's."""
    message = {"$ref": f"#/channels/socket/messages/{frame.__name__}"}
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": [message]}


def _message(frame: type[msgspec.Struct]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{frame.__name__}"}
    about = {"summary": frame.__doc__} if "__doc__" in vars(frame) and frame.__doc__ else {}
    return {"name": _event(frame), **about, "payload": schema}
