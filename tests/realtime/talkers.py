"""People at a socket: real clients over a real network, for the stack's tests."""

import itertools
import json
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, get_args

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from realtime.socket.posted import PostedFrame
from realtime.socket.said import ServerFrame
from tests.stack import Stack

SECONDS = 10.0
# What programs of the server say, by realtime.doors.
SENT_BY_OTHERS = frozenset({
    "notification", "system:maintenance",
    *(frame.__struct_config__.tag for frame in get_args(PostedFrame)),
})  # fmt: skip

_check = msgspec.json.Decoder(ServerFrame).decode


class Talker:
    """One connection. What it hears is kept until a test asks for it."""

    def __init__(self, stack: Stack, token: str | None, *, at: str = "", **options: Any) -> None:
        """`at`: another address of the same stack, that of a proxy say."""
        offered = ["rallypoint.v1", *([f"bearer.{token}"] if token else [])]
        url = f"{(at or stack.url).replace('http', 'ws')}/ws/"
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(url, subprotocols=offered, max_size=2**24, open_timeout=SECONDS, **options)
        )
        self._refs = itertools.count(1)
        self._heard: list[dict[str, Any]] = []
        # Takes a frame, or leaves it to be asked for.
        self.on_frame: Callable[[dict[str, Any]], bool] = lambda _: False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def say(self, event: str, **data: Any) -> str:
        """The ref under which the answer will come."""
        ref = str(next(self._refs))
        frame: dict[str, Any] = {"event": event, "ref": ref}
        self.socket.send(json.dumps(frame | ({"data": data} if data else {})))
        return ref

    def ask(self, event: str, **data: Any) -> dict[str, Any]:
        """The `ack` or `error` for it."""
        return self.answer(self.say(event, **data))

    def answer(self, ref: str) -> dict[str, Any]:
        return self._until(lambda frame: frame.get("ref") == ref)

    def hear(self, event: str) -> Any:
        """The data of the next such frame; what came before it is kept for others to ask for."""
        return self._until(lambda frame: frame["event"] == event).get("data")

    def has_heard(self, event: str) -> bool:
        """Among what has come and was not asked for."""
        return any(frame["event"] == event for frame in self._heard)

    def heard_so_far(self) -> list[dict[str, Any]]:
        """All that nobody asked for, in the order in which it came."""
        self.ask("ping")
        return list(self._heard)

    def heard_until_now(self, event: str) -> list[dict[str, Any]]:
        """All such frames that nobody asked for."""
        return [frame for frame in self.heard_so_far() if frame["event"] == event]

    def join(self, room: str, **data: Any) -> Any:
        ref = self.say("join:room", room=room, **data)
        answer = self.answer(ref)
        return self.hear("room:joined") if answer["event"] == "ack" else answer

    def ending(self) -> tuple[int, str]:
        """(close code, reason), once the server has closed."""
        try:
            while True:
                self._heard.append(self._read())
        except ConnectionClosed:
            assert self.socket.close_code is not None
            return self.socket.close_code, self.socket.close_reason or ""

    def _until(self, wanted: Any) -> dict[str, Any]:
        for number, frame in enumerate(self._heard):
            if wanted(frame):
                return self._heard.pop(number)
        while True:
            frame = self._read()
            if self.on_frame(frame):
                continue
            if wanted(frame):
                return dict(frame)
            self._heard.append(frame)

    def _read(self) -> dict[str, Any]:
        """The next frame, which is as its document says."""
        text = self.socket.recv(timeout=SECONDS)
        frame: dict[str, Any] = json.loads(text)
        if frame["event"] not in SENT_BY_OTHERS:
            _check(text)
        return frame
