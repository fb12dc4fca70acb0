"""Many clients at once, in one event loop: each says what it has to say, comes back by the rules
when it is sent away, and keeps the list of what it heard."""

import asyncio
import itertools
import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.stack import Stack

ANSWERED_WITHIN = 10.0
# Connections of one person; a process holds twenty.
A_PERSON = 8


class Client:
    """`pace` is how many seconds it waits before it speaks again."""

    def __init__(self, url: str, token: str, room: str, words: list[str], pace: float) -> None:
        self.url, self.token, self.room, self.pace = url, token, room, pace
        self.left = deque(words)
        self.heard: list[tuple[int, str]] = []
        self.returns = 0
        self.codes: list[int | None] = []
        self.on_ack: Callable[[Client, str], None] = lambda *_: None
        self._refs = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._back_after = 0.0

    @property
    def is_done(self) -> bool:
        return not self.left

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with connect(
                    self.url,
                    subprotocols=["rallypoint.v1", f"bearer.{self.token}"],  # type: ignore[list-item]
                    max_size=2**22,
                    compression=None,
                    ping_interval=None,
                ) as socket:
                    await self._live(socket)
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else None)
            except (WebSocketException, OSError, TimeoutError):
                self.codes.append(None)
            self.returns += 1
            await asyncio.sleep(self._back_after or random.uniform(0, 0.5))
            self._back_after = 0.0

    async def _live(self, socket: ClientConnection) -> None:
        self._answers.clear()
        talking = asyncio.create_task(self._talk(socket))
        # Who gets no answer any more hangs up, and calls again.
        talking.add_done_callback(lambda _: asyncio.ensure_future(socket.close()))
        try:
            async for text in socket:
                self._take(json.loads(text))
        finally:
            talking.cancel()

    async def _talk(self, socket: ClientConnection) -> None:
        while (await self._join(socket))["event"] == "error":  # noqa: ASYNC110 - PostgreSQL is away
            await asyncio.sleep(0.3)
        while True:
            await asyncio.sleep(random.uniform(0, 2 * self.pace))
            if not self.left:
                await self._ask(socket, "ping")
                continue
            words = self.left[0]
            said = {"room": self.room, "body": words, "clientId": words}
            answer = await self._ask(socket, "message:send", **said)
            if answer["event"] == "ack":
                self.left.popleft()
                self.on_ack(self, words)

    async def _join(self, socket: ClientConnection) -> Any:
        return await self._ask(socket, "join:room", room=self.room, after=len(self.heard))

    async def _ask(self, socket: ClientConnection, event: str, **data: Any) -> Any:
        ref = str(next(self._refs))
        answer = self._answers[ref] = asyncio.get_running_loop().create_future()
        frame: dict[str, Any] = {"event": event, "ref": ref}
        await socket.send(json.dumps(frame | ({"data": data} if data else {})))
        return await asyncio.wait_for(answer, ANSWERED_WITHIN)

    def _take(self, frame: dict[str, Any]) -> None:
        answer = self._answers.pop(frame.get("ref", ""), None)
        if answer and not answer.done():
            answer.set_result(frame)
        data = frame.get("data") or {}
        match frame["event"]:
            case "server:draining":
                self._back_after = data["reconnectAfterMs"] / 1000
            case "room:joined":
                assert data["recovered"] or not self.heard, "more was missed than is caught up"
                for message in data["messages"]:
                    self._note(message)
            case "message:received":
                self._note(data)

    def _note(self, message: dict[str, Any]) -> None:
        assert message["seq"] == len(self.heard) + 1, (message["seq"], len(self.heard))
        self.heard.append((message["seq"], message["body"]))


def make_people(stack: Stack, many: int, rooms: list[str]) -> list[str]:
    """Their tokens; the rooms are there afterwards."""
    said = stack.manage(
        "shell", "-c",
        "import json; from accounts.models import User; from accounts.services import issue_tokens;"
        "from realtime.rooms import create_room;"
        f"people = [User.objects.get_or_create(username=f'crowd-{{n}}')[0] for n in range({many})];"
        f"[create_room(creator=people[i % len(people)], slug=slug, name=slug)"
        f" for i, slug in enumerate({rooms!r})];"
        "print(json.dumps([issue_tokens(user=person).access for person in people]))",
    )  # fmt: skip
    return list(json.loads(said.splitlines()[-1]))


def make_crowd(
    stack: Stack, *, clients: int, rooms: list[str], messages: int, pace: float
) -> list[Client]:
    tokens = make_people(stack, -(-clients // A_PERSON), rooms)
    url = f"{stack.url.replace('http', 'ws')}/ws/"
    return [
        Client(
            url, tokens[number % len(tokens)], rooms[number % len(rooms)],
            [f"{number}-{word}" for word in range(messages)], pace,
        )
        for number in range(clients)
    ]  # fmt: skip
