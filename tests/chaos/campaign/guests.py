"""Who talks in rooms."""

import asyncio
import threading
from typing import Any

from tests.chaos.campaign.notes import Notes
from tests.chaos.crowd import Client

PACE = 0.3  # s between two messages, on average
WORDS = 50_000  # more than a campaign has time for


class Guest(Client):
    """Notes under which number each of her messages is acknowledged, and whatever she hears twice
    or out of order."""

    def __init__(self, url: str, token: str, room: str, name: str, notes: Notes) -> None:
        super().__init__(url, token, room, [f"{name}-{word}" for word in range(WORDS)], PACE)
        self._notes, self._name = notes, name

    def _take(self, frame: dict[str, Any]) -> None:
        data = frame.get("data") or {}
        if frame["event"] == "ack" and "seq" in data and self.left:
            self._notes.acknowledged[self.room, self.left[0]] = data["seq"]
            self._notes.note_well(self.room)
        if frame["event"] == "room:joined" and not data["recovered"] and self.heard:
            self._notes.disorder.append(f"{self._name}: missed more than is caught up")
        super()._take(frame)

    def _note(self, message: dict[str, Any]) -> None:
        if message["seq"] != len(self.heard) + 1:
            said = f"{self._name}: number {message['seq']} after {len(self.heard)}"
            self._notes.disorder.append(said)
        self.heard.append((message["seq"], message["body"]))


class Talk:
    """All guests in one event loop, in a thread of its own."""

    def __init__(self, guests: list[Guest]) -> None:
        self.guests = guests
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def rest(self) -> None:
        """They end their sentence, stay, and are silent."""
        for guest in self.guests:
            while len(guest.left) > 1:
                guest.left.pop()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        living = [self._loop.create_task(guest.run()) for guest in self.guests]
        self._loop.run_forever()
        for one in living:
            one.cancel()
        self._loop.run_until_complete(asyncio.gather(*living, return_exceptions=True))
